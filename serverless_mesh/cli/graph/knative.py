"""Knative Serving and Eventing, and Kafka."""

from collections.abc import Iterator, Mapping
from typing import Final

from mesh_policy.documented.kinds import EVENTING, KAFKA, SERVICE_ENTRY, SERVING
from mesh_policy.documented.names import (
    API_SERVER_CALLS,
    DOMAIN_TEMPLATE,
    EVENTING_NAMESPACE,
    KAFKA_WORKLOADS,
    SERVING_NAMESPACE,
    SERVING_WORKLOADS,
)
from mesh_policy.mesh.injectors import workload_sources
from mesh_policy.reading.injection import Injected, Injection, Pod, Unsure
from mesh_policy.reading.kafka_servers import Server, parse
from mesh_policy.reading.knative import uses_istio
from mesh_policy.reading.knative_domains import naming
from mesh_policy.reading.objects import Object
from mesh_policy.reading.operators import serverless_version
from mesh_policy.reading.service_entries import Entry, Reach
from mesh_policy.reading.values import at, text, truth
from mesh_policy.sidecars import injection, needed
from serverless_mesh.cli.graph.model import Edge, Group, Lane, Node, Way, listed
from serverless_mesh.cli.graph.scene import Scene, identity_of, readiness

ACTIVATOR: Final = f"{SERVING_NAMESPACE}/activator"
_SERVERS: Final = "kafka-servers"
_USES: Final = {
    "activator": "takes requests while pods scale",
    "autoscaler": "tells how many pods there are",
}


def serving(scene: Scene) -> Iterator[Node]:
    """Give KnativeServing, the workloads of its data plane, and what the API server calls."""
    for item in scene.world.objects(SERVING):
        yield scene.node(item.ref.name, _serving(scene, item), [item])
        answers = _injections(scene, item)
        for name in SERVING_WORKLOADS:
            lines = [_USES[name], _sidecar(answers[name])]
            yield Node(f"{item.ref.namespace}/{name}", "Deployment", name, tuple(lines))
        called = API_SERVER_CALLS[SERVING.name]
        lines = [listed(called, 2), "called by the API server", "without a sidecar"]
        yield Node(f"{item.ref.namespace}/webhooks", "Deployments", "webhooks", tuple(lines))


def _serving(scene: Scene, item: Object) -> Iterator[str]:
    uses = uses_istio(item)
    yield {True: "ingress: Istio", False: "ingress: not Istio", None: "ingress: not known"}[uses]
    how = naming(scene.world, item)
    if text(how.template) and how.template != DOMAIN_TEMPLATE:
        yield f"names {text(how.template)}"
    yield from readiness(item)


def _injections(scene: Scene, resource: Object) -> Mapping[str, Injection]:
    """Say of each workload that needs a sidecar whether its pods get one."""
    world, ref = scene.world, resource.ref
    pods = {source.name: source.pod for source in workload_sources(resource)}
    names = needed(ref.kind, resource.body, serverless_version(world))
    return {name: injection(world, pods.get(name, Pod(ref.namespace))) for name in names}


def _sidecar(answer: Injection) -> str:
    if isinstance(answer, Unsure):
        return "a sidecar or none: not known"
    return "with a sidecar" if isinstance(answer, Injected) else "without a sidecar"


def eventing(scene: Scene) -> Iterator[Node]:
    """Give KnativeEventing and KnativeKafka, each with how many of its workloads have sidecars."""
    for item in scene.world.objects(EVENTING):
        yield scene.node(item.ref.name, [_sidecars(scene, item), *readiness(item)], [item])
    for item in scene.world.objects(KAFKA):
        parts = [part for part in KAFKA_WORKLOADS if truth(item.get("spec", part, "enabled"))]
        lines = [listed(parts, len(parts)), _sidecars(scene, item), *readiness(item)]
        yield scene.node(item.ref.name, filter(None, lines), [item])


def _sidecars(scene: Scene, item: Object) -> str:
    answers = list(_injections(scene, item).values())
    unsure = sum(isinstance(each, Unsure) for each in answers)
    there = sum(isinstance(each, Injected) for each in answers)
    doubt = f", {unsure} not known" if unsure else ""
    return f"sidecars: {there} of {len(answers)} workloads{doubt}"


def kafka(scene: Scene) -> Iterator[Group]:
    """Give the Kafka servers, which are outside of the mesh, with the ServiceEntries for them."""
    world = scene.world
    servers = list(dict.fromkeys(_servers(scene)))
    entries = [Entry(item) for item in world.objects(SERVICE_ENTRY)]
    reach = Reach(entries)
    naming_ = [entry.item for server in servers for entry in reach.naming(server)]
    own = world.objects(SERVICE_ENTRY, EVENTING_NAMESPACE)
    found = list(dict.fromkeys((*naming_, *own)))
    if not servers and not (found and world.objects(KAFKA)):
        return
    lines = [str(server) for server in servers[:2]]
    lines += [f"and {len(servers) - 2} more"] if len(servers) > 2 else []
    known = listed([item.ref.name for item in found], 2)
    lines.append(f"ServiceEntry {known}" if found else "no ServiceEntry names them")
    node = scene.node("bootstrap servers", lines, found, kind="Kafka", identity=_SERVERS)
    yield Group("kafka", Lane.PROJECTS, "outside the mesh", "Apache Kafka", nodes=(node,))


def _servers(scene: Scene) -> Iterator[Server]:
    for item in scene.world.objects(KAFKA):
        spec = item.get("spec")
        for part, written in (
            ("channel", at(spec, "channel", "bootstrapServers")),
            ("broker", at(spec, "broker", "defaultConfig", "bootstrapServers")),
        ):
            for each in text(written).split(",") if truth(at(spec, part, "enabled")) else ():
                if server := parse(each.strip()):
                    yield server


def kafka_edges(scene: Scene, identities: set[str]) -> Iterator[Edge]:
    """Lead from KnativeKafka to the servers."""
    for item in scene.world.objects(KAFKA):
        if _SERVERS in identities:
            source = identity_of(item.ref.kind, item.ref.namespace, item.ref.name)
            yield Edge(source, _SERVERS, Way.TCP)
