"""From a World to the model of its picture."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Final

from mesh_policy.documented.kinds import EVENTING, KAFKA, NAMESPACE, SERVING
from mesh_policy.documented.names import EVENTING_NAMESPACE, SERVING_NAMESPACE
from mesh_policy.findings import Ref
from mesh_policy.reading.knative_domains import services_domain
from mesh_policy.reading.values import show, text
from mesh_policy.rule import Result
from mesh_policy.world import World
from serverless_mesh.cli.graph import knative, planes
from serverless_mesh.cli.graph.ingress import Ingress
from serverless_mesh.cli.graph.listening import Listening
from serverless_mesh.cli.graph.marks import by_object, marks, namespace_of
from serverless_mesh.cli.graph.model import Edge, Graph, Group, Lane, Mark, Node
from serverless_mesh.cli.graph.projects import Projects
from serverless_mesh.cli.graph.scene import Scene
from serverless_mesh.cli.graph.trust import Trust

_ELSEWHERE: Final = "(not known)"


def build(
    world: World, results: Iterable[Result] = (), *, of: str = "", notes: Iterable[str] = ()
) -> Graph:
    """Draw a world, with what the rules found in it; `of` says where it was read."""
    found = marks(results)
    scene = Scene(world, Trust.of(world), by_object(found))
    ingress = Ingress(scene)
    listening = Listening(scene, ingress)
    namespaces = list(_namespaces(scene, ingress, listening))
    placed = {group.name for group in namespaces}
    projects = Projects(scene, placed)
    groups = [
        *ingress.callers(),
        *namespaces,
        *planes.other_meshes(scene, list(placed)),
        listening.group(),
        *projects.groups(),
        *knative.kafka(scene),
    ]
    drawn = tuple(group for group in _marked(groups, found) if _says_something(group))
    identities = {node.id for group in drawn for node in group.nodes}
    edges = [
        *ingress.edges(identities),
        *listening.edges(),
        *_onward(scene, listening, projects, identities),
        *knative.kafka_edges(scene, identities),
    ]
    return Graph(
        _title(scene), _subtitle(scene, of), drawn, _existing(edges, drawn), found, tuple(notes)
    )


def is_empty(world: World) -> bool:
    """Say whether there is nothing to draw: no mesh, no Gateway and nothing of Serverless."""
    scene = Scene(world, Trust.of(world), {})
    knatives = any(world.objects(kind) for kind in (SERVING, EVENTING, KAFKA))
    listens = bool(Listening(scene, Ingress(scene)).group().nodes)
    serves = any(True for _ in Projects(scene, frozenset()).groups())
    return not (world.meshes or knatives or listens or serves)


def _namespaces(scene: Scene, ingress: Ingress, listening: Listening) -> Iterator[Group]:
    """Give the namespaces of the mesh and of Knative."""
    nodes: dict[str, list[Node]] = defaultdict(list)
    mesh = scene.mesh
    if mesh is not None:
        nodes[mesh.namespace] += planes.control_plane(scene, mesh)
    for namespace, node in (*listening.secrets(), *ingress.nodes()):
        nodes[namespace or _ELSEWHERE].append(node)
    for namespace, found in nodes.items():
        yield _namespace(scene, Lane.INGRESS, namespace, found)
    for name, own in (
        (SERVING_NAMESPACE, list(knative.serving(scene))),
        (EVENTING_NAMESPACE, list(knative.eventing(scene))),
    ):
        if own and name not in nodes:
            yield _namespace(scene, Lane.KNATIVE, name, own)


def _namespace(scene: Scene, lane: Lane, name: str, nodes: list[Node]) -> Group:
    known = name != _ELSEWHERE
    ref = Ref(NAMESPACE, "", name)
    return Group(
        f"namespace/{name}",
        lane,
        "namespace",
        name,
        tuple(scene.trust.lines(name)) if known else (),
        tuple(nodes),
        scene.on([ref]),
        frozenset({ref}),
        scene.trust.way(name) if known else None,
    )


def _says_something(group: Group) -> bool:
    return bool(group.nodes or group.lines or group.marks)


def _marked(groups: Iterable[Group], found: Iterable[Mark]) -> Iterator[Group]:
    """Put the marks that are on no box of their own on the namespace that they are in."""
    groups = list(groups)
    placed = {mark.number for group in groups for node in group.nodes for mark in node.marks}
    for group in groups:
        own = [
            mark
            for mark in found
            if mark.number not in placed
            and group.kind == "namespace"
            and namespace_of(mark.about) == group.name
        ]
        numbers = {mark.number: mark for mark in (*group.marks, *own)}
        yield replace(group, marks=tuple(numbers[number] for number in sorted(numbers)))


def _onward(
    scene: Scene, listening: Listening, projects: Projects, identities: set[str]
) -> Iterator[Edge]:
    """Lead from Knative's Gateways by the activator to the projects."""
    sources = list(listening.onward())
    if knative.ACTIVATOR in identities:
        way = scene.trust.way(SERVING_NAMESPACE)
        yield from (Edge(source, knative.ACTIVATOR, way) for source in sources)
        yield from projects.edges(knative.ACTIVATOR)
    elif sources:
        yield from projects.edges(sources[0])


def _existing(edges: Iterable[Edge], groups: Iterable[Group]) -> tuple[Edge, ...]:
    """Leave out edges without an end, and second ones."""
    ends = {end for group in groups for end in (group.id, *(node.id for node in group.nodes))}
    kept = (edge for edge in edges if {edge.source, edge.target} <= ends)
    return tuple(dict.fromkeys(kept))


def _title(scene: Scene) -> str:
    mesh = scene.mesh
    if mesh is None:
        return "OpenShift Serverless, and no mesh that it is in"
    return f"OpenShift Serverless in {mesh.variant}"


def _subtitle(scene: Scene, of: str) -> str:
    domain = services_domain(scene.world)
    parts = [of, show(f"*.{domain}") if text(domain) else ""]
    return " · ".join(filter(None, parts))
