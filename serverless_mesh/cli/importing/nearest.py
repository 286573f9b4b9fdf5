"""From a cluster to the settings that come nearest to what is there."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from mesh_policy.documented.kinds import (
    DOMAIN_MAPPING,
    ENVOY_FILTER,
    GATEWAY,
    INGRESS_CONFIG,
    ISTIO_CNI,
    KNATIVE_SERVICE,
    MESH_KINDS,
    SERVICE_ENTRY,
    SERVING,
    SUBSCRIPTION,
    Kind,
)
from mesh_policy.documented.names import SERVING_NAME, SERVING_NAMESPACE
from mesh_policy.world import World
from serverless_mesh.cli.importing import serverless, service_mesh_2, service_mesh_3
from serverless_mesh.cli.importing.draft import Draft
from serverless_mesh.errors import ServerlessMeshError

READ: Final[frozenset[Kind]] = MESH_KINDS | {
    DOMAIN_MAPPING,
    ENVOY_FILTER,
    GATEWAY,
    INGRESS_CONFIG,
    ISTIO_CNI,
    SERVICE_ENTRY,
    SUBSCRIPTION,
}
"""The kinds that have to be read for it, all in `deploy/observer.yaml`; no secret is among them."""


class NothingToImportError(ServerlessMeshError):
    """There is no integration, or it is not known which; the message says what is missing."""


@dataclass(frozen=True)
class Nearest:
    """Settings as a stack file has them, and notes, each about a topmost key or about none."""

    settings: Mapping[str, Any]
    notes: tuple[tuple[str, str], ...]


def nearest(world: World) -> Nearest:
    """Return the settings that come nearest to the integration in a cluster.

    Raises:
        NothingToImportError: there is none, or it is not known in which mesh it is.
    """
    serving = world.get(SERVING, SERVING_NAMESPACE, SERVING_NAME)
    if serving is None:
        raise NothingToImportError(
            f"the cluster has no KnativeServing {SERVING_NAMESPACE}/{SERVING_NAME}: there is "
            "nothing to import. Write a stack file, and `pulumi up` makes everything"
        )
    mesh = world.serverless_mesh
    if mesh is None or mesh.control_plane is None:
        raise NothingToImportError(
            "the cluster does not say in which mesh Serverless is; name the namespace of its "
            "control plane: --mesh istio-system"
        )
    draft = Draft()
    put = service_mesh_2.put if mesh.variant.version == 2 else service_mesh_3.put
    put(draft, world, mesh, mesh.control_plane)
    serverless.put_certificate(draft, world)
    serverless.put_domain(draft, world, serving)
    serverless.put_knative(draft, world, serving)
    serverless.put_kafka(draft, world)
    serverless.put_domain_mappings(draft, world)
    if world.objects(SUBSCRIPTION):
        draft.note("", "The operators stay as they are: there is no section operators.")
    if found := world.objects(KNATIVE_SERVICE):
        names = ", ".join(f"{each.ref.namespace}/{each.ref.name}" for each in found)
        draft.note(
            "",
            f"Knative Services stay their projects' ({names}): there is no section verification.",
        )
    return Nearest(draft.settings, tuple(draft.notes))
