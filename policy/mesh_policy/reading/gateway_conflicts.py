"""What becomes of two servers on one port of a gateway's pods, as istiod and Envoy have it."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
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
    TWICE = auto()
    """Envoy refuses the listener for two filter chains of the other Gateway's own."""
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


class Route(NamedTuple):
    """A VirtualService, as far as servers meet it that do not terminate HTTPS.

    `passed` are the names of the connections that it passes through, as it has them.
    """

    namespace: str
    hosts: tuple[str, ...]
    passed: tuple[str, ...] = ()
    tcp: bool = False

    def is_for(self, server: Server) -> bool:
        """Say whether a server has one of its hosts (`pickMatchingGatewayHosts`)."""
        for host in server.hosts:
            scope, _, name = host.name.rpartition("/")
            if scope in ("", self.namespace) and any(_meet(name, each) for each in self.hosts):
                return True
        return False


@dataclass
class Chains:
    """The filter chains that one Gateway gets on one port of a gateway's pods."""

    _written: set[tuple[str, str]] = field(default_factory=set)
    _passed: set[tuple[str, str]] = field(default_factory=set)
    _names: set[str] = field(default_factory=set)

    def leave_out(self, server: Server) -> bool:
        """Say whether istiod leaves out a server for another one of the same Gateway."""
        written = ((server.bind, host.name) for host in server.hosts)
        return server.has_tls and not self._written.isdisjoint(written)

    def add(
        self, server: Server, names: Names, routes: Sequence[Route]
    ) -> tuple[list[tuple[str, str]], Conflict | None]:
        """Add a server's; return the name that each is for, with its path.

        And one that is there already, if any: Envoy refuses the listener for that alone.
        """
        matched = list(self._matched(server, names, routes))
        twice = None
        for path, name in matched:
            if name in self._names and twice is None:
                twice = Conflict(path, f"host {name}", Outcome.TWICE)
            self._names.add(name)
        if server.has_tls:
            self._written |= {(server.bind, host.name) for host in server.hosts}
        return matched, twice

    def _matched(
        self, server: Server, names: Names, routes: Sequence[Route]
    ) -> Iterator[tuple[str, str]]:
        """List the names, of which one that stands there in two ways is there twice."""
        if server.mode == "PASSTHROUGH":
            path = server.hosts[0].path if server.hosts else server.path
            for route in routes:
                for name in route.passed if route.is_for(server) else ():
                    # istiod leaves out the second of the same bind (`CheckDuplicates`).
                    if (server.bind, name) not in self._passed:
                        self._passed.add((server.bind, name))
                        yield path, name.lower()
        elif server.mode == "AUTO_PASSTHROUGH":
            # It has a filter chain for each of Istio's clusters within its hosts.
            clusters = [name for name in names.covering if name.startswith(_CLUSTER)]
            for cluster in clusters if names.by_cluster else ():
                for host in server.hosts:
                    if host.sni == _EVERY or _is_within(cluster, host.sni):
                        yield host.path, cluster
                        break
        elif server.terminates or any(each.tcp and each.is_for(server) for each in routes):
            ways = {host.name.rpartition("/")[2]: host for host in reversed(server.hosts)}
            for host in reversed(ways.values()):
                yield host.path, host.sni


def conflict(
    ours: Server,
    other: Server,
    names: Names,
    routes: Sequence[Route],
    chains: Chains,
    *,
    older: bool | None,
) -> Conflict | None:
    """Say how another server on the same address and port is in the way; None: it is not.

    `routes` are those of the other Gateway, and `chains` those of its earlier servers there, to
    which this adds its own.
    `older` says whether the other Gateway is the older one; None: their ages are not known.
    """
    if left_out := _of_one_name(ours, other):
        return left_out
    if chains.leave_out(other):
        return None
    matched, twice = chains.add(other, names, routes)
    if ours.layer == other.layer == Layer.HTTP:
        # istiod merges them; with an address that is written otherwise, into two filter chains.
        differs = ours.bind != other.bind
        return Conflict(f"{other.path}.bind", "bind", Outcome.NEITHER) if differs else None
    if ours.layer != other.layer or ours.layer == Layer.TCP:
        return _of_layers(ours, other, matched, older) or twice
    return twice or next(_of_hosts(ours, matched, names), None)


def _of_one_name(ours: Server, other: Server) -> Conflict | None:
    """Judge servers with settings of TLS by their hosts as they are written (`CheckDuplicates`)."""
    own = {host.name for host in ours.hosts}
    if ours.layer != Layer.TLS or ours.bind != other.bind:
        return None
    if not other.has_tls:
        return None
    for host in other.hosts:
        if host.name in own:
            return Conflict(host.path, f"host {host.sni}", Outcome.OLDER)
    return None


def _of_layers(
    ours: Server, other: Server, matched: list[tuple[str, str]], older: bool | None
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
        named = {_EVERY} if other.layer == Layer.TCP else {name for _, name in matched}
    return Conflict(path, claimed, Outcome.NEITHER) if _EVERY in named else None


def _of_hosts(ours: Server, matched: list[tuple[str, str]], names: Names) -> Iterator[Conflict]:
    """Judge TLS servers by the names that Envoy matches, without their case and namespace."""
    served = {host.sni for host in ours.hosts}
    for path, name in matched:
        if name in served:
            yield Conflict(path, f"host {name}", Outcome.NEITHER)
    for path, name in matched:
        if any(_is_within(name, host) for host in served):
            if name in names.covering:
                yield Conflict(path, f"host {name}", Outcome.NARROWER)
            elif not names.complete and name.startswith("*."):
                yield Conflict(path, f"host {name}", Outcome.NARROWER, certain=False)


def _meet(one: str, other: str) -> bool:
    """Say whether two hosts, each perhaps a wildcard, have a name in common (`Matches`)."""
    if one.startswith(_EVERY) and other.startswith(_EVERY):
        return one[1:].endswith(other[1:]) or other[1:].endswith(one[1:])
    if one.startswith(_EVERY):
        return other.endswith(one[1:])
    return one.endswith(other[1:]) if other.startswith(_EVERY) else one == other


def _is_within(name: str, host: str) -> bool:
    """Say whether a host is narrower than another."""
    return name != host and host.startswith(_EVERY) and name.endswith(host[1:])
