"""Which meshes there are, and in which of them Serverless is."""

from collections.abc import Sequence
from dataclasses import replace

from mesh_policy.documented.kinds import ISTIO, ISTIO_REVISION, SERVICE
from mesh_policy.documented.names import (
    GATEWAY_SELECTOR,
    INGRESS_SERVICE,
    KNATIVE_GATEWAYS,
    KNATIVE_NAMESPACES,
    LOCAL_GATEWAY,
    PLATFORM_INGRESS_NAMESPACE,
    PLATFORM_ISTIO,
    SERVING_NAMESPACE,
)
from mesh_policy.mesh import service_mesh_2, service_mesh_3
from mesh_policy.mesh.injectors import Injectors, template_source
from mesh_policy.mesh.knative_gateways import configs, ingress_gateways, local_gateways
from mesh_policy.mesh.mesh import Mesh, gateway_deployments
from mesh_policy.mesh.service_mesh_3 import ServiceMesh3, plane_namespace
from mesh_policy.mesh.workload import Workload
from mesh_policy.reading.injection import Injected, Injection
from mesh_policy.reading.label_selectors import Labels, labels
from mesh_policy.reading.objects import Object, Objects


def injectors(objects: Objects) -> Injectors:
    """Return everybody who injects pods."""
    members = list(service_mesh_2.meshes(objects))
    given = objects.given_mesh
    if given is not None and all(mesh.namespace != given for mesh in members):
        planes = (*objects.objects(ISTIO), *objects.objects(ISTIO_REVISION))
        if all(plane_namespace(plane) != given for plane in planes):
            members.append(service_mesh_2.unseen(objects, given))
    return Injectors(objects, members)


def meshes(found: Injectors) -> Sequence[Mesh]:
    """Return every mesh that the objects tell of, sorted by namespace and name.

    That of OpenShift's own ingress is none of them, unless it has to do with Serverless.
    """
    every = [*found.members, *service_mesh_3.meshes(found)]
    given = found.objects.given_mesh
    ours = [mesh for mesh in every if mesh.namespace == given or not _is_of_the_platform(mesh)]
    deployed = [
        (item, found.injection(template_source(item).pod))
        for item in gateway_deployments(found.objects)
    ]
    return sorted(
        (_with_gateways(mesh, deployed) for mesh in ours),
        key=lambda mesh: (mesh.namespace, mesh.name),
    )


def _is_of_the_platform(mesh: Mesh) -> bool:
    name = mesh.control_plane.ref.name if mesh.control_plane else ""
    own = mesh.namespace == PLATFORM_INGRESS_NAMESPACE and name == PLATFORM_ISTIO
    return own and mesh.explicit.isdisjoint(KNATIVE_NAMESPACES)


def _with_gateways(mesh: Mesh, deployed: Sequence[tuple[Object, Injection]]) -> Mesh:
    """Give a mesh the gateways that it injects, and those that it reads and nobody else injects."""
    own = [
        item
        for item, injection in deployed
        if mesh.reads(item.ref.namespace) is not False
        and (not isinstance(injection, Injected) or injection.by == mesh.ref)
    ]
    return replace(mesh, deployments=own)


def serverless_mesh(objects: Objects, found: Sequence[Mesh]) -> Mesh | None:
    """Return the mesh of Serverless; None where there is none, or it is not known which.

    In this order: the one that the caller named, the one whose members Knative's namespaces are,
    the one that injects there, the only one, the one of the gateway that Knative's Gateways select,
    the one that Knative's own configuration points at.
    """
    if objects.given_mesh is not None:
        found = [mesh for mesh in found if mesh.namespace == objects.given_mesh]
    for namespaces in (_members, _injected):
        for namespace in KNATIVE_NAMESPACES:
            if claiming := [mesh for mesh in found if namespace in namespaces(mesh)]:
                return claiming[0]
    if len(found) == 1 or objects.given_mesh is not None:
        return found[0]
    pointed = _pointed_at(objects)
    if not found:
        return service_mesh_2.unseen(objects, pointed[0]) if pointed else None
    selected = _selected(objects)
    for chosen in (
        [mesh for mesh in found if any(_carries(each, selected) for each in mesh.deployed)],
        [mesh for mesh in found if mesh.namespace in pointed],
        [mesh for mesh in found if mesh.control_plane and _may_carry(mesh.ingress)],
    ):
        if len(chosen) == 1:
            return chosen[0]
    return None


def _members(mesh: Mesh) -> frozenset[str]:
    return mesh.namespaces


def _injected(mesh: Mesh) -> frozenset[str]:
    return mesh.injected if isinstance(mesh, ServiceMesh3) else frozenset()


def _selected(objects: Objects) -> list[Labels]:
    """Return what Knative's Gateways select."""
    gateways = (*ingress_gateways(objects), *local_gateways(objects))
    found = [labels(gateway.get("spec", "selector")) for gateway in gateways]
    return [selector for selector in found if selector]


def _carries(workload: Workload, selectors: Sequence[Labels]) -> bool:
    return any(workload.labels and selector <= workload.labels for selector in selectors)


def _may_carry(workload: Workload) -> bool:
    wanted = frozenset(GATEWAY_SELECTOR.items())
    return wanted <= (workload.labels or wanted)


def _pointed_at(objects: Objects) -> list[str]:
    """Return the namespaces of the gateways' Services by which Knative is configured."""
    found: dict[str, None] = {}
    for config in configs(objects):
        for gateway in (*config.external, *config.local):
            service = gateway.target
            ours = service is not None and service.name in (INGRESS_SERVICE, LOCAL_GATEWAY)
            if service and ours and not gateway.is_default:
                found[service.namespace] = None
    for item in objects.objects(SERVICE):
        if item.ref.name == LOCAL_GATEWAY:
            found[item.ref.namespace] = None
    return list(found)


def is_knative_gateway(item: Object) -> bool:
    """Tell Knative's two Gateways from all others."""
    return item.ref.namespace == SERVING_NAMESPACE and item.ref.name in KNATIVE_GATEWAYS
