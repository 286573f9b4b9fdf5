"""A mesh: its control plane, its members, and its gateways."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, ClassVar, Final, NamedTuple

from mesh_policy.documented.kinds import DEPLOYMENT
from mesh_policy.documented.names import GATEWAY_SELECTOR, GATEWAY_TEMPLATE, SCOPED_GATEWAYS
from mesh_policy.documented.variants import Path, Variant
from mesh_policy.findings import Ref, Undetermined
from mesh_policy.mesh import control_plane
from mesh_policy.mesh.discovery import Discovery
from mesh_policy.mesh.workload import Workload, canonical_labels
from mesh_policy.reading.interception import Interception
from mesh_policy.reading.label_selectors import labels
from mesh_policy.reading.objects import Object, Objects
from mesh_policy.reading.proxy_config import PROTO_DRAIN, Draining, by_json_names, draining
from mesh_policy.reading.values import UNKNOWN, at, mapping, text, truth

_OPERATORS: Final = "maistra.io/owner"
"""Label of what the Service Mesh operator makes; the control plane says what that will be."""


class Refusal(NamedTuple):
    """A membership that the operator does not take, what it says where, and what is needed."""

    item: Object
    path: str
    found: str
    needed: str
    bars: bool
    """Whether it keeps its namespace out even where a roll names that."""


@dataclass(frozen=True, eq=False, kw_only=True)
class Mesh(ABC):
    """A mesh: its control plane (None: not seen, only its namespace is known) and its members.

    `explicit` are the members by name; `certain` is False where others may be members, too.
    """

    variant: ClassVar[Variant]

    namespace: str
    name: str = ""
    control_plane: Object | None = None
    rolls: Sequence[Object] = ()
    memberships: Sequence[Object] = ()
    """Those that the operator takes, or may."""
    refused: Mapping[str, Refusal] = field(default_factory=dict)
    """Those that it does not take, one a namespace."""
    explicit: frozenset[str] = frozenset()
    everything: bool = False
    certain: bool = True
    discovery: Discovery | None = None
    """Which namespaces the control plane reads; None: those of its members."""
    deployments: Sequence[Object] = field(default=(), repr=False)
    """The gateways among the cluster's deployments."""

    def __str__(self) -> str:
        return f"{self.namespace}/{self.name}" if self.name else self.namespace

    @cached_property
    def namespaces(self) -> frozenset[str]:
        """The control plane's namespace, and those of the members by name."""
        return self.explicit | {self.namespace}

    def has(self, namespace: str) -> bool | None:
        """Say whether a namespace is the control plane's or a member's; None: not known."""
        if namespace in self.namespaces:
            return True
        if self.is_barred(namespace):
            return False
        if self.everything:
            return True
        unknown_name = namespace == repr(UNKNOWN)
        return False if self.certain and not unknown_name else None

    def is_barred(self, namespace: str) -> bool:
        """Say whether a namespace's own membership keeps it out, whatever a roll says."""
        return namespace in self.refused and self.refused[namespace].bars

    def reads(self, namespace: str) -> bool | None:
        """Say whether the control plane reads Gateways and the like in a namespace."""
        return self.discovery.reads(namespace) if self.discovery else self.has(namespace)

    @property
    def ref(self) -> Ref:
        """Who the control plane is; where it was not seen, without a name."""
        if self.control_plane is not None:
            return self.control_plane.ref
        return Ref(self.variant.control_plane, self.namespace, self.name)

    def applied(self, path: Path) -> Any:
        """Return what the control plane applies at `path`; UNKNOWN also where it is not seen."""
        plane = self.control_plane
        return control_plane.applied(plane, self.variant, path) if plane else UNKNOWN

    def unclear(self, plane: Object, path: Path) -> Undetermined:
        """Return the finding that it is not known what the control plane applies at `path`."""
        return control_plane.unclear(plane, self.variant, path)

    @property
    def root(self) -> str:
        """The namespace of what holds for the whole mesh."""
        return text(self.applied(self.variant.root_namespace)) or self.namespace

    @cached_property
    def interception(self) -> Interception:
        """Which inbound ports the mesh's sidecars intercept."""
        path, plane = self.variant.included_ports, self.control_plane
        included = self.applied(path)
        if included is UNKNOWN and plane is not None and plane.get(*path) is None:
            # Nobody is known to leave this to a profile; then sidecars take every port.
            included = None
        return Interception(included, self.applied(self.variant.excluded_ports))

    @cached_property
    def drain(self) -> Path:
        """Where it stands how long the mesh's proxies drain."""
        path = self.variant.drain
        other: Path = (*path[:-1], PROTO_DRAIN)
        by_other = self.variant.proto_names and self.applied(path) is None
        return other if by_other and self.applied(other) is not None else path

    @cached_property
    def draining(self) -> Draining:
        """How the mesh's proxies drain, unless their pods say otherwise."""
        config = self.applied(self.drain[:-1])
        found = draining(by_json_names(config) if self.variant.proto_names else config)
        return replace(found, duration=self.applied(self.drain))

    @property
    def scoped(self) -> bool | None:
        """Whether gateways take only the Gateways of their own namespace; None: not known."""
        plane = self.control_plane
        found = plane.get(*self.variant.variables, SCOPED_GATEWAYS) if plane else None
        return None if found is UNKNOWN else truth(found) is True

    @property
    @abstractmethod
    def ingress(self) -> Workload:
        """The ingress gateway that Serverless uses."""

    @property
    @abstractmethod
    def ingress_service(self) -> str | None:
        """The Service of the ingress gateway that comes with the control plane; None: none does."""

    @property
    @abstractmethod
    def switches(self) -> Sequence[tuple[Path, Any]]:
        """Where the control plane can switch its ingress gateway off, and what it says there."""

    @property
    @abstractmethod
    def workloads(self) -> Sequence[Workload]:
        """All gateways of the mesh that are known, without the additional ones of no label."""

    @property
    def without_ingress(self) -> bool:
        """Whether the control plane's own ingress gateway is switched off."""
        return any(truth(value) is False for _, value in self.switches)

    @cached_property
    def other_ingress(self) -> Workload | None:
        """Another gateway of the mesh with the documented label, if there is one."""
        wanted = frozenset(GATEWAY_SELECTOR.items())
        carrying = (item for item in self.others if item.labels and wanted <= item.labels)
        return next(carrying, None)

    @property
    def others(self) -> Sequence[Workload]:
        """All gateways but the one that the control plane makes for ingress."""
        return self.deployed

    @cached_property
    def deployed(self) -> Sequence[Workload]:
        """The gateways that somebody deployed."""
        return [_deployed(item) for item in self.deployments]


def _deployed(item: Object) -> Workload:
    given = labels(item.get("spec", "template", "metadata", "labels"))
    derived = canonical_labels(given, item.ref.name)
    return Workload(item.ref.namespace, given, derived, seen=True)


def gateway_deployments(objects: Objects) -> list[Object]:
    """Return the deployments that are gateways, those of the Service Mesh operator left out."""
    found = []
    for item in objects.objects(DEPLOYMENT):
        template = item.get("spec", "template", "metadata")
        if _OPERATORS in item.labels:
            continue
        gateway = "gateway" in text(at(template, "annotations", GATEWAY_TEMPLATE))
        carried = mapping(at(template, "labels"))
        documented = all(carried.get(key) == value for key, value in GATEWAY_SELECTOR.items())
        if gateway or "istio" in carried or documented:
            found.append(item)
    return found
