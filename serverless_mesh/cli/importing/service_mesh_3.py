"""The settings nearest to a mesh of Service Mesh 3."""

from typing import Any, Final

from mesh_policy.documented.kinds import (
    DEPLOYMENT,
    ENVOY_FILTER,
    ISTIO_CNI,
    ISTIO_REVISION_TAG,
    NAMESPACE,
)
from mesh_policy.documented.names import (
    DEFAULT_REVISION,
    DEPLOYED_INGRESS,
    ENABLED,
    INJECTION,
    ISTIO_CNI_NAME,
    KNATIVE_NAMESPACES,
    LOCAL_GATEWAY,
    REVISION,
)
from mesh_policy.documented.variants import SERVICE_MESH_3
from mesh_policy.mesh.knative_gateways import configs
from mesh_policy.mesh.mesh import Mesh
from mesh_policy.reading.objects import Object
from mesh_policy.reading.values import at, items, mapping, text
from mesh_policy.world import World, knative_gateway
from serverless_mesh.cli.importing.draft import Draft, others
from serverless_mesh.cli.importing.service_mesh_2 import put_projects
from serverless_mesh.settings import ServiceMesh3

_DEFAULTS: Final = ServiceMesh3(version=3)
_LONG_REQUESTS: Final = "disable-stream-idle-timeout"


def put(draft: Draft, world: World, mesh: Mesh, plane: Object) -> None:
    """Add the section `mesh` and the projects."""
    draft.put(("mesh", "version"), 3, source="the control plane")
    shown = f"Istio {plane.ref.name}"
    _put(draft, "name", plane.ref.name, _DEFAULTS.name, shown)
    _put(draft, "namespace", mesh.namespace, _DEFAULTS.namespace, shown)
    _put_gateway(draft, world)
    if unknown := others(plane.body, _expressed(plane)):
        draft.put(("mesh", "existing"), True, source=shown)
        draft.note(
            "mesh",
            f"The {shown} stays that of others (existing), since it has what no setting has "
            f"({', '.join(unknown)}): an update of one that is the stack's would take that away. "
            "It is used as it is, with the IstioCNI; what it lacks the preview asks for.",
        )
    else:
        draft.note(
            "mesh",
            f"The {shown} has nothing that settings can't say, so it is taken for yours. Where "
            "others use this mesh too, set existing to true.",
        )
        _put(draft, "istioVersion", plane.get("spec", "version"), None, shown)
        strategy = plane.get("spec", "updateStrategy", "type")
        _put(draft, "updateStrategy", strategy, _DEFAULTS.update_strategy, shown)
        _put_cni(draft, world, plane)
    _put_values(draft, mesh, plane)
    _put_tag(draft, world, plane)
    if any(item.ref.name == _LONG_REQUESTS for item in world.objects(ENVOY_FILTER, mesh.namespace)):
        _put(draft, "longRequests", True, False, f"EnvoyFilter {_LONG_REQUESTS}")
    _put_joining(draft, world)


def _expressed(plane: Object) -> set[tuple[str, ...]]:
    variant = SERVICE_MESH_3
    expressed = {
        ("spec", "namespace"),
        ("spec", "version"),
        ("spec", "updateStrategy", "type"),
        variant.excluded_ports,
        variant.drain,
    }
    if _discovery_label(plane):
        expressed.add(variant.discovery_selectors)
    return expressed


def _discovery_label(plane: Object) -> str | None:
    """Return the one label by which namespaces are read, where it is one."""
    selectors = items(plane.get(*SERVICE_MESH_3.discovery_selectors))
    if len(selectors) != 1 or mapping(selectors[0]).keys() != {"matchLabels"}:
        return None
    labels = mapping(selectors[0]["matchLabels"])
    return "=".join(next(iter(labels.items()))) if len(labels) == 1 else None


def _put(draft: Draft, key: str, found: Any, default: Any, source: str) -> None:
    if found != default:
        draft.put(("mesh", key), found, source=f"{key} of {source}")


def _put_values(draft: Draft, mesh: Mesh, plane: Object) -> None:
    drain = plane.get(*mesh.drain)
    _put(draft, "drainDuration", drain, _DEFAULTS.drain_duration, "the Istio")
    written = text(plane.get(*SERVICE_MESH_3.excluded_ports))
    ports = [int(port) for port in written.split(",") if port.strip().isdecimal()]
    if ports:
        default = list(_DEFAULTS.excluded_ports)
        _put(draft, "excludedPorts", ports, default, "the Istio")
    _put(draft, "discoveryLabel", _discovery_label(plane), None, "the Istio")


def _put_cni(draft: Draft, world: World, plane: Object) -> None:
    cni = world.get(ISTIO_CNI, "", ISTIO_CNI_NAME)
    if cni is None:
        return
    known: set[tuple[str, ...]] = {("spec", "namespace"), ("spec", "version")}
    version = cni.get("spec", "version")
    if (unknown := others(cni.body, known)) or version != plane.get("spec", "version"):
        listed = f"has what no setting has ({', '.join(unknown)})"
        why = listed if unknown else "is of another version than the Istio"
        draft.put(("mesh", "existingCni"), True, source="IstioCNI default")
        draft.note("mesh", f"The IstioCNI is used as it is (existingCni), since it {why}.")
    else:
        namespace = cni.get("spec", "namespace")
        _put(draft, "cniNamespace", namespace, _DEFAULTS.cni_namespace, "the IstioCNI")


def _put_tag(draft: Draft, world: World, plane: Object) -> None:
    for item in world.objects(ISTIO_REVISION_TAG):
        target = mapping(item.get("spec", "targetRef"))
        if target.get("name") == plane.ref.name and item.ref.name != plane.ref.name:
            draft.put(("mesh", "revisionTag"), item.ref.name, source="IstioRevisionTag")
            return


def _put_gateway(draft: Draft, world: World) -> None:
    external = [each for config in configs(world) for each in config.external]
    targets = [each.target for each in external if each.target is not None]
    if targets:
        namespace = targets[0].namespace
        _put(draft, "gatewayNamespace", namespace, _DEFAULTS.gateway_namespace, "config-istio")
    wanted = targets[0].namespace if targets else _DEFAULTS.gateway_namespace
    if (deployed := world.get(DEPLOYMENT, wanted, DEPLOYED_INGRESS)) is not None:
        replicas = deployed.get("spec", "replicas") or 1
        _put(draft, "gatewayReplicas", replicas, _DEFAULTS.gateway_replicas, "the gateway")
        _put_account(draft, deployed)
    else:
        draft.note(
            "mesh",
            f"There is no Deployment {wanted}/{DEPLOYED_INGRESS}: a gateway of this name is made, "
            "and one of another name stays beside it, which you delete when this one serves.",
        )
    local = knative_gateway(world, LOCAL_GATEWAY)
    for server in items(local.get("spec", "servers")) if local else ():
        if text(at(server, "port", "protocol")).upper() != "HTTPS":
            _put(draft, "localGatewayTls", "plain", "mutual", "the local Gateway")
            draft.note(
                "mesh",
                "The local gateway takes plaintext, as it does now: any pod of the cluster reaches "
                "cluster-local services so. Set localGatewayTls to mutual when all their callers "
                "have a sidecar.",
            )
            return


def _put_account(draft: Draft, deployed: Object) -> None:
    account = text(deployed.get("spec", "template", "spec", "serviceAccountName")) or "default"
    if account != DEPLOYED_INGRESS:
        _put(draft, "gatewayAccount", account, None, "the gateway")
        draft.note(
            "mesh",
            f"The gateway keeps its account ({account}), since another one would start its pods "
            "anew. Whoever else has it may read the certificate's key: leave gatewayAccount out to "
            "give the gateway an account of its own, when a restart suits.",
        )


def _put_joining(draft: Draft, world: World) -> None:
    section = draft.settings["mesh"]
    revision = section.get("revisionTag") or section.get("name") or DEFAULT_REVISION
    default = revision == DEFAULT_REVISION
    key, value = (INJECTION, ENABLED) if default else (REVISION, revision)
    joined = [
        item.ref.name
        for item in world.objects(NAMESPACE)
        if item.labels.get(key) == value and item.ref.name not in KNATIVE_NAMESPACES
    ]
    put_projects(draft, joined)
    draft.note(
        "projects",
        f"These are the namespaces with the label {key}={value}. Projects whose pods ask for a "
        "sidecar by labels of their own need not be here: the stack would label the whole project.",
    )
