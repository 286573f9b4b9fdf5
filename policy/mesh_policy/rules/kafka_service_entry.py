"""The mesh knows every Kafka server that Knative talks to."""

from collections import Counter, defaultdict
from collections.abc import Iterator
from typing import Any, Final, NamedTuple

from mesh_policy.documented.kinds import (
    BROKER,
    CONFIG_MAP,
    KAFKA,
    KAFKA_SINK,
    KAFKA_SOURCE,
    MESH_KINDS,
    SERVICE,
    SERVICE_ENTRY,
)
from mesh_policy.documented.names import EVENTING_NAMESPACE
from mesh_policy.documented.sections import SERVERLESS_SECTION
from mesh_policy.findings import Finding, Ref, Severity
from mesh_policy.reading.cluster_hosts import service
from mesh_policy.reading.kafka_servers import Server, parse
from mesh_policy.reading.objects import Object
from mesh_policy.reading.service_entries import PROTOCOLS, Entry, Reach, as_tcp, refusals
from mesh_policy.reading.values import (
    UNKNOWN,
    at,
    has_unknown,
    items,
    number,
    show,
    text,
    truth,
)
from mesh_policy.rule import Rule
from mesh_policy.world import World

_CHANNEL: Final = ("spec", "channel", "bootstrapServers")
_BROKER: Final = ("spec", "broker", "defaultConfig", "bootstrapServers")
_SERVERS: Final = "bootstrap.servers"
"""Of the ConfigMap that a Broker names."""
_NAMESPACED: Final = "KafkaNamespaced"
"""The class of Brokers whose data plane is in their own namespaces."""
_CLASS: Final = "eventing.knative.dev/broker.class"
_ALLOW_ANY: Final = "ALLOW_ANY"


class _Use(NamedTuple):
    """A server that something talks to, out of a namespace."""

    item: Object
    path: str
    server: Server
    namespace: str = EVENTING_NAMESPACE


class _Sight(NamedTuple):
    """The ServiceEntries that the proxies of a namespace see, and those kept from them."""

    reach: Reach
    kept: Reach


def check(world: World) -> Iterator[Finding]:
    """Check every bootstrap server by the ServiceEntries in its reach, and these themselves."""
    sights: dict[str, _Sight] = {}
    entries = {item.ref: Entry(item) for item in world.objects(SERVICE_ENTRY, EVENTING_NAMESPACE)}
    spoken: dict[Ref, set[int]] = defaultdict(set)
    for found in _uses(world):
        if not isinstance(found, _Use):
            yield found
            continue
        if found.namespace not in sights:
            sights[found.namespace] = _sight(world, found.namespace)
        sight = sights[found.namespace]
        naming = list(sight.reach.naming(found.server))
        for entry in naming:
            entries[entry.item.ref] = entry
            spoken[entry.item.ref].add(found.server.port or 0)
        if not naming:
            yield from _unnamed(world, found, sight)
    for kafka in world.objects(KAFKA):
        yield from _sink(kafka)
    for ref, entry in entries.items():
        yield from _entry(entry, spoken[ref])


def _sink(kafka: Object) -> Iterator[Finding]:
    misplaced = kafka.get("spec", "broker", "sink")
    if misplaced is not None and misplaced is not UNKNOWN:
        needed = "spec.sink.enabled; the API server drops a sink under broker without a word"
        yield kafka.breaks("spec.broker.sink", show(misplaced), needed)


def _uses(world: World) -> Iterator[_Use | Finding]:
    for kafka in world.objects(KAFKA):
        for path in (_CHANNEL, _BROKER):
            if truth(kafka.get("spec", path[1], "enabled")):
                place, value = ".".join(path), kafka.get(*path)
                yield from _written(kafka, place, value, kafka.ref.namespace)
    for kind in (KAFKA_SOURCE, KAFKA_SINK):
        for item in world.objects(kind):
            servers = item.get("spec", "bootstrapServers")
            if servers is UNKNOWN:
                yield item.unknown("spec.bootstrapServers")
            for index, value in enumerate(items(servers)):
                yield from _written(item, f"spec.bootstrapServers[{index}]", value)
    for broker in world.objects(BROKER):
        config = broker.get("spec", "config")
        name = text(at(config, "name"))
        namespace = text(at(config, "namespace")) or broker.ref.namespace
        found = world.get(CONFIG_MAP, namespace, name)
        value = found.get("data", _SERVERS) if found else None
        if found is not None and value is not None:
            own = broker.annotations.get(_CLASS) == _NAMESPACED
            where = broker.ref.namespace if own else EVENTING_NAMESPACE
            yield from _written(found, f"data.{_SERVERS}", value, where)


def _written(
    item: Object, path: str, value: Any, namespace: str = EVENTING_NAMESPACE
) -> Iterator[_Use | Finding]:
    """List the servers of a text such as `a:9092,b:9092`."""
    if value is UNKNOWN:
        yield item.unknown(path)
        return
    texts = [part.strip() for part in text(value).split(",") if part.strip()]
    if not texts:
        yield item.breaks(path, show(value), "host:port of a Kafka server")
    for each in texts:
        server = parse(each)
        if server is None or server.port is None:
            yield item.breaks(path, each, "host:port")
        else:
            yield _Use(item, path, server, namespace)


def _sight(world: World, namespace: str) -> _Sight:
    """Return what the proxies of a namespace see, and what not; its own comes first."""
    mesh = world.serverless_mesh
    default = mesh.applied(mesh.variant.exported_services) if mesh else None
    entries = [
        Entry(item, default)
        for item in world.objects(SERVICE_ENTRY)
        if item.ref.namespace == namespace
        or mesh is None
        or mesh.reads(item.ref.namespace) is not False
    ]
    entries.sort(key=lambda entry: entry.item.ref.namespace != namespace)
    return _Sight(
        Reach(entry for entry in entries if entry.is_exported(namespace)),
        Reach(entry for entry in entries if not entry.is_exported(namespace)),
    )


def _unnamed(world: World, use: _Use, sight: _Sight) -> Iterator[Finding]:
    """Say what becomes of traffic to a server that no ServiceEntry in reach names."""
    server, reach = use.server, sight.reach
    known = _is_known(world, server)
    if known or SERVICE_ENTRY in world.unread:
        return
    kept = next(sight.kept.naming(server), None)
    found, needed, related = _uncovered(use, kept)
    # An entry in the clients' own namespace is the one that is meant, and there is no other.
    meant = kept is not None and kept.item.ref.namespace == use.namespace
    if doubtful := reach.doubtful:
        yield doubtful.item.unknown("spec")
    elif taking := reach.taking(server.port or 0):
        also = f"{server}, which {taking.item.ref} lets through by its port alone"
        by = (taking.item.ref,)
        yield use.item.breaks(use.path, also, needed, by, severity=Severity.WARNING)
    elif known is None:
        yield use.item.unsure(use.path, f"whether the mesh knows a Service {server} is not known")
    elif not reach.entries and not world.complete and not meant:
        yield from world.missing(SERVICE_ENTRY, use.namespace, "kafka-cluster", needed)
    elif (policy := _outbound(world)) == _ALLOW_ANY:
        found += f", so that it is passed through as all that is unknown is ({policy})"
        yield use.item.breaks(use.path, found, needed, related, severity=Severity.WARNING)
    else:
        found += f", and which is blocked ({policy})" if policy else ""
        yield use.item.breaks(use.path, found, needed, related)


def _uncovered(use: _Use, kept: Entry | None) -> tuple[str, str, tuple[Ref, ...]]:
    """Say what covers a server, if only what is kept from its clients, what is needed, and who."""
    needed = f"a ServiceEntry with {_asked(use.server)}"
    if kept is None:
        return f"{use.server}, which no ServiceEntry covers", needed, ()
    ref, place = kept.item.ref, use.namespace
    found = f"{use.server}, which {ref} covers, that is not exported to {place}"
    return found, f"{needed}, exported to {place}", (ref,)


def _asked(server: Server) -> str:
    kind = "host" if isinstance(server.host, str) else "address"
    return f"the {kind} {server.host} and the port {server.port}"


def _outbound(world: World) -> str:
    """Return what the control plane does with what the mesh does not know, where it says so."""
    mesh = world.serverless_mesh
    return text(mesh.applied(mesh.variant.outbound)) if mesh and mesh.variant.outbound else ""


def _is_known(world: World, server: Server) -> bool | None:
    """Say whether a server is a Service of the cluster that the mesh knows by itself."""
    mesh = world.serverless_mesh
    name = service(server.host) if isinstance(server.host, str) else None
    if mesh is None or name is None or not mesh.reads(name.namespace):
        return False
    found = world.get(SERVICE, name.namespace, name.name)
    if found is None:
        return False if world.complete and SERVICE not in world.unread else None
    ports = found.get("spec", "ports")
    if has_unknown(ports):
        return None
    return server.port in (number(at(port, "port")) for port in items(ports))


def _entry(entry: Entry, kafkas: set[int]) -> Iterator[Finding]:
    item = entry.item
    ports = item.get("spec", "ports")
    if ports is UNKNOWN or UNKNOWN in [at(port, "name") for port in items(ports)]:
        yield item.unknown("spec.ports")
        return
    yield from _names(item, ports)
    for path, found, needed in refusals(entry):
        yield item.breaks(path, found, needed)
    for index, port in enumerate(items(ports)):
        protocol = at(port, "protocol")
        known = protocol is None or text(protocol).upper() in PROTOCOLS
        if number(at(port, "number")) in kafkas and known and not as_tcp(protocol):
            path = f"spec.ports[{index}].protocol"
            yield item.breaks(path, show(protocol), "TCP, or TLS: no Kafka server speaks it")


def _names(item: Object, ports: Any) -> Iterator[Finding]:
    seen: Counter[str] = Counter()
    for index, port in enumerate(items(ports)):
        name = text(at(port, "name"))
        seen[name] += 1
        if name and seen[name] == 2:
            path = f"spec.ports[{index}].name"
            yield item.breaks(path, f"{name} a second time", "a name of its own for each port")


RULE = Rule(
    id="kafka-service-entry",
    title="The mesh knows every Kafka server that Knative talks to",
    severity=Severity.ERROR,
    why=(
        "Sidecars need a ServiceEntry to reach a Kafka cluster outside of the mesh. What Istio "
        "refuses in one, such as an address among the hosts or a port name that repeats, is not "
        "there, and a sink in the wrong place is dropped."
    ),
    remedy=(
        "Name every bootstrap server's host (or address) and port in a ServiceEntry that "
        "knative-eventing sees, each port with a name of its own and protocol TCP; enable the sink "
        "at spec.sink."
    ),
    section=SERVERLESS_SECTION,
    kinds=MESH_KINDS | {BROKER, KAFKA, KAFKA_SINK, KAFKA_SOURCE, SERVICE, SERVICE_ENTRY},
    check_only=frozenset({CONFIG_MAP}),
    check=check,
    in_mesh=True,
)
