"""Service Mesh 3: an Istio, gateways that somebody deployed, and members by labels."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar

from mesh_policy.documented.kinds import ISTIO, NAMESPACE
from mesh_policy.documented.names import (
    DEFAULT_MESH_NAMESPACE,
    GATEWAY_SELECTOR,
    SERVING_INGRESS_NAMESPACE,
)
from mesh_policy.documented.variants import SERVICE_MESH_3, Path, Variant
from mesh_policy.mesh.mesh import Mesh, Workload, discovered
from mesh_policy.reading.objects import Objects
from mesh_policy.reading.values import text


@dataclass(frozen=True, eq=False, kw_only=True)
class ServiceMesh3(Mesh):
    """A mesh of Service Mesh 3, whose control plane makes no gateway."""

    variant: ClassVar[Variant] = SERVICE_MESH_3

    @property
    def ingress_service(self) -> None:
        """No Service comes with the control plane."""
        return None

    @property
    def switches(self) -> Sequence[tuple[Path, Any]]:
        """There is no gateway to switch off."""
        return ()

    @cached_property
    def ingress(self) -> Workload:
        """The deployed gateway with the documented label, or where the documentation has it."""
        documented = Workload(SERVING_INGRESS_NAMESPACE, frozenset(GATEWAY_SELECTOR.items()))
        return self.other_ingress or documented

    @property
    def workloads(self) -> Sequence[Workload]:
        """The gateways that somebody deployed."""
        return self.deployed


def meshes(objects: Objects) -> Iterator[ServiceMesh3]:
    """Return the meshes of the Istios that are here."""
    for item in objects.objects(ISTIO):
        injected = {
            found.ref.name
            for found in objects.objects(NAMESPACE)
            if found.labels.get("istio-injection") == "enabled" or "istio.io/rev" in found.labels
        }
        read, doubt = discovered(objects, item.get(*SERVICE_MESH_3.discovery_selectors))
        yield ServiceMesh3(
            namespace=text(item.get("spec", "namespace")) or DEFAULT_MESH_NAMESPACE,
            name=item.ref.name,
            control_plane=item,
            explicit=frozenset(injected),
            certain=objects.complete and NAMESPACE not in objects.unread,
            discovered=read,
            discovery_unknown=doubt,
        )
