"""Which meshes there are, which namespaces are theirs, and in which of them Serverless is."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Final

from policy.knative import config
from policy.label_selectors import Labels, labels, matches
from policy.model import Undetermined
from policy.names import (
    CONTROL_PLANE,
    DEFAULT_INGRESS_LABELS,
    DEFAULT_MESH_NAMESPACE,
    DEFAULT_ROLL,
    DEPLOYMENT,
    EVENTING,
    GATEWAY,
    GATEWAY_SELECTOR,
    INGRESS_SERVICE,
    ISTIO,
    KNATIVE_GATEWAYS,
    KNATIVE_NAMESPACES,
    LOCAL_GATEWAY,
    MEMBER,
    MEMBER_ROLL,
    NAMESPACE,
    SERVICE,
    SERVING,
    SERVING_NAMESPACE,
)
from policy.values import UNKNOWN, at, has_unknown, items, mapping, strings, text, truth
from policy.world import Object, World

_GATEWAY_TEMPLATE: Final = "inject.istio.io/templates"
_ALL: Final[frozenset[str]] = frozenset()
_ALL_GATEWAYS: Final = ("spec", "gateways", "enabled")
_INGRESS: Final = ("spec", "gateways", "ingress", "enabled")
_OPERATORS: Final = "maistra.io/owner"
"""Label of what the Service Mesh operator makes; the control plane says what that will be."""


@dataclass(frozen=True)
class Workload:
    """Gateway pods: where they run and what labels they carry (None: not known)."""

    namespace: str
    labels: Labels | None


@dataclass(frozen=True, eq=False)
class Mesh:
    """A mesh: its control plane (None: not seen, only heard of) and its members.

    `explicit` are the members by name; `certain` is False where others may be members, too.
    """

    namespace: str
    name: str
    control_plane: Object | None = None
    rolls: Sequence[Object] = ()
    memberships: Sequence[Object] = ()
    explicit: frozenset[str] = frozenset()
    everything: bool = False
    certain: bool = True
    heard: frozenset[str] | None = None
    """Namespaces whose configuration the control plane reads; empty: all; None: its members'."""
    heard_unknown: bool = False
    deployments: Sequence[Object] = field(default=(), repr=False)

    def __str__(self) -> str:
        return f"{self.namespace}/{self.name}" if self.name else self.namespace

    @property
    def newer(self) -> bool:
        """Whether it is a Service Mesh 3, whose control plane is an `Istio`."""
        return self.control_plane is not None and self.control_plane.ref.kind == ISTIO

    def has(self, namespace: str) -> bool | None:
        """Tell whether a namespace is the control plane's or a member's; None: can't be told."""
        if namespace == self.namespace or namespace in self.explicit or self.everything:
            return True
        unknown_name = namespace == repr(UNKNOWN)
        return False if self.certain and not unknown_name else None

    def reads(self, namespace: str) -> bool | None:
        """Tell whether the control plane reads Gateways and the like in a namespace."""
        if self.heard is None:
            return self.has(namespace)
        if namespace == self.namespace or namespace in self.heard or not self.heard_unknown:
            return namespace == self.namespace or not self.heard or namespace in self.heard
        return None

    @property
    def switches(self) -> Sequence[tuple[tuple[str, ...], Any]]:
        """Where the control plane can switch its ingress gateway off, and what it says there."""
        plane = self.control_plane if not self.newer else None
        paths = (_ALL_GATEWAYS, _INGRESS) if plane else ()
        return [(path, plane.get(*path) if plane else None) for path in paths]

    @property
    def without_ingress(self) -> bool:
        """Whether the control plane's own ingress gateway is switched off."""
        return any(truth(value) is False for _, value in self.switches)

    @cached_property
    def other_ingress(self) -> Workload | None:
        """Another gateway of the mesh with the documented label, if there is one."""
        wanted = frozenset(GATEWAY_SELECTOR.items())
        carrying = (item for item in self._others if item.labels and wanted <= item.labels)
        return next(carrying, None)

    @cached_property
    def ingress(self) -> Workload:
        """The ingress gateway that Serverless uses."""
        if (self.newer or self.without_ingress) and self.other_ingress is not None:
            return self.other_ingress
        if self.newer:
            wanted = frozenset(GATEWAY_SELECTOR.items())
            return Workload(f"{SERVING_NAMESPACE}-ingress", wanted)
        control_plane = self.control_plane
        ingress = control_plane.get("spec", "gateways", "ingress") if control_plane else None
        own = at(ingress, "service", "metadata", "labels")
        namespace = text(at(ingress, "namespace")) or self.namespace
        if control_plane is None:
            own = GATEWAY_SELECTOR
        return Workload(namespace, _ingress_labels(own))

    @cached_property
    def workloads(self) -> Sequence[Workload]:
        """All gateways of the mesh that can be told, without the additional ones of no label."""
        made = not self.newer and not self.without_ingress
        return [*([self.ingress] if made else ()), *self._others]

    @cached_property
    def _others(self) -> Sequence[Workload]:
        """All gateways but the control plane's own ingress gateway."""
        found = []
        if self.control_plane is not None and not self.newer:
            gateways = self.control_plane.get("spec", "gateways")
            off = truth(at(gateways, "enabled")) is False
            for group in () if off else ("additionalIngress", "additionalEgress"):
                for item in mapping(at(gateways, group)).values():
                    if truth(at(item, "enabled")) is False:
                        continue
                    own = labels(at(item, "service", "metadata", "labels"))
                    found.append(Workload(text(at(item, "namespace")) or self.namespace, own))
        found.extend(
            Workload(item.ref.namespace, labels(item.get("spec", "template", "metadata", "labels")))
            for item in self.deployments
        )
        return found


def _ingress_labels(own: Any) -> Labels | None:
    found = labels(own)
    if found is None:
        return None
    return frozenset({**DEFAULT_INGRESS_LABELS, **dict(found)}.items())


def meshes(world: World) -> Sequence[Mesh]:
    """Return every mesh that the world's objects tell of, sorted by namespace and name."""
    found = [*_meshes_of_maistra(world), *_meshes_of_istio(world)]
    if world.given_mesh is not None and all(m.namespace != world.given_mesh for m in found):
        found.append(_only_heard_of(world.given_mesh))
    return sorted(found, key=lambda mesh: (mesh.namespace, mesh.name))


def _only_heard_of(namespace: str) -> Mesh:
    """Return a mesh of which nothing but the namespace is known: any Gateway may be its."""
    return Mesh(namespace, "", certain=False, heard=_ALL)


def _meshes_of_maistra(world: World) -> Iterator[Mesh]:
    rolls: dict[str, list[Object]] = defaultdict(list)
    for item in world.objects(MEMBER_ROLL):
        rolls[item.ref.namespace].append(item)
    memberships: dict[str, list[Object]] = defaultdict(list)
    for item in world.objects(MEMBER):
        owner = item.get("spec", "controlPlaneRef", "namespace")
        if text(owner):
            memberships[owner].append(item)
    planes = {item.ref.namespace: item for item in world.objects(CONTROL_PLANE)}
    deployments = _gateway_deployments(world)
    unread = not world.unread.keys().isdisjoint({MEMBER_ROLL, MEMBER})
    for namespace in sorted({*rolls, *memberships, *planes}):
        control_plane = planes.get(namespace)
        explicit, everything, certain = _members(world, rolls[namespace], memberships[namespace])
        # Without a cluster, members may be named by objects that are not here.
        certain = certain and not unread and (world.complete or bool(rolls[namespace]))
        named = bool(rolls[namespace] or memberships[namespace])
        # Without a roll and without a cluster, any Gateway that is here may be this mesh's.
        heard = None if named or world.complete else _ALL
        heard_unknown = False
        if control_plane and text(control_plane.get("spec", "mode")) == "ClusterWide":
            heard, heard_unknown = _heard(
                world, control_plane.get("spec", "meshConfig", "discoverySelectors")
            )
        mesh = Mesh(
            namespace,
            control_plane.ref.name if control_plane else "",
            control_plane,
            rolls[namespace],
            memberships[namespace],
            explicit,
            everything,
            certain,
            heard,
            heard_unknown,
        )
        yield _with_deployments(mesh, deployments)


def _meshes_of_istio(world: World) -> Iterator[Mesh]:
    deployments = _gateway_deployments(world)
    for item in world.objects(ISTIO):
        namespace = text(item.get("spec", "namespace")) or DEFAULT_MESH_NAMESPACE
        injected = {
            found.ref.name
            for found in world.objects(NAMESPACE)
            if found.labels.get("istio-injection") == "enabled" or "istio.io/rev" in found.labels
        }
        heard, heard_unknown = _heard(
            world, item.get("spec", "values", "meshConfig", "discoverySelectors")
        )
        known = world.complete and NAMESPACE not in world.unread
        mesh = Mesh(
            namespace,
            item.ref.name,
            item,
            explicit=frozenset(injected),
            certain=known,
            heard=heard,
            heard_unknown=heard_unknown,
        )
        yield _with_deployments(mesh, deployments)


def _with_deployments(mesh: Mesh, deployments: Sequence[Object]) -> Mesh:
    own = [item for item in deployments if mesh.reads(item.ref.namespace) is not False]
    return Mesh(**{**mesh.__dict__, "deployments": own})


def _gateway_deployments(world: World) -> list[Object]:
    found = []
    for item in world.objects(DEPLOYMENT):
        template = item.get("spec", "template", "metadata")
        if _OPERATORS in item.labels:
            continue
        gateway = "gateway" in text(at(template, "annotations", _GATEWAY_TEMPLATE))
        carried = mapping(at(template, "labels"))
        if gateway or "istio" in carried or carried.get("knative") == "ingressgateway":
            found.append(item)
    return found


def _members(
    world: World, rolls: Sequence[Object], memberships: Sequence[Object]
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
            certain = certain and world.complete and NAMESPACE not in world.unread
            for item in world.objects(NAMESPACE):
                matched = matches(selector, item.labels)
                certain = certain and matched is not None
                if matched:
                    explicit.add(item.ref.name)
    return frozenset(explicit - {"*"}), everything, certain


def _heard(world: World, selectors: Any) -> tuple[frozenset[str], bool]:
    """Return the namespaces that discovery selectors let through (none: all), and any doubt."""
    if has_unknown(selectors):
        return frozenset(), True
    if not items(selectors):
        return frozenset(), False
    found = {
        item.ref.name
        for item in world.objects(NAMESPACE)
        if any(matches(selector, item.labels) for selector in items(selectors))
    }
    return frozenset(found), not world.complete or NAMESPACE in world.unread


def serverless_mesh(world: World) -> Mesh | None:
    """Return the mesh of Serverless; None where there is none, or it can't be told which.

    In this order: the one that the caller named, the one whose members Knative's namespaces are,
    the only one, the one that Knative's own configuration points at.
    """
    found = world.meshes
    if world.given_mesh is not None:
        return next(mesh for mesh in found if mesh.namespace == world.given_mesh)
    for namespace in KNATIVE_NAMESPACES:
        if members := [m for m in found if namespace in m.explicit or m.namespace == namespace]:
            return members[0]
    if len(found) == 1:
        return found[0]
    pointed = _pointed_at(world)
    if not found:
        return _only_heard_of(pointed[0]) if pointed else None
    chosen = [mesh for mesh in found if mesh.namespace in pointed]
    if len(chosen) != 1:
        wanted = frozenset(GATEWAY_SELECTOR.items())
        chosen = [
            mesh
            for mesh in found
            if mesh.control_plane and wanted <= (mesh.ingress.labels or wanted)
        ]
    return chosen[0] if len(chosen) == 1 else None


def _pointed_at(world: World) -> list[str]:
    found: dict[str, None] = {}
    for serving in world.objects(SERVING):
        for value in config(serving, "istio").values():
            parts = text(value).split(".")
            if (
                len(parts) > 2
                and parts[2] == "svc"
                and parts[0] in (INGRESS_SERVICE, LOCAL_GATEWAY)
            ):
                found[parts[1]] = None
    for item in world.objects(SERVICE):
        if item.ref.name == LOCAL_GATEWAY:
            found[item.ref.namespace] = None
    return list(found)


def has_serverless(world: World) -> bool:
    """Tell whether anything of Serverless is here, or the caller named its mesh."""
    mesh = world.serverless_mesh
    return (
        world.given_mesh is not None
        or bool(world.objects(SERVING) or world.objects(EVENTING))
        or any(world.get(GATEWAY, SERVING_NAMESPACE, name) for name in KNATIVE_GATEWAYS)
        or (mesh is not None and not mesh.explicit.isdisjoint(KNATIVE_NAMESPACES))
    )


def is_knative_gateway(item: Object) -> bool:
    """Tell Knative's two Gateways from all others."""
    return item.ref.namespace == SERVING_NAMESPACE and item.ref.name in KNATIVE_GATEWAYS


def unplaced(world: World) -> Iterator[Undetermined]:
    """Say that it can't be told in which mesh Serverless is, where that is so."""
    if world.serverless_mesh is None and len(world.meshes) > 1:
        planes = [mesh.control_plane for mesh in world.meshes if mesh.control_plane]
        names = ", ".join(map(str, world.meshes))
        for plane in planes[:1]:
            yield Undetermined(
                plane.ref,
                "",
                f"there are several meshes ({names}) and nothing tells which one is Serverless's; "
                "say its namespace",
            )


def knative_gateway(world: World, name: str) -> Object | None:
    """Return one of Knative's Gateways."""
    return world.get(GATEWAY, SERVING_NAMESPACE, name)
