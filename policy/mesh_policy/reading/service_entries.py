"""ServiceEntries, as Istio validates them and as its proxies find them.

A port of TCP has no name in its traffic: where an entry has no addresses and is not resolved
(NONE), the proxies let everything through that goes to that port, whatever its host.
"""

import ipaddress
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final, NamedTuple

from mesh_policy.reading.cluster_hosts import canonical
from mesh_policy.reading.dns_names import Address, is_label, wildcards_over
from mesh_policy.reading.exports import ALL, NOBODY, OWN, is_exported
from mesh_policy.reading.kafka_servers import Server
from mesh_policy.reading.objects import Object
from mesh_policy.reading.values import UNKNOWN, at, has_unknown, items, number, show, strings, text

_Network = ipaddress.IPv4Network | ipaddress.IPv6Network
_TCP: Final = ("", "TCP", "TLS", "HTTPS")
"""Protocols by which bytes pass as they are; with none, the proxy looks for itself."""
_NAMELESS: Final = ("", "TCP")
PROTOCOLS: Final = (
    *_TCP,
    *("GRPC", "GRPC-WEB", "HTTP", "HTTP2", "HTTP_PROXY", "MONGO", "MYSQL", "REDIS", "UDP"),
)
"""What Istio takes for a protocol, in upper case."""
_RESOLVED: Final = ("DNS", "DNS_ROUND_ROBIN")


@dataclass(frozen=True, eq=False)
class Entry:
    """A ServiceEntry, read once."""

    item: Object
    default: Any = None
    """To which namespaces the mesh exports one that does not say so; None: to all."""

    @cached_property
    def hosts(self) -> frozenset[str]:
        """Its hosts, each in one spelling."""
        return frozenset(map(canonical, strings(self.item.get("spec", "hosts"))))

    @cached_property
    def networks(self) -> list[_Network]:
        """Its addresses, those left out that are none."""
        found = map(_network, strings(self.item.get("spec", "addresses")))
        return [network for network in found if network is not None]

    @cached_property
    def numbers(self) -> frozenset[int]:
        """The numbers of its ports."""
        found = (number(at(port, "number")) for port in items(self.item.get("spec", "ports")))
        return frozenset(port for port in found if port is not None)

    @cached_property
    def doubtful(self) -> bool:
        """Whether it is not known what it covers."""
        parts = ("hosts", "addresses", "ports", "exportTo")
        return any(has_unknown(self.item.get("spec", part)) for part in parts)

    @cached_property
    def whole_ports(self) -> list[int]:
        """The ports to which it takes all traffic, as no address narrows it."""
        if self.resolution != "NONE" or items(self.item.get("spec", "addresses")):
            return []
        ports = items(self.item.get("spec", "ports"))
        nameless = [port for port in ports if _protocol(at(port, "protocol")) in _NAMELESS]
        found = [number(at(port, "number")) for port in nameless]
        return [port for port in found if port is not None]

    def is_exported(self, namespace: str) -> bool:
        """Say whether the proxies of a namespace see it, or may."""
        said = self.item.get("spec", "exportTo")
        exported = said if items(said) or has_unknown(said) else self.default
        return is_exported(exported, self.item.ref.namespace, namespace)

    @property
    def resolution(self) -> str:
        """How its hosts are resolved."""
        return text(self.item.get("spec", "resolution")) or "NONE"


class Refusal(NamedTuple):
    """What is wrong with a ServiceEntry: where, what was found there, and what is needed."""

    path: str
    found: str
    needed: str


class Reach:
    """The ServiceEntries that some proxies see, found by what they name, without pairs."""

    def __init__(self, entries: Iterable[Entry]) -> None:
        """Index the entries."""
        self.entries = list(entries)
        self._by_host: dict[str, list[Entry]] = defaultdict(list)
        self._by_network: dict[_Network, list[Entry]] = defaultdict(list)
        self._by_port: dict[int, Entry] = {}
        for entry in self.entries:
            for host in entry.hosts:
                self._by_host[host].append(entry)
            for network in entry.networks:
                self._by_network[network].append(entry)
            for port in entry.whole_ports:
                self._by_port.setdefault(port, entry)
        self._lengths = {(each.version, each.prefixlen) for each in self._by_network}

    @property
    def doubtful(self) -> Entry | None:
        """One of which it is not known what it covers, if there is one."""
        return next((entry for entry in self.entries if entry.doubtful), None)

    def naming(self, server: Server) -> Iterator[Entry]:
        """List the entries that name a server, by its host or its address, and its port."""
        if isinstance(server.host, str):
            host = canonical(server.host)
            places = (self._by_host.get(name, ()) for name in (host, *wildcards_over(host)))
        else:
            places = (self._by_network.get(each, ()) for each in self._networks(server.host))
        found = (entry for place in places for entry in place)
        yield from (entry for entry in found if server.port in entry.numbers)

    def taking(self, port: int) -> Entry | None:
        """Return an entry that takes all traffic to a port, whatever its host and address."""
        return self._by_port.get(port)

    def _networks(self, host: Address) -> Iterator[_Network]:
        for version, length in self._lengths:
            if version == host.version:
                yield ipaddress.ip_network(f"{host}/{length}", strict=False)


def as_tcp(protocol: Any) -> bool:
    """Say whether the proxies pass on what is no HTTP by that protocol."""
    return protocol is UNKNOWN or _protocol(protocol) in _TCP


def refusals(entry: Entry) -> Iterator[Refusal]:
    """List what Istio refuses of an entry, or can't serve; names of ports are left out."""
    spec = entry.item.get("spec")
    if has_unknown(spec):
        return
    yield from _hosts(spec)
    for index, network in enumerate(items(at(spec, "addresses"))):
        if _network(text(network)) is None:
            yield Refusal(f"spec.addresses[{index}]", show(network), "an address, or a network")
    yield from _exports(spec, entry.item.ref.namespace)
    yield from _ports(spec)
    yield from _endpoints(spec, entry.resolution)


def _hosts(spec: Any) -> Iterator[Refusal]:
    hosts = items(at(spec, "hosts"))
    if not hosts:
        yield Refusal("spec.hosts", show(at(spec, "hosts")), "at least one host")
    for index, host in enumerate(hosts):
        name = text(host).removesuffix(".")
        number_like = ":" in name or "/" in name or name.rpartition(".")[2].isdigit()
        if number_like or name in ("", "*"):
            needed = "a name: Istio refuses another host, and takes addresses in spec.addresses"
            yield Refusal(f"spec.hosts[{index}]", show(host), needed)


def _exports(spec: Any, namespace: str) -> Iterator[Refusal]:
    exported = items(at(spec, "exportTo"))
    seen: set[str] = set()
    for index, entry in enumerate(exported):
        path, name = f"spec.exportTo[{index}]", namespace if entry == OWN else text(entry)
        if name in seen:
            found = f"{show(entry)}, which is there already"
            yield Refusal(path, found, f"each namespace once; {OWN} is {namespace}")
        elif entry not in (OWN, ALL, NOBODY) and not is_label(name):
            yield Refusal(path, show(entry), f"a namespace, {OWN}, {ALL} or {NOBODY}")
        seen.add(name)
    for alone in (ALL, NOBODY):
        if alone in seen and len(exported) > 1:
            needed = f"{alone} alone, or none: Istio refuses it beside others"
            yield Refusal("spec.exportTo", show(list(exported)), needed)


def _ports(spec: Any) -> Iterator[Refusal]:
    ports = items(at(spec, "ports"))
    if not ports:
        yield Refusal("spec.ports", show(at(spec, "ports")), "the ports of the servers")
    seen: set[int] = set()
    for index, port in enumerate(ports):
        path = f"spec.ports[{index}]"
        found = number(at(port, "number"))
        if found is None or not 0 < found < 65536:
            yield Refusal(f"{path}.number", show(at(port, "number")), "a port")
        elif found in seen:
            yield Refusal(f"{path}.number", f"{found} a second time", "each port once")
        else:
            seen.add(found)
        protocol = at(port, "protocol")
        if protocol is not None and _protocol(protocol) not in PROTOCOLS:
            yield Refusal(f"{path}.protocol", show(protocol), "a protocol that Istio knows: TCP")


def _endpoints(spec: Any, resolution: str) -> Iterator[Refusal]:
    endpoints, selector = items(at(spec, "endpoints")), at(spec, "workloadSelector")
    hosts = strings(at(spec, "hosts"))
    if resolution == "STATIC" and not endpoints and selector is None:
        needed = "endpoints, or resolution NONE: without any, nothing is behind the host"
        yield Refusal("spec.endpoints", "nothing, with resolution STATIC", needed)
    if resolution == "NONE" and endpoints:
        needed = "none, or another resolution: with NONE Istio refuses them"
        yield Refusal("spec.endpoints", "endpoints, with resolution NONE", needed)
    if resolution in _RESOLVED and not endpoints and any("*" in host for host in hosts):
        needed = f"names without wildcards: with {resolution}, Istio resolves them"
        yield Refusal("spec.hosts", show(hosts), needed)
    opaque = any(
        _protocol(at(port, "protocol")) in (*_NAMELESS, "UDP", "MONGO", "MYSQL", "REDIS")
        for port in items(at(spec, "ports"))
    )
    if resolution != "NONE" and len(hosts) > 1 and opaque:
        needed = f"one host, or resolution NONE: nothing tells several of TCP apart ({resolution})"
        yield Refusal("spec.hosts", show(hosts), needed)


def _protocol(protocol: Any) -> str:
    return text(protocol).upper()


def _network(written: str) -> _Network | None:
    try:
        return None if "%" in written else ipaddress.ip_network(written, strict=False)
    except ValueError:
        return None
