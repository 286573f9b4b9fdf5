"""Which DestinationRule a proxy goes by on its way to a host, as istiod chooses it.

First one in the client's own namespace, then an exported one in the namespace of the Service, then
an exported one in the root namespace; each time that of the most specific host. Several for a host
in one namespace become one, of which the oldest traffic policy counts. A host with a dot in it is
taken for a full name: `a.ns` is no Service's.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any, Final, NamedTuple

from mesh_policy.findings import Ref
from mesh_policy.reading.ages import Ages
from mesh_policy.reading.cluster_hosts import canonical
from mesh_policy.reading.dns_names import wildcards_over
from mesh_policy.reading.exports import ALL, OWN
from mesh_policy.reading.label_selectors import labels
from mesh_policy.reading.objects import Object
from mesh_policy.reading.values import UNKNOWN, at, items, number, strings, text

ANYWHERE: Final = ""
"""A client in a namespace that has no DestinationRules and that none is exported to by name."""
_EVERY: Final = "*"
"""A host that is every one's."""
_POLICY: Final = "spec.trafficPolicy"


class Target(NamedTuple):
    """A Service that clients call: its full host, its namespace, and the ports called."""

    host: str
    namespace: str
    ports: tuple[int, ...] = ()


class Tls(NamedTuple):
    """What a DestinationRule says of TLS, and at which path; None: nothing."""

    mode: Any
    path: str


@dataclass(frozen=True, eq=False)
class Chosen:
    """The DestinationRule by which a client goes.

    It is `certain` unless that hangs on the ages, not known, of several for one host.
    """

    item: Object
    host: str
    exported_to: frozenset[str]
    selects: bool
    certain: bool = True

    @property
    def policy(self) -> Any:
        """The traffic policy."""
        return self.item.get("spec", "trafficPolicy")

    def said(self) -> Iterator[Tls]:
        """List all that is said of TLS, for the host and for its ports."""
        yield _tls(self.policy, _POLICY)
        for index, own in enumerate(items(at(self.policy, "portLevelSettings"))):
            yield _tls(own, f"{_POLICY}.portLevelSettings[{index}]")

    def tls(self, port: int) -> Tls:
        """Return what counts for a port of the Service: that of the port stands alone."""
        for index, own in enumerate(items(at(self.policy, "portLevelSettings"))):
            if number(at(own, "port", "number")) == port:
                return _tls(own, f"{_POLICY}.portLevelSettings[{index}]")
        return _tls(self.policy, _POLICY)


def _tls(policy: Any, path: str) -> Tls:
    found = at(policy, "tls")
    if found is None or found is UNKNOWN:
        return Tls(found, f"{path}.tls")
    mode = at(found, "mode")
    # What the API has for a mode that is not given.
    return Tls("DISABLE" if mode is None else mode, f"{path}.tls.mode")


class _Index:
    """The DestinationRules of one namespace by their hosts."""

    def __init__(self) -> None:
        self.by_host: dict[str, list[Chosen]] = defaultdict(list)

    def of(self, host: str) -> Sequence[Chosen]:
        """Return those of the most specific host."""
        if host in self.by_host:
            return self.by_host[host]
        for wildcard in chain(wildcards_over(host), (_EVERY,)):
            if wildcard in self.by_host:
                return self.by_host[wildcard]
        return ()


class DestinationRules:
    """The DestinationRules of a mesh; `exported` is what the mesh says for those that don't."""

    def __init__(self, found: Iterable[Object], root: str, exported: Any, ages: Ages) -> None:
        self._root = root
        self._local: dict[str, _Index] = defaultdict(_Index)
        self._exported: dict[str, _Index] = defaultdict(_Index)
        self._root_local = _Index()
        private_by_default = OWN in items(exported)
        for chosen in _consolidated(found, ages):
            namespace, to = chosen.item.ref.namespace, chosen.exported_to
            if not to or to & {ALL, OWN, namespace}:
                self._local[namespace].by_host[chosen.host].append(chosen)
            private = private_by_default if not to else to <= {OWN, namespace} and len(to) == 1
            if not private:
                self._exported[namespace].by_host[chosen.host].append(chosen)
            elif namespace == root:
                self._root_local.by_host[chosen.host].append(chosen)

    def of(self, client: str, target: Target) -> Chosen | None:
        """Return the one by which a client in a namespace goes; None: by none."""
        # Of several without a selector, istiod has the last.
        found = reversed(self._candidates(client, target))
        return next((each for each in found if not each.selects), None)

    def governs(self, chosen: Chosen, client: str, target: Target) -> bool:
        """Say whether a client in a namespace goes by this one: any, or those that it selects."""
        if chosen.selects:
            return chosen in self._candidates(client, target)
        return self.of(client, target) is chosen

    def _candidates(self, client: str, target: Target) -> Sequence[Chosen]:
        own = self._root_local if client == self._root else self._local.get(client)
        if own is not None and (found := own.of(target.host)):
            return found
        for namespace in (target.namespace, self._root):
            exported = self._exported.get(namespace)
            seen = [
                each
                for each in (exported.of(target.host) if exported else ())
                if not each.exported_to or each.exported_to & {ALL, client}
            ]
            if seen:
                return seen
        return ()

    def all(self) -> Iterator[Chosen]:
        """List every one that counts for anybody, once."""
        for indexes in (self._local, self._exported, {self._root: self._root_local}):
            for index in indexes.values():
                for several in index.by_host.values():
                    yield from several


def clients(chosen: Chosen, root: str) -> Iterator[str]:
    """List the namespaces whose clients may go by a DestinationRule, one of a kind."""
    to = chosen.exported_to
    yield chosen.item.ref.namespace
    if chosen.selects:
        return
    if not to or ALL in to:
        yield ANYWHERE
        yield root
    yield from sorted(to - {ALL, OWN})


def _consolidated(found: Iterable[Object], ages: Ages) -> Iterator[Chosen]:
    """Return one of each namespace, host, visibility and selector, in istiod's order."""
    groups: dict[tuple[str, str, frozenset[str], str], list[Object]] = defaultdict(list)
    known, unknown = ages.oldest_first(found)
    for item in (*known, *unknown):
        namespace, to = item.ref.namespace, item.get("spec", "exportTo")
        host = _full(text(item.get("spec", "host")), namespace)
        selector = item.get("spec", "workloadSelector")
        visible = frozenset(strings(to)) if selector is None else frozenset({OWN})
        selects = "" if selector is None else repr(labels(at(selector, "matchLabels")))
        if host:
            groups[namespace, host, visible, selects].append(item)
    ageless = {item.ref for item in unknown}
    # Those with a selector come first, and otherwise the oldest: a dict keeps that order.
    for (_, host, to, selects), several in sorted(groups.items(), key=lambda each: not each[0][3]):
        chosen, certain = _first(several, ageless)
        yield Chosen(chosen, host, to, bool(selects), certain)


def _first(several: list[Object], ageless: Collection[Ref]) -> tuple[Object, bool]:
    """Return the oldest with a traffic policy, and whether it is that for certain."""
    found = [item for item in several if item.get("spec", "trafficPolicy") is not None]
    if not found or found[0].ref not in ageless:
        return (found or several)[0], True
    said = [item.get("spec", "trafficPolicy") for item in found]
    return found[0], all(each == said[0] for each in said)


def _full(host: str, namespace: str) -> str:
    return canonical(host, namespace) if "." not in host and host != _EVERY else host


def said_of_subsets(item: Object) -> Mapping[str, Any]:
    """Return the TLS mode of each subset, with its path, where a subset has a policy of its own."""
    found = {}
    for index, subset in enumerate(items(item.get("spec", "subsets"))):
        tls = _tls(at(subset, "trafficPolicy"), f"spec.subsets[{index}].trafficPolicy")
        if tls.mode is not None:
            found[tls.path] = tls.mode
    return found
