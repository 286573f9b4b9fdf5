"""The mesh knows every Kafka server that Knative talks to."""

import ipaddress
from collections import Counter
from collections.abc import Iterator
from typing import Any, Final, NamedTuple

from mesh_policy.documented.kinds import KAFKA, MESH_KINDS, SERVICE_ENTRY
from mesh_policy.documented.names import EVENTING_NAMESPACE
from mesh_policy.documented.sections import SERVERLESS_SECTION
from mesh_policy.findings import Finding, Severity
from mesh_policy.reading.objects import Object
from mesh_policy.reading.values import (
    UNKNOWN,
    at,
    has_unknown,
    items,
    number,
    show,
    strings,
    text,
    truth,
)
from mesh_policy.rule import Rule
from mesh_policy.world import World

_CHANNEL: Final = ("spec", "channel", "bootstrapServers")
_BROKER: Final = ("spec", "broker", "defaultConfig", "bootstrapServers")


class _Server(NamedTuple):
    host: str
    port: int


def check(world: World) -> Iterator[Finding]:
    """Check the bootstrap servers of KnativeKafka against the ServiceEntries in its reach."""
    for kafka in world.objects(KAFKA):
        yield from _sink(kafka)
        for path in (_CHANNEL, _BROKER):
            if truth(kafka.get("spec", path[1], "enabled")):
                yield from _servers(world, kafka, path)
    for entry in world.objects(SERVICE_ENTRY, EVENTING_NAMESPACE):
        yield from _names(entry)


def _sink(kafka: Object) -> Iterator[Finding]:
    misplaced = kafka.get("spec", "broker", "sink")
    if misplaced is not None and misplaced is not UNKNOWN:
        needed = "spec.sink.enabled; the API server drops a sink under broker without a word"
        yield kafka.breaks("spec.broker.sink", show(misplaced), needed)


def _servers(world: World, kafka: Object, path: tuple[str, ...]) -> Iterator[Finding]:
    value, place = kafka.get(*path), ".".join(path)
    if value is UNKNOWN:
        yield kafka.unknown(place)
        return
    texts = [part.strip() for part in text(value).split(",") if part.strip()]
    if not texts:
        yield kafka.breaks(place, show(value), "host:port of a Kafka server")
    entries = list(_in_reach(world, kafka.ref.namespace))
    for each in texts:
        server = _parsed(each)
        if server is None:
            yield kafka.breaks(place, each, "host:port")
        elif not any(_covers(entry, server) for entry in entries):
            yield from _uncovered(world, kafka, place, server, entries)


def _uncovered(
    world: World, kafka: Object, place: str, server: _Server, entries: list[Object]
) -> Iterator[Finding]:
    parts = ("hosts", "addresses", "ports", "exportTo")
    doubtful = [e for e in entries if any(has_unknown(e.get("spec", part)) for part in parts)]
    needed = f"a ServiceEntry with the host {server.host} and the port {server.port}"
    if doubtful:
        yield doubtful[0].unknown("spec")
    elif SERVICE_ENTRY in world.unread:
        return
    elif entries or world.complete:
        found = f"{server.host}:{server.port}, which no ServiceEntry covers"
        yield kafka.breaks(place, found, needed)
    else:
        yield from world.missing(SERVICE_ENTRY, kafka.ref.namespace, "kafka-cluster", needed)


def _in_reach(world: World, namespace: str) -> Iterator[Object]:
    """List the ServiceEntries that the proxies of a namespace see."""
    mesh = world.serverless_mesh
    for entry in world.objects(SERVICE_ENTRY):
        own = entry.ref.namespace == namespace
        exported = entry.get("spec", "exportTo")
        wanted = {"*", namespace, *(["."] if own else [])}
        told = not items(exported) or has_unknown(exported) or wanted & set(strings(exported))
        if told and (own or mesh is None or mesh.reads(entry.ref.namespace) is not False):
            yield entry


def _parsed(server: str) -> _Server | None:
    host, colon, port = server.rpartition(":")
    parsed = number(port)
    host = host.strip("[]").rstrip(".").lower()
    if not colon or not host or parsed is None or not 0 < parsed < 65536:
        return None
    return _Server(host, parsed)


def _covers(entry: Object, server: _Server) -> bool:
    ports = [number(at(port, "number")) for port in items(entry.get("spec", "ports"))]
    if server.port not in ports:
        return False
    hosts = (host.lower().rstrip(".") for host in strings(entry.get("spec", "hosts")))
    addresses = strings(entry.get("spec", "addresses"))
    return any(_is_host(host, server.host) for host in hosts) or any(
        _is_address(address, server.host) for address in addresses
    )


def _is_host(pattern: str, host: str) -> bool:
    if pattern.startswith("*"):
        return host.endswith(pattern[1:]) and host != pattern[1:]
    return pattern == host


def _is_address(network: str, host: str) -> bool:
    try:
        return ipaddress.ip_address(host) in ipaddress.ip_network(network, strict=False)
    except ValueError:
        return False


def _names(entry: Object) -> Iterator[Finding]:
    ports = entry.get("spec", "ports")
    names: list[Any] = [at(port, "name") for port in items(ports)]
    if ports is UNKNOWN or UNKNOWN in names:
        yield entry.unknown("spec.ports")
        return
    seen: Counter[str] = Counter()
    for index, name in enumerate(names):
        seen[text(name)] += 1
        if text(name) and seen[name] == 2:
            path = f"spec.ports[{index}].name"
            yield entry.breaks(path, f"{name} a second time", "a name of its own for each port")


RULE = Rule(
    id="kafka-service-entry",
    title="The mesh knows every Kafka server that Knative talks to",
    severity=Severity.ERROR,
    why=(
        "Sidecars need a ServiceEntry to reach a Kafka cluster outside of the mesh. Port names "
        "that repeat are refused by the API server, and a sink in the wrong place is dropped."
    ),
    remedy=(
        "Name every bootstrap server's host and port in a ServiceEntry of the same namespace, each "
        "port with a name of its own; enable the sink at spec.sink."
    ),
    section=SERVERLESS_SECTION,
    kinds=MESH_KINDS | {KAFKA, SERVICE_ENTRY},
    check=check,
    in_mesh=True,
)
