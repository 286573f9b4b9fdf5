"""The sidecars that Serverless needs: which of its workloads, and who injects them."""

from collections.abc import Mapping
from typing import Any

from mesh_policy.documented.kinds import EVENTING, ISTIO, KAFKA, SERVING, Kind
from mesh_policy.documented.names import (
    DEFAULT_REVISION,
    EVENTING_WORKLOADS,
    INJECT,
    JOB_SINK,
    JOB_SINK_SINCE,
    KAFKA_CONTROLLER,
    KAFKA_WORKLOADS,
    REVISION,
    SERVING_WORKLOADS,
)
from mesh_policy.documented.variants import Version
from mesh_policy.mesh.injectors import member_injector
from mesh_policy.mesh.mesh import Mesh
from mesh_policy.mesh.service_mesh_2 import ServiceMesh2
from mesh_policy.reading.injection import Injection, Injector, Pod, member_injection
from mesh_policy.reading.namespaces import namespace_labels
from mesh_policy.reading.values import UNKNOWN, at, truth
from mesh_policy.world import World


def by_label(world: World) -> bool:
    """Say whether only labels ask for injection, as with Service Mesh 3, and annotations do not."""
    mesh = world.serverless_mesh
    return bool(world.objects(ISTIO)) if mesh is None else not mesh.variant.roll


def injection(world: World, pod: Pod) -> Injection:
    """Say who injects a pod of Serverless.

    With Service Mesh 2 its namespace is taken for a member's; whether it is one is another matter.
    """
    if by_label(world):
        return world.injectors.injection(pod)
    mesh = world.serverless_mesh
    injector = _unconfigured(mesh) if not isinstance(mesh, ServiceMesh2) else member_injector(mesh)
    return member_injection(injector, pod, namespace_labels(world, pod.namespace))


def _unconfigured(mesh: Mesh | None) -> Injector:
    return member_injector(ServiceMesh2(namespace=mesh.namespace if mesh else ""))


def asking(world: World) -> Mapping[str, str]:
    """Return the label by which a pod asks the control plane of Serverless to inject it."""
    mesh = world.serverless_mesh
    names = world.injectors.revisions.names(mesh.ref) if mesh and not mesh.variant.roll else []
    if not names or DEFAULT_REVISION in names:
        return {INJECT: "true"}
    # A tag stays when the revision goes.
    tags = [name for name in names if name not in world.injectors.revisions.revisions]
    return {REVISION: (tags or names)[0]}


def needed(kind: Kind, body: Mapping[str, Any], serverless: Version | None) -> tuple[str, ...]:
    """Return the workloads that a Knative resource makes and that need a sidecar.

    Where the version of Serverless is not known, those too that only some versions make.
    """
    if kind == SERVING:
        return SERVING_WORKLOADS
    if kind == EVENTING:
        older = serverless is not None and serverless < JOB_SINK_SINCE
        return tuple(name for name in EVENTING_WORKLOADS if not (older and name == JOB_SINK))
    if kind != KAFKA:
        return ()
    enabled = [
        name
        for part, names in KAFKA_WORKLOADS.items()
        if (on := at(body, "spec", part, "enabled")) is UNKNOWN or truth(on)
        for name in names
    ]
    return (KAFKA_CONTROLLER, *enabled)
