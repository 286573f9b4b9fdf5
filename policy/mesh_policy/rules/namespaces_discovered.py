"""The control plane's discovery selectors let Serverless's namespaces through."""

from collections.abc import Iterator
from typing import Final

from mesh_policy.documented.kinds import (
    EVENTING,
    GATEWAY,
    KNATIVE_SERVICE,
    MESH_KINDS,
    NAMESPACE,
    SERVING,
)
from mesh_policy.documented.names import (
    EVENTING_NAMESPACE,
    KNATIVE_GATEWAYS,
    SERVING_NAMESPACE,
)
from mesh_policy.documented.sections import SEVERAL_MESHES_SECTION
from mesh_policy.findings import Finding, Ref, Severity
from mesh_policy.mesh.injectors import template_source
from mesh_policy.mesh.mesh import Mesh, gateway_deployments
from mesh_policy.reading.injection import Injected
from mesh_policy.reading.label_selectors import first
from mesh_policy.reading.values import UNKNOWN, items, show
from mesh_policy.rule import Rule
from mesh_policy.world import World

_UNREAD: Final = "Services are not read, and pods get no root certificate"


def check(world: World) -> Iterator[Finding]:
    """Check each namespace of Serverless against the selectors of its mesh's control plane."""
    mesh = world.serverless_mesh
    plane = mesh.control_plane if mesh else None
    if mesh is None or plane is None or mesh.discovery is None:
        return
    path = ".".join(mesh.variant.discovery_selectors)
    selectors = mesh.discovery.selectors
    if selectors is UNKNOWN:
        yield plane.unknown(path)
    if selectors is UNKNOWN or not items(selectors):
        return
    wanted = _namespaces(world, mesh)
    hidden = [name for name in wanted if mesh.reads(name) is False]
    unsure = [name for name in wanted if mesh.reads(name) is None]
    if hidden:
        related = tuple(Ref(NAMESPACE, "", name) for name in hidden[:3])
        found = f"{show(selectors)}, which do not match {first(hidden, 10)}"
        needed = f"selectors that match the labels of {first(list(wanted), 10)}"
        what = tuple(f"{name}: {wanted[name]}" for name in hidden[:10])
        yield plane.breaks(path, found, needed, related, consequences=what)
    for name in unsure:
        yield plane.unsure(path, f"the labels of the namespace {name} are not known")


def _namespaces(world: World, mesh: Mesh) -> dict[str, str]:
    """Return the namespaces that must be read, each with what is lost where one is not."""
    found = {mesh.namespace: "the mesh-wide policies are not read"}
    gateways = [world.get(GATEWAY, SERVING_NAMESPACE, name) for name in KNATIVE_GATEWAYS]
    if world.objects(SERVING) or any(gateways) or world.get(NAMESPACE, "", SERVING_NAMESPACE):
        found[SERVING_NAMESPACE] = "Knative's Gateways and Serving's own Services are not read"
    if world.objects(EVENTING) or world.get(NAMESPACE, "", EVENTING_NAMESPACE):
        found[EVENTING_NAMESPACE] = _UNREAD
    for item in gateway_deployments(world):
        answer = world.injectors.injection(template_source(item).pod)
        if isinstance(answer, Injected) and answer.by == mesh.ref:
            found.setdefault(item.ref.namespace, f"the gateway's {_UNREAD}")
    for item in world.objects(KNATIVE_SERVICE):
        found.setdefault(item.ref.namespace, _UNREAD)
    return found


RULE = Rule(
    id="namespaces-discovered",
    title="The control plane discovers Serverless's namespaces",
    severity=Severity.ERROR,
    why=(
        "istiod reads Services, Gateways and policies only of namespaces that its discovery "
        "selectors match, and gives only those the root certificate without which injected pods "
        "do not start. Its own namespace is no exception."
    ),
    remedy=(
        "Give each of the namespaces a label that a selector matches, or add a selector to the "
        "control plane."
    ),
    section=SEVERAL_MESHES_SECTION,
    kinds=MESH_KINDS | {GATEWAY},
    check=check,
)
