"""What must be so in the cluster before anything is declared.

Documentation: "Integrating Service Mesh with OpenShift Serverless", prerequisites and limits.
"""

from typing import Final

from cluster import Observed, Question
from components.member_roll import members
from components.names import SERVING_NAMESPACE
from components.operators import MESH_NAMESPACE, SERVERLESS_NAMESPACE
from settings import Settings

_SERVERLESS: Final = (
    "operator.knative.dev/v1beta1 KnativeServing",
    "operator.knative.dev/v1beta1 KnativeEventing",
)
_MESH: Final = ("maistra.io/v2 ServiceMeshControlPlane", "networking.istio.io/v1alpha3 Gateway")
_KAFKA: Final = "operator.serverless.openshift.io/v1alpha1 KnativeKafka"
_ROLL: Final = "maistra.io/v1 ServiceMeshMemberRoll"
_MEMBER: Final = "maistra.io/v1 ServiceMeshMember"
_CERTIFICATE: Final = "cert-manager.io/v1 Certificate"
_OLM: Final = "operators.coreos.com/v1alpha1 Subscription"


class PrerequisiteError(Exception):
    """The cluster is not what the settings need; the message says what is and what to do."""


def namespaces(settings: Settings) -> list[str]:
    """Return the namespaces that must be there, in the order in which they are needed."""
    found = [settings.mesh_namespace, *members(settings)]
    return [*found, SERVERLESS_NAMESPACE, MESH_NAMESPACE] if settings.install_operators else found


def question(settings: Settings) -> Question:
    """Return what the program has to know of the cluster."""
    existing = settings.wildcard_secret if settings.wildcard_from == "secret" else None
    return Question(settings.mesh_namespace, tuple(_providers(settings)), existing)


def _providers(settings: Settings) -> dict[str, str]:
    """Return the kinds that are needed from the start, each with what provides it."""
    operators = {
        **dict.fromkeys(_SERVERLESS, "the OpenShift Serverless operator"),
        **dict.fromkeys(_MESH, "the Red Hat OpenShift Service Mesh operator"),
        (_MEMBER if settings.existing_mesh else _ROLL): (
            "the Red Hat OpenShift Service Mesh operator"
        ),
    }
    if settings.kafka_bootstrap_servers:
        operators[_KAFKA] = "the OpenShift Serverless operator"
    if settings.install_operators:
        operators = {_OLM: "the Operator Lifecycle Manager"}
    if settings.wildcard_from == "cert-manager":
        operators[_CERTIFICATE] = "cert-manager"
    return operators


def check(settings: Settings, found: Observed) -> None:
    """Judge the cluster.

    Raises:
        PrerequisiteError: an operator is missing, Serverless is in another mesh, or the mesh or
            the secret that the settings take for existing is not there.
    """
    problems = [*_operators(settings, found), *_moved(settings, found), *_absent(settings, found)]
    if problems:
        raise PrerequisiteError("\n".join(problems))


def _operators(settings: Settings, found: Observed) -> list[str]:
    providers = _providers(settings)
    missing: dict[str, list[str]] = {}
    for kind in found.missing:
        missing.setdefault(providers[kind], []).append(kind)
    advice = (
        "" if settings.install_operators else ", or set serverless-mesh:installOperators to true"
    )
    return [
        f"{operator} is not installed: the cluster does not serve {', '.join(kinds)}. Install it"
        + (advice if "operator" in operator else "")
        for operator, kinds in missing.items()
    ]


def _moved(settings: Settings, found: Observed) -> list[str]:
    serving = found.namespaces.get(SERVING_NAMESPACE)
    if not found.serving or serving is None:
        return []
    wayout = (
        "Moving Serverless to another mesh is not supported. Leave the setting as it was, or "
        "uninstall and install again: `pulumi destroy` with the old value, then `pulumi up` with "
        "the new one"
    )
    if serving.member_of not in (None, settings.mesh_namespace):
        return [
            f"serverless-mesh:meshNamespace is {settings.mesh_namespace}, but Serverless runs in "
            f"the mesh of {serving.member_of}. {wayout}"
        ]
    plane = found.control_plane
    if plane is not None and plane.name != settings.control_plane_name:
        return [
            f"serverless-mesh:controlPlaneName is {settings.control_plane_name}, but Serverless "
            f"runs in the mesh {settings.mesh_namespace}/{plane.name}. {wayout}"
        ]
    return []


def _absent(settings: Settings, found: Observed) -> list[str]:
    if not found.namespaces:
        return []
    problems = []
    if settings.existing_mesh and found.control_plane is None:
        problems.append(
            "serverless-mesh:existingMesh is true, but there is no ServiceMeshControlPlane in "
            f"{settings.mesh_namespace}; set serverless-mesh:meshNamespace to where it is, or "
            "existingMesh to false to have one made"
        )
    if settings.wildcard_from == "secret" and found.certificate is None:
        problems.append(
            f"serverless-mesh:wildcardFrom is secret, but there is no Secret "
            f"{settings.mesh_namespace}/{settings.wildcard_secret}; create it there, with the "
            "certificate in tls.crt and the key in tls.key"
        )
    return problems


def warnings(settings: Settings, found: Observed) -> list[str]:
    """Return what is probably not as the settings take it; only making an object can tell."""
    plane = found.control_plane
    if plane is None or plane.by_a_stack or settings.existing_mesh:
        return []
    return [
        f"there is a ServiceMeshControlPlane {settings.mesh_namespace}/{plane.name} that no stack "
        "made, and none is ever taken over. To use it, set serverless-mesh:existingMesh to true; "
        "for a mesh of its own, set serverless-mesh:meshNamespace to another namespace"
    ]
