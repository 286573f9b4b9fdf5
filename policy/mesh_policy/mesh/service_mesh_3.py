"""Service Mesh 3: an Istio, gateways that somebody deployed, and members by what injects them."""

from collections import defaultdict
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
from mesh_policy.findings import Ref
from mesh_policy.mesh.discovery import Discovery
from mesh_policy.mesh.injectors import Injectors, sources
from mesh_policy.mesh.mesh import Mesh
from mesh_policy.mesh.workload import Workload
from mesh_policy.reading.injection import Injected, Pod
from mesh_policy.reading.objects import Object
from mesh_policy.reading.values import text


@dataclass(frozen=True, eq=False, kw_only=True)
class ServiceMesh3(Mesh):
    """A mesh of Service Mesh 3, whose control plane makes no gateway.

    A namespace is a member when its label, or that of a pod in it, has the control plane inject it,
    and the discovery selectors let it through; `injected` are those in which it injects at all.
    """

    variant: ClassVar[Variant] = SERVICE_MESH_3

    injected: frozenset[str] = frozenset()

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


def meshes(injectors: Injectors) -> Iterator[ServiceMesh3]:
    """Return the meshes of the Istios that are here, and of the revisions that none owns."""
    objects = injectors.objects
    planes: dict[Ref, Object] = {item.ref: item for item in objects.objects(ISTIO)}
    planes |= {plane.ref: plane for plane in injectors.revisions.planes.values()}
    injected = _injected(injectors) if planes else {}
    for plane in planes.values():
        discovery = Discovery(objects, plane.get(*SERVICE_MESH_3.discovery_selectors))
        own = injected.get(plane.ref, set())
        yield ServiceMesh3(
            namespace=plane_namespace(plane),
            name=plane.ref.name,
            control_plane=plane,
            explicit=frozenset(name for name in own if discovery.reads(name) is not False),
            injected=frozenset(own),
            certain=objects.complete and NAMESPACE not in objects.unread,
            discovery=discovery,
        )


def plane_namespace(plane: Object) -> str:
    """Return the namespace of a control plane, which is its mesh's root."""
    return text(plane.get("spec", "namespace")) or DEFAULT_MESH_NAMESPACE


def _injected(injectors: Injectors) -> dict[Ref, set[str]]:
    """Return in which namespaces each control plane injects, by their labels or by pods'."""
    found: dict[Ref, set[str]] = defaultdict(set)
    pods = [Pod(item.ref.name) for item in injectors.objects.objects(NAMESPACE)]
    pods += [source.pod for source in sources(injectors.objects)]
    for pod in pods:
        answer = injectors.injection(pod)
        if isinstance(answer, Injected):
            found[answer.by].add(pod.namespace)
    return found
