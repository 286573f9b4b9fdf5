"""The status that an operator gives to its resource: pure functions, named after what they play.

Left out are selectors and wildcards of a member roll.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, Final

from toolchain.knative_names import Naming
from toolchain.operators.orders import Failure

Manifest = dict[str, Any]
MESH_VERSION: Final = "2.6"
SERVERLESS_VERSION: Final = "1.35.0"
KNATIVE_VERSION: Final = "1.15.2"
MEMBER_OF: Final = "maistra.io/member-of"
"""Label of a member's namespace: the namespace of its mesh."""
_COMPONENTS: Final = ["istio-discovery", "istio-ingress", "mesh-config"]


class Progress(Enum):
    """How far the work on a generation has come, when it has not failed."""

    UNDERWAY = "underway"
    DONE = "done"


Outcome = Progress | Failure


@dataclass(frozen=True)
class World:
    """What else there is in the cluster: namespaces, the resources of each kind, the domain."""

    namespaces: frozenset[str] = frozenset()
    resources: Mapping[str, list[Manifest]] = field(default_factory=dict)
    domain: str = "example.com"
    labelled: Mapping[str, str] = field(default_factory=dict)
    """The members by their namespaces' labels, each with the namespace of its mesh."""

    @property
    def naming(self) -> Naming:
        """How Knative Services are named."""
        serving = next(iter(self.resources.get("KnativeServing", [])), {})
        config = serving.get("spec", {}).get("config", {})
        return Naming.of(config.get("domain", {}), config.get("network", {}), self.domain)

    def control_planes(self, namespace: str) -> list[Manifest]:
        """Return the control planes in a namespace."""
        found = self.resources.get("ServiceMeshControlPlane", [])
        return [item for item in found if item["metadata"]["namespace"] == namespace]

    def joined(self, control_plane: Manifest) -> set[str]:
        """Return the namespaces that joined a control plane by an object of their own."""
        reference = {key: control_plane["metadata"][key] for key in ("name", "namespace")}
        found = self.resources.get("ServiceMeshMember", [])
        return {
            item["metadata"]["namespace"]
            for item in found
            if item["spec"]["controlPlaneRef"] == reference
        }


def status(resource: Manifest, world: World, outcome: Outcome, now: str) -> Manifest:
    """Return the whole status of a resource of one of `KINDS`; `now` is in RFC 3339.

    Of a condition that keeps its status, the time of its last transition is kept too.
    """
    new = KINDS[resource["kind"]](resource, world, outcome)
    old = {item["type"]: item for item in _old(resource).get("conditions") or ()}
    for condition in new.get("conditions", ()):
        before = old.get(condition["type"], {})
        same = before.get("status") == condition["status"]
        condition["lastTransitionTime"] = before.get("lastTransitionTime", now) if same else now
    return new


def summary(new: Manifest) -> str:
    """Say in a line what a status says."""
    for item in new.get("conditions", ()):
        if item["type"] == "Ready":
            return f"Ready={item['status']} {item.get('reason', '')} {item.get('message', '')}"
    return str(new.get("state", ""))


def memberships(world: World) -> dict[str, str]:
    """Return the namespaces that are configured as members, each with that of its mesh."""
    found = {
        member: roll["metadata"]["namespace"]
        for roll in world.resources.get("ServiceMeshMemberRoll", [])
        for member in _old(roll).get("configuredMembers") or ()
    }
    for item in world.resources.get("ServiceMeshMember", []):
        if "Ready=True" in summary(_old(item)):
            found[item["metadata"]["namespace"]] = item["spec"]["controlPlaneRef"]["namespace"]
    return found


def _control_plane(resource: Manifest, _: World, outcome: Outcome) -> Manifest:
    spec, generation = resource["spec"], resource["metadata"]["generation"]
    done = outcome is Progress.DONE
    before = _old(resource).get("observedGeneration", 0)
    if isinstance(outcome, Failure):
        said = (outcome.reason, outcome.message)
    elif before:
        said = ("SpecUpdated", f"Updating mesh from generation {before} to generation {generation}")
    else:
        said = ("ResourceCreated", f"Installing mesh generation {generation}")
    conditions = [_condition(kind, "False", *said) for kind in ("Installed", "Reconciled", "Ready")]
    installed = _condition(
        "Installed", "True", "InstallSuccessful", "Successfully installed all mesh components"
    )
    if done:
        conditions = [
            installed,
            _condition("Reconciled", "True", "ReconcileSuccessful", "Successfully reconciled"),
            _condition(
                "Ready", "True", "ComponentsReady", "All component deployments are Available"
            ),
        ]
    elif _installed(resource):
        conditions[0] = installed
    version = f"{(spec.get('version') or MESH_VERSION).removeprefix('v')}.0"
    ready, pending = (_COMPONENTS, []) if done else ([], _COMPONENTS)
    return {
        "annotations": {"readyComponentCount": f"{len(ready)}/{len(_COMPONENTS)}"},
        "appliedSpec": {key: spec[key] for key in ("mode", "profiles", "version") if key in spec},
        "chartVersion": version,
        "operatorVersion": f"{version} (stand-in)",
        "readiness": {"components": {"ready": ready, "unready": [], "pending": pending}},
        "conditions": conditions,
        # As the real one: a generation counts as observed when the work on it has come to an end.
        "observedGeneration": before if outcome is Progress.UNDERWAY else generation,
    }


def _installed(control_plane: Manifest) -> bool:
    """Say whether a mesh was ever installed; while it is updated, it stays so."""
    conditions = _old(control_plane).get("conditions") or ()
    return any(item["type"] == "Installed" and item["status"] == "True" for item in conditions)


def _member_roll(resource: Manifest, world: World, outcome: Outcome) -> Manifest:
    namespace = resource["metadata"]["namespace"]
    meshes = world.control_planes(namespace)
    members = set(resource["spec"].get("members") or ()).union(*map(world.joined, meshes))
    members.discard(namespace)
    absent = members - world.namespaces
    works = outcome is not Progress.UNDERWAY and len(meshes) == 1 and _installed(meshes[0])
    pending = sorted(absent if works else members)
    configured = sorted(members.difference(pending))
    if isinstance(outcome, Failure):
        said = ("False", outcome.reason, outcome.message)
    elif not meshes:
        said = ("False", "ErrSMCPMissing", "No ServiceMeshControlPlane exists in the namespace")
    elif len(meshes) > 1:
        message = "Multiple ServiceMeshControlPlanes exist in the namespace"
        said = ("False", "ErrMultipleSMCPs", message)
    elif not _installed(meshes[0]):
        message = "Initial service mesh installation is in progress"
        said = ("False", "SMCPReconciling", message)
    elif pending or not works:
        message = f"The following namespaces are not yet configured: [{' '.join(pending)}]"
        said = ("False", "ReconcileError", message)
    else:
        said = ("True", "Configured", "All namespaces have been configured successfully")
    return {
        "annotations": {"configuredMemberCount": f"{len(configured)}/{len(members)}"},
        "members": sorted(members),
        "configuredMembers": configured,
        "pendingMembers": pending,
        "terminatingMembers": [],
        "memberStatuses": [
            {"namespace": name, "conditions": _membership(name, name in absent, name in pending)}
            for name in sorted(members)
        ],
        "meshGeneration": _old(meshes[0]).get("observedGeneration", 0) if meshes else 0,
        "conditions": [_condition("Ready", *said)],
        "observedGeneration": resource["metadata"]["generation"],
    }


def _membership(namespace: str, absent: bool, pending: bool) -> list[Manifest]:
    if absent:
        said = ("False", "NamespaceNotExists", f"Namespace {namespace} does not exist")
    else:
        said = ("False" if pending else "True", "", "")
    return [_condition(kind, *said) for kind in ("Reconciled", "Ready")]


def _member(resource: Manifest, world: World, outcome: Outcome) -> Manifest:
    name, namespace = (resource["spec"]["controlPlaneRef"][key] for key in ("name", "namespace"))
    meshes = [item for item in world.control_planes(namespace) if item["metadata"]["name"] == name]
    said: tuple[str, ...] = ("True",)
    if isinstance(outcome, Failure):
        said = ("False", outcome.reason, outcome.message)
    elif not meshes:
        said = ("False", "ErrSMCPMissing", "The referenced ServiceMeshControlPlane does not exist")
    elif outcome is Progress.UNDERWAY or not _installed(meshes[0]):
        said = ("False", "SMCPReconciling", "The mesh is being reconciled")
    return {
        "annotations": {"controlPlaneRef": f"{namespace}/{name}"},
        "meshGeneration": _old(meshes[0]).get("observedGeneration", 0) if meshes else 0,
        "conditions": [_condition(kind, *said) for kind in ("Reconciled", "Ready")],
        "observedGeneration": resource["metadata"]["generation"],
    }


def _knative(version: str, *more: str) -> Callable[[Manifest, World, Outcome], Manifest]:
    def part(resource: Manifest, _: World, outcome: Outcome) -> Manifest:
        faults = {}
        if isinstance(outcome, Failure):
            faults = dict.fromkeys(
                ("InstallSucceeded", "Ready"), ("False", outcome.reason, outcome.message)
            )
        elif outcome is Progress.UNDERWAY:
            faults = dict.fromkeys(
                ("DeploymentsAvailable", "Ready"), ("False", "NotReady", "Waiting on deployments")
            )
        return {
            "version": resource["spec"].get("version") or version,
            "conditions": [
                _condition(kind, *faults.get(kind, ("True",)))
                for kind in sorted(("DeploymentsAvailable", "InstallSucceeded", "Ready", *more))
            ],
            "observedGeneration": resource["metadata"]["generation"],
        }

    return part


def _knative_service(resource: Manifest, world: World, outcome: Outcome) -> Manifest:
    name, namespace = resource["metadata"]["name"], resource["metadata"]["namespace"]
    generation = resource["metadata"]["generation"]
    revision = f"{name}-{generation:05d}"
    said: tuple[str, ...] = ("Unknown" if outcome is Progress.UNDERWAY else "True",)
    if isinstance(outcome, Failure):
        said = ("False", outcome.reason, outcome.message)
    done = {
        "latestReadyRevisionName": revision,
        "traffic": [{"latestRevision": True, "percent": 100, "revisionName": revision}],
    }
    return {
        "url": f"https://{world.naming.host(name, namespace)}",
        "address": {"url": f"http://{name}.{namespace}.svc.cluster.local"},
        "latestCreatedRevisionName": revision,
        **(done if outcome is Progress.DONE else {}),
        "conditions": [
            _condition(kind, *said) for kind in ("ConfigurationsReady", "Ready", "RoutesReady")
        ],
        "observedGeneration": generation,
    }


def _domain_mapping(resource: Manifest, _: World, outcome: Outcome) -> Manifest:
    said: tuple[str, ...] = ("Unknown" if outcome is Progress.UNDERWAY else "True",)
    if isinstance(outcome, Failure):
        said = ("False", outcome.reason, outcome.message)
    return {
        "url": f"https://{resource['metadata']['name']}",
        "conditions": [
            _condition(kind, *said) for kind in ("DomainClaimed", "Ready", "ReferenceResolved")
        ],
        "observedGeneration": resource["metadata"]["generation"],
    }


def _subscription(resource: Manifest, _: World, outcome: Outcome) -> Manifest:
    """Play the Operator Lifecycle Manager; its updates begin as soon as they are approved."""
    old, name = _old(resource), resource["spec"].get("name", "")
    new = {"lastUpdated": old.get("lastUpdated", "2026-01-01T00:00:00Z")}
    if isinstance(outcome, Failure):
        failed = _condition("ResolutionFailed", "True", outcome.reason, outcome.message)
        return {**new, "state": "", "conditions": [failed]}
    if outcome is Progress.UNDERWAY:
        return {**new, "state": "UpgradePending", "conditions": []}
    version = MESH_VERSION + ".0" if "mesh" in name else SERVERLESS_VERSION
    found = f"{name}.v{version}"
    return {
        **new,
        "state": "AtLatestKnown",
        "installedCSV": found,
        "currentCSV": found,
        "conditions": [],
    }


def revision_of(istio: Manifest) -> str:
    """Return the name of an Istio's active revision."""
    name, spec = str(istio["metadata"]["name"]), istio["spec"]
    if spec.get("updateStrategy", {}).get("type") == "RevisionBased":
        return f"{name}-{spec.get('version', '').replace('.', '-')}"
    return name


def _istio(resource: Manifest, _: World, outcome: Outcome) -> Manifest:
    """Play the operator of Service Mesh 3; its `Ready` is of the control plane alone."""
    return {
        **_of_sail(resource, outcome, "IstiodNotReady", "istiod Deployment not found"),
        "activeRevisionName": revision_of(resource),
    }


def _istio_cni(resource: Manifest, _: World, outcome: Outcome) -> Manifest:
    return _of_sail(resource, outcome, "DaemonSetNotReady", "istio-cni-node not ready")


def _revision_tag(resource: Manifest, world: World, outcome: Outcome) -> Manifest:
    target, istios = resource["spec"].get("targetRef", {}), world.resources.get("Istio", [])
    tagged = target.get("kind") == "IstioRevision"
    names = revision_of if tagged else lambda istio: istio["metadata"]["name"]
    found = [each for each in istios if names(each) == target.get("name")]
    return {
        **_of_sail(resource, outcome, "RefNotFound", "referenced Istio resource does not exist"),
        "istioRevision": revision_of(found[0]) if found else "",
        "istiodNamespace": found[0]["spec"]["namespace"] if found else "",
    }


def _of_sail(resource: Manifest, outcome: Outcome, reason: str, message: str) -> Manifest:
    said: tuple[str, ...] = ("True",)
    state = "Healthy"
    if isinstance(outcome, Failure):
        said, state = ("False", outcome.reason, outcome.message), outcome.reason
    elif outcome is Progress.UNDERWAY:
        said, state = ("False", reason, message), reason
    return {
        "state": state,
        "conditions": [_condition("Ready", *said), _condition("Reconciled", "True")],
        "observedGeneration": resource["metadata"]["generation"],
    }


def running_pod(now: str) -> Manifest:
    """Return the status of a pod that a node runs, whatever is in it."""
    conditions = [
        {"type": kind, "status": "True", "lastTransitionTime": now}
        for kind in ("PodScheduled", "Initialized", "ContainersReady", "Ready")
    ]
    return {"status": {"phase": "Running", "conditions": conditions}}


def _condition(kind: str, status: str, reason: str = "", message: str = "") -> Manifest:
    said = {"reason": reason, "message": message}
    return {"type": kind, "status": status, **{key: text for key, text in said.items() if text}}


def _old(resource: Manifest) -> Manifest:
    return resource.get("status") or {}


_UPSTREAM: Final = ("DependenciesInstalled", "VersionMigrationEligible")
KINDS: Final[Mapping[str, Callable[[Manifest, World, Outcome], Manifest]]] = {
    "ServiceMeshControlPlane": _control_plane,
    "ServiceMeshMember": _member,
    "ServiceMeshMemberRoll": _member_roll,
    "KnativeServing": _knative(KNATIVE_VERSION, *_UPSTREAM),
    "KnativeEventing": _knative(KNATIVE_VERSION, *_UPSTREAM),
    "KnativeKafka": _knative(SERVERLESS_VERSION),
    "Service": _knative_service,
    "DomainMapping": _domain_mapping,
    "Subscription": _subscription,
    "Istio": _istio,
    "IstioCNI": _istio_cni,
    "IstioRevisionTag": _revision_tag,
}
"""The kinds that the stand-in knows; `Service` is Knative's."""
