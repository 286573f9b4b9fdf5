"""Which meshes there are, and in which of them Serverless is."""

from collections.abc import Sequence
from dataclasses import replace

from mesh_policy.documented.kinds import SERVICE, SERVING
from mesh_policy.documented.names import (
    GATEWAY_SELECTOR,
    INGRESS_SERVICE,
    KNATIVE_GATEWAYS,
    KNATIVE_NAMESPACES,
    LOCAL_GATEWAY,
    SERVING_NAMESPACE,
)
from mesh_policy.mesh import service_mesh_2, service_mesh_3
from mesh_policy.mesh.mesh import Mesh, gateway_deployments
from mesh_policy.reading.knative import config
from mesh_policy.reading.objects import Object, Objects
from mesh_policy.reading.values import text


def meshes(objects: Objects) -> Sequence[Mesh]:
    """Return every mesh that the objects tell of, sorted by namespace and name."""
    deployments = gateway_deployments(objects)
    found = [
        _with_gateways(mesh, deployments)
        for mesh in (*service_mesh_2.meshes(objects), *service_mesh_3.meshes(objects))
    ]
    given = objects.given_mesh
    if given is not None and all(mesh.namespace != given for mesh in found):
        found.append(service_mesh_2.unseen(given))
    return sorted(found, key=lambda mesh: (mesh.namespace, mesh.name))


def _with_gateways(mesh: Mesh, deployments: Sequence[Object]) -> Mesh:
    own = [item for item in deployments if mesh.reads(item.ref.namespace) is not False]
    return replace(mesh, deployments=own)


def serverless_mesh(objects: Objects, found: Sequence[Mesh]) -> Mesh | None:
    """Return the mesh of Serverless; None where there is none, or it is not known which.

    In this order: the one that the caller named, the one whose members Knative's namespaces are,
    the only one, the one that Knative's own configuration points at.
    """
    if objects.given_mesh is not None:
        return next(mesh for mesh in found if mesh.namespace == objects.given_mesh)
    for namespace in KNATIVE_NAMESPACES:
        if members := [m for m in found if namespace in m.explicit or m.namespace == namespace]:
            return members[0]
    if len(found) == 1:
        return found[0]
    pointed = _pointed_at(objects)
    if not found:
        return service_mesh_2.unseen(pointed[0]) if pointed else None
    chosen = [mesh for mesh in found if mesh.namespace in pointed]
    if len(chosen) != 1:
        wanted = frozenset(GATEWAY_SELECTOR.items())
        chosen = [
            mesh
            for mesh in found
            if mesh.control_plane and wanted <= (mesh.ingress.labels or wanted)
        ]
    return chosen[0] if len(chosen) == 1 else None


def _pointed_at(objects: Objects) -> list[str]:
    """Return the namespaces of the gateways' Services by which Knative is configured."""
    found: dict[str, None] = {}
    for serving in objects.objects(SERVING):
        for value in config(serving, "istio").values():
            parts = text(value).split(".")
            ours = parts[0] in (INGRESS_SERVICE, LOCAL_GATEWAY)
            if len(parts) > 2 and parts[2] == "svc" and ours:
                found[parts[1]] = None
    for item in objects.objects(SERVICE):
        if item.ref.name == LOCAL_GATEWAY:
            found[item.ref.namespace] = None
    return list(found)


def is_knative_gateway(item: Object) -> bool:
    """Tell Knative's two Gateways from all others."""
    return item.ref.namespace == SERVING_NAMESPACE and item.ref.name in KNATIVE_GATEWAYS
