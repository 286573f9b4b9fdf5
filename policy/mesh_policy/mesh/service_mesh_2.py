"""Service Mesh 2: a ServiceMeshControlPlane, and members by a roll or a membership each."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar, Final

from mesh_policy.documented.kinds import CONTROL_PLANE, MEMBER, MEMBER_ROLL, NAMESPACE, SERVICE
from mesh_policy.documented.names import (
    DEFAULT_INGRESS_LABELS,
    DEFAULT_INGRESS_PORTS,
    DEFAULT_ROLL,
    GATEWAY_SELECTOR,
    INGRESS_SERVICE,
)
from mesh_policy.documented.variants import SERVICE_MESH_2, Path, Variant
from mesh_policy.findings import Ref
from mesh_policy.mesh.control_plane import applied
from mesh_policy.mesh.discovery import Discovery
from mesh_policy.mesh.mesh import Mesh, Refusal
from mesh_policy.mesh.workload import CANONICAL_NAME, Workload
from mesh_policy.reading.istio_gateways import ports
from mesh_policy.reading.label_selectors import Labels, labels, matches
from mesh_policy.reading.objects import Object, Objects
from mesh_policy.reading.values import (
    UNKNOWN,
    at,
    has_unknown,
    items,
    mapping,
    show,
    strings,
    text,
    truth,
)

_ALL_GATEWAYS: Final = ("spec", "gateways", "enabled")
_INGRESS: Final = ("spec", "gateways", "ingress", "enabled")
_INGRESS_PORTS: Final = ("spec", "gateways", "ingress", "service", "ports")
_INGRESS_NAMESPACE: Final = ("spec", "gateways", "ingress", "namespace")
CONTROL_PLANE_NAME: Final = ("spec", "controlPlaneRef", "name")
"""Where a membership names its control plane."""


@dataclass(frozen=True, eq=False, kw_only=True)
class ServiceMesh2(Mesh):
    """A mesh of Service Mesh 2, whose control plane makes its gateways."""

    variant: ClassVar[Variant] = SERVICE_MESH_2

    @property
    def ingress_service(self) -> str:
        """The Service that the operator makes for the ingress gateway."""
        return INGRESS_SERVICE

    @property
    def switches(self) -> Sequence[tuple[Path, Any]]:
        """The switches of all gateways and of the ingress gateway."""
        paths = (_ALL_GATEWAYS, _INGRESS) if self.control_plane else ()
        return [(path, self.applied(path)) for path in paths]

    @cached_property
    def ingress(self) -> Workload:
        """The control plane's own ingress gateway, or another with the documented label."""
        if self.without_ingress and self.other_ingress is not None:
            return self.other_ingress
        if self.control_plane is None:
            return _made(self.namespace, _ingress_labels(GATEWAY_SELECTOR))
        namespace = text(self.applied(_INGRESS_NAMESPACE)) or self.namespace
        own = _ingress_labels(self.applied(SERVICE_MESH_2.ingress_labels))
        return _made(namespace, own, self.applied(_INGRESS_PORTS))

    @cached_property
    def workloads(self) -> Sequence[Workload]:
        """The gateways of the control plane, and those that somebody deployed."""
        return [*(() if self.without_ingress else (self.ingress,)), *self.others]

    @cached_property
    def others(self) -> Sequence[Workload]:
        """The control plane's additional gateways, and those that somebody deployed."""
        return [*self._additional(), *self.deployed]

    def _additional(self) -> Iterator[Workload]:
        gateways = self.applied(("spec", "gateways"))
        off = truth(at(gateways, "enabled")) is False
        for group in () if off else ("additionalIngress", "additionalEgress"):
            for item in mapping(at(gateways, group)).values():
                if truth(at(item, "enabled")) is not False:
                    own = labels(at(item, "service", "metadata", "labels"))
                    yield Workload(text(at(item, "namespace")) or self.namespace, own)


def _made(namespace: str, own: Labels | None, asked: Any = None) -> Workload:
    """Return the ingress gateway that the operator makes."""
    given = {"spec": {"ports": asked}} if items(asked) else {}
    leads = dict(ports(Object(Ref(SERVICE, namespace, INGRESS_SERVICE), given)))
    derived = frozenset({(CANONICAL_NAME, INGRESS_SERVICE)})
    return Workload(
        namespace, own, derived, assumed_ports=tuple((leads or DEFAULT_INGRESS_PORTS).items())
    )


def _ingress_labels(own: Any) -> Labels | None:
    found = labels(own)
    if found is None:
        return None
    return frozenset({**DEFAULT_INGRESS_LABELS, **dict(found)}.items())


def unseen(objects: Objects, namespace: str) -> ServiceMesh2:
    """Return a mesh of which nothing but the namespace is known: any Gateway may be its."""
    return ServiceMesh2(namespace=namespace, certain=False, discovery=Discovery(objects))


def meshes(objects: Objects) -> Iterator[ServiceMesh2]:
    """Return the meshes that control planes, rolls and memberships tell of."""
    rolls: dict[str, list[Object]] = defaultdict(list)
    for item in objects.objects(MEMBER_ROLL):
        rolls[item.ref.namespace].append(item)
    memberships: dict[str, list[Object]] = defaultdict(list)
    for item in objects.objects(MEMBER):
        owner = item.get("spec", "controlPlaneRef", "namespace")
        if text(owner):
            memberships[owner].append(item)
    planes = {item.ref.namespace: item for item in objects.objects(CONTROL_PLANE)}
    for namespace in sorted({*rolls, *memberships, *planes}):
        yield _mesh(
            objects, namespace, planes.get(namespace), rolls[namespace], memberships[namespace]
        )


def _mesh(
    objects: Objects,
    namespace: str,
    plane: Object | None,
    rolls: Sequence[Object],
    memberships: Sequence[Object],
) -> ServiceMesh2:
    refusals = {item.ref: found for item in memberships if (found := _refusal(item, plane))}
    taken = [item for item in memberships if item.ref not in refusals]
    # One that bars comes last, and so stands for its namespace.
    by_weight = sorted(refusals.values(), key=lambda found: found.bars)
    refused = {found.item.ref.namespace: found for found in by_weight}
    barred = {name for name, found in refused.items() if found.bars}
    explicit, everything, certain = _members(objects, rolls, taken)
    unread = not objects.unread.keys().isdisjoint({MEMBER_ROLL, MEMBER})
    # Without a roll and without a cluster, any Gateway that is here may be this mesh's.
    read = None if rolls or memberships or objects.complete else Discovery(objects)
    if plane and text(applied(plane, SERVICE_MESH_2, ("spec", "mode"))) == "ClusterWide":
        selectors = applied(plane, SERVICE_MESH_2, SERVICE_MESH_2.discovery_selectors)
        read = Discovery(objects, selectors)
    return ServiceMesh2(
        namespace=namespace,
        name=plane.ref.name if plane else "",
        control_plane=plane,
        rolls=rolls,
        memberships=taken,
        refused=refused,
        explicit=explicit - barred,
        everything=everything,
        # Without a cluster, members may be named by objects that are not here.
        certain=certain and not unread and (objects.complete or bool(rolls)),
        discovery=read,
    )


def _refusal(item: Object, plane: Object | None) -> Refusal | None:
    """Return why the operator does not take a membership; None where it does, or may."""
    if item.get("metadata", "name") is not UNKNOWN and item.ref.name != DEFAULT_ROLL:
        needed = f"{DEFAULT_ROLL}, the only name that the operator takes"
        return Refusal(item, "metadata.name", item.ref.name, needed, bars=False)
    named = item.get(*CONTROL_PLANE_NAME)
    if (
        plane is None
        or UNKNOWN in (named, plane.get("metadata", "name"))
        or named == plane.ref.name
    ):
        return None
    # For the roll, the operator would make the membership that is here already.
    needed = f"{plane.ref.name}, the control plane of {plane.ref.namespace}"
    return Refusal(item, ".".join(CONTROL_PLANE_NAME), show(named), needed, bars=True)


def _members(
    objects: Objects, rolls: Sequence[Object], memberships: Sequence[Object]
) -> tuple[frozenset[str], bool, bool]:
    """Return the members by name, whether all namespaces are, and whether that is certain."""
    explicit = {item.ref.namespace for item in memberships}
    everything, certain = False, True
    for roll in rolls:
        if roll.ref.name != DEFAULT_ROLL:
            continue
        members = roll.get("spec", "members")
        certain = certain and not has_unknown(members)
        named = strings(members)
        everything = everything or "*" in named
        explicit.update(named)
        for selector in items(roll.get("spec", "memberSelectors")):
            certain = certain and objects.complete and NAMESPACE not in objects.unread
            for item in objects.objects(NAMESPACE):
                matched = matches(selector, item.labels)
                certain = certain and matched is not None
                if matched:
                    explicit.add(item.ref.name)
    return frozenset(explicit - {"*"}), everything, certain
