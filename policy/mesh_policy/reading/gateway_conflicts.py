"""What becomes of two servers on one port of a gateway's pods, as istiod and Envoy have it."""

from collections.abc import Collection, Iterator
from enum import Enum, auto
from typing import Final, NamedTuple

from mesh_policy.reading.istio_gateways import Layer, Server

_EVERY: Final = "*"
_CLUSTER: Final = "outbound_."
"""How the names begin by which proxies call Istio's clusters through gateways."""


class Outcome(Enum):
    """Who serves a host that two servers claim."""

    OLDER = auto()
    """istiod leaves the younger server out."""
    NEITHER = auto()
    """Envoy refuses the listener with both."""
    NARROWER = auto()
    """The narrower host goes first: the other server has it."""


class Conflict(NamedTuple):
    """Where the other server claims what, and who has it; not `certain` where a name is missing."""

    path: str
    claimed: str
    outcome: Outcome
    certain: bool = True


class Names(NamedTuple):
    """The hosts that a server is there for, and the wildcards over them.

    Not `complete`: there are others, so that any narrower wildcard may take some.
    """

    covering: Collection[str]
    complete: bool
    by_cluster: bool = False
    """Whether clients name Istio's clusters, which AUTO_PASSTHROUGH takes."""


class Routed(NamedTuple):
    """What VirtualServices make of a Gateway's servers that do not terminate HTTPS."""

    sni: frozenset[tuple[str, str]] = frozenset()
    """The names of connections that are passed through, each after the route's namespace."""
    tcp: frozenset[str] = frozenset()
    """The namespaces in which TCP is routed."""

    def reaches(self, server: Server, namespace: str) -> bool:
        """Say whether a server has a host for routes of a namespace."""
        scopes = {host.name.rpartition("/")[0] for host in server.hosts}
        return not scopes.isdisjoint({"", namespace})


def conflict(
    ours: Server, other: Server, names: Names, routed: Routed, *, older: bool | None
) -> Conflict | None:
    """Say how another server on the same address and port is in the way; None: it is not.

    `older` says whether the other Gateway is the older one; None: their ages are not known.
    """
    if left_out := _of_one_name(ours, other):
        return left_out
    if ours.layer == other.layer == Layer.HTTP:
        # istiod merges them; with an address that is written otherwise, into two filter chains.
        differs = ours.bind != other.bind
        return Conflict(f"{other.path}.bind", "bind", Outcome.NEITHER) if differs else None
    if ours.layer != other.layer or ours.layer == Layer.TCP:
        return _of_layers(ours, other, names, routed, older)
    return next(_of_hosts(ours, other, names, routed), None)


def _of_one_name(ours: Server, other: Server) -> Conflict | None:
    """Judge servers with settings of TLS by their hosts as they are written (`CheckDuplicates`)."""
    own = {host.name for host in ours.hosts}
    if ours.layer != Layer.TLS or ours.bind != other.bind:
        return None
    if other.layer != Layer.TLS and not other.redirects:
        return None
    for host in other.hosts:
        if host.name in own:
            return Conflict(host.path, f"host {host.sni}", Outcome.OLDER)
    return None


def _of_layers(
    ours: Server, other: Server, names: Names, routed: Routed, older: bool | None
) -> Conflict | None:
    """Judge servers of two layers (`mergeGateways`)."""
    path, claimed = f"{other.path}.port.protocol", other.layer.value
    plain_first = older if ours.layer == Layer.TLS else other.layer == Layer.TCP or older is False
    if older is None:
        plain_first = True
    if plain_first and ours.bind == other.bind:
        return Conflict(path, claimed, Outcome.OLDER)
    # Both stay: one filter chain for whatever has no name, beside those for names.
    if ours.layer == Layer.TLS:
        named = {host.sni for host in ours.hosts}
    else:
        named = {name for _, name in _matched(other, names, routed)}
    if _EVERY in named:
        return Conflict(path, claimed, Outcome.NEITHER)
    return next(_in_two_ways(other), None)


def _of_hosts(ours: Server, other: Server, names: Names, routed: Routed) -> Iterator[Conflict]:
    """Judge TLS servers by the names that Envoy matches, without their case and namespace."""
    served = {host.sni for host in ours.hosts}
    yield from _in_two_ways(other)
    for path, name in _matched(other, names, routed):
        if name in served:
            yield Conflict(path, f"host {name}", Outcome.NEITHER)
    for path, name in _matched(other, names, routed):
        if any(_is_within(name, host) for host in served):
            if name in names.covering:
                yield Conflict(path, f"host {name}", Outcome.NARROWER)
            elif not names.complete and name.startswith("*."):
                yield Conflict(path, f"host {name}", Outcome.NARROWER, certain=False)


def _in_two_ways(server: Server) -> Iterator[Conflict]:
    """Find a host that is there twice for Envoy, which refuses the listener for that alone."""
    written: dict[str, str] = {}
    for host in server.hosts if server.terminates else ():
        name = host.name.rpartition("/")[2]
        if written.setdefault(host.sni, name) != name:
            yield Conflict(host.path, f"host {host.sni} written in two ways", Outcome.NEITHER)


def _matched(server: Server, names: Names, routed: Routed) -> Iterator[tuple[str, str]]:
    """List the names for which a server gets filter chains, each with its path."""
    if server.mode == "PASSTHROUGH":
        path = server.hosts[0].path if server.hosts else server.path
        for namespace, name in sorted(routed.sni):
            if routed.reaches(server, namespace):
                yield path, name
        return
    if server.mode == "AUTO_PASSTHROUGH":
        # It has a filter chain for each of Istio's clusters within its hosts.
        clusters = [name for name in names.covering if name.startswith(_CLUSTER)]
        for host in server.hosts if names.by_cluster else ():
            for name in clusters if host.sni == _EVERY else [host.sni]:
                yield host.path, name
    elif server.terminates or any(routed.reaches(server, each) for each in routed.tcp):
        for host in server.hosts:
            yield host.path, host.sni


def _is_within(name: str, host: str) -> bool:
    """Say whether a host is narrower than another."""
    return name != host and host.startswith(_EVERY) and name.endswith(host[1:])
