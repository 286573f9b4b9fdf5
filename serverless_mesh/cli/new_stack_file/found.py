"""What a cluster has, as far as a stack file depends on it."""

from dataclasses import dataclass
from functools import cached_property
from typing import Final

from mesh_policy.cluster.kubeconfig import KubeconfigError, current_context
from mesh_policy.documented.kinds import (
    CLUSTER_ISSUER,
    CONTROL_PLANE,
    GATEWAY,
    INGRESS_CONFIG,
    ISTIO,
    ISTIO_CNI,
    KAFKA_CLUSTER,
    MESH_KINDS,
    OPERATOR_VERSION,
    SUBSCRIPTION,
    Kind,
)
from mesh_policy.documented.variants import VARIANTS, Variant, written
from mesh_policy.findings import Ref
from mesh_policy.mesh.mesh import Mesh
from mesh_policy.observe import Observation, ObserveError, observe
from mesh_policy.reading.domains import cluster_domain
from mesh_policy.reading.knative_domains import services_domain
from mesh_policy.reading.operators import is_there, version
from mesh_policy.reading.values import text
from mesh_policy.world import World

READ: Final = MESH_KINDS | {
    CLUSTER_ISSUER,
    GATEWAY,
    INGRESS_CONFIG,
    ISTIO_CNI,
    KAFKA_CLUSTER,
    OPERATOR_VERSION,
    SUBSCRIPTION,
}
"""The kinds of which all objects are read."""


@dataclass(frozen=True)
class Found:
    """What was found in a cluster, and how it is reached."""

    seen: Observation
    context: str = ""
    """The kubeconfig's context; empty where it has none."""
    kubeconfig: str = ""
    """The path of the kubeconfig, where another than the user's own was named."""

    @cached_property
    def world(self) -> World:
        """The objects, and the meshes that they form."""
        return World.of(
            (), self.seen.objects, unread=self.seen.unread, unseen=self.seen.unseen, complete=True
        )

    def following(self, ref: Ref) -> "Found":
        """Return the same with one more object, where it is there and may be read."""
        return Found(self.seen.following([ref]), self.context, self.kubeconfig)

    def serves(self, kind: Kind) -> bool:
        """Say whether the cluster serves a kind: whether what brings it is installed."""
        return kind not in self.seen.unserved

    def installed(self, variant: Variant) -> bool:
        """Say whether the operator of a Service Mesh is installed."""
        return self.serves(variant.control_plane) or is_there(self.world, variant.package)

    @property
    def variants(self) -> list[Variant]:
        """The versions of Service Mesh whose operators are installed."""
        return [each for each in VARIANTS if self.installed(each)]

    @property
    def control_planes(self) -> list[Mesh]:
        """The meshes whose control plane is there."""
        kinds = (CONTROL_PLANE, ISTIO)
        return [
            mesh
            for mesh in self.world.meshes
            if mesh.control_plane is not None and mesh.control_plane.ref.kind in kinds
        ]

    @property
    def apps_domain(self) -> str:
        """The domain of the cluster's applications; empty where it is not known."""
        return text(cluster_domain(self.world))

    @property
    def services_domain(self) -> str:
        """The domain of Knative Services; empty where it is not known."""
        return text(services_domain(self.world))

    def version_of(self, package: str) -> str:
        """Return the version of an operator, as 1.37; empty where it is not known."""
        found = version(self.world, package)
        return written(found) if found else ""


def read(kubeconfig: str | None, context: str | None) -> Found:
    """Read a cluster; `kubeconfig` is a path, or None for the user's own.

    Raises:
        ObserveError: no cluster could be read.
    """
    seen = observe(READ, kubeconfig, context)
    try:
        named = context or current_context(kubeconfig)
    except KubeconfigError as error:
        raise ObserveError(f"the kubeconfig can't be used: {error}") from None
    return Found(seen, named, kubeconfig or "")
