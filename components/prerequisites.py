"""What must be so in the cluster before anything is declared.

Documentation: "Integrating Service Mesh with OpenShift Serverless", prerequisites and limits.
"""

from collections.abc import Callable, Container
from typing import Final

from cluster import Observed, Question
from components.control_plane import ControlPlaneError, check_consent
from components.member_roll import members
from components.names import MEMBER_ROLL, SERVING_NAMESPACE
from components.operators import (
    MESH_NAMESPACE,
    OPERATOR_GROUP,
    PACKAGES,
    SERVERLESS_NAMESPACE,
)
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
    return Question(
        settings.mesh_namespace,
        tuple(_providers(settings)),
        settings.wildcard_secret if settings.wildcard_from == "secret" else None,
        tuple(members(settings)) if settings.existing_mesh else (),
        SERVERLESS_NAMESPACE if settings.install_operators else None,
    )


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


def check(
    settings: Settings, found: Observed, listed: Callable[[], Container[str]] = frozenset
) -> None:
    """Judge the cluster; `listed` returns the members that the stack's own roll has had so far.

    Raises:
        PrerequisiteError: an operator is missing or would be installed twice, a namespace is being
            deleted or in another mesh, members of others would leave the roll, or the mesh or the
            secret that the settings take for existing is not there.
    """
    problems = [
        *_operators(settings, found),
        *_installed(found),
        *_going(settings, found),
        *_moved(settings, found),
        *_elsewhere(settings, found),
        *_put_out(settings, found, listed),
        *_absent(settings, found),
    ]
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


def _installed(found: Observed) -> list[str]:
    """Refuse to install an operator a second time, which breaks the first."""
    ours = {(namespace, package) for package, namespace in PACKAGES.items()}
    problems = [
        f"{each.package} is installed already, by the Subscription {each.namespace}/{each.name}. "
        "Set serverless-mesh:installOperators to false to use it"
        for each in found.subscriptions
        if each.package in PACKAGES and (each.namespace, each.name) not in ours
    ]
    others = [name for name in found.operator_groups if name != OPERATOR_GROUP]
    if others:
        problems.append(
            f"the namespace {SERVERLESS_NAMESPACE} has the OperatorGroup {', '.join(others)} "
            "already, and with a second one nothing is installed there. Set "
            "serverless-mesh:installOperators to false and install the operator by that group"
        )
    return problems


def _going(settings: Settings, found: Observed) -> list[str]:
    going = [
        name
        for name in dict.fromkeys(namespaces(settings))
        if name in found.namespaces and found.namespaces[name].terminating
    ]
    if not going:
        return []
    return [
        f"the namespace {', '.join(going)} is being deleted; wait until it is gone (an object in "
        "it may hold it by a finalizer), then run the update again"
    ]


def _elsewhere(settings: Settings, found: Observed) -> list[str]:
    """Refuse a project that is a member of another mesh; it can be in one only."""
    problems = []
    for project in members(settings):
        labelled = found.namespaces[project].member_of if project in found.namespaces else None
        joined = found.memberships.get(project)
        mesh = joined.mesh_namespace if joined is not None else labelled
        by = f"its ServiceMeshMember {project}/default" if joined is not None else "a member roll"
        if mesh not in (None, settings.mesh_namespace) and project != SERVING_NAMESPACE:
            problems.append(
                f"the namespace {project} is in the mesh of {mesh} by {by}, and a namespace is in "
                "one mesh only. Have it leave that one, or leave it out of "
                "serverless-mesh:projects"
            )
        elif joined is not None and joined.control_plane != settings.control_plane_name:
            problems.append(
                f"the ServiceMeshMember {project}/default is of the control plane "
                f"{joined.mesh_namespace}/{joined.control_plane}, but "
                f"serverless-mesh:controlPlaneName is {settings.control_plane_name}"
            )
    return problems


def _put_out(
    settings: Settings, found: Observed, listed: Callable[[], Container[str]]
) -> list[str]:
    """Refuse to take members out of the stack's own roll that others have put there."""
    extra = [name for name in found.roll if name not in members(settings)]
    if settings.existing_mesh or not extra:
        return []
    ours = listed()
    others = [name for name in extra if name not in ours]
    if not others:
        return []
    return [
        f"the ServiceMeshMemberRoll {settings.mesh_namespace}/{MEMBER_ROLL} lists "
        f"{', '.join(others)} besides the stack's own, and the update would put them out of the "
        "mesh. Add them to serverless-mesh:projects, or take them out of the roll yourself"
    ]


def _moved(settings: Settings, found: Observed) -> list[str]:
    serving, plane = found.namespaces.get(SERVING_NAMESPACE), found.control_plane
    if not found.serving or serving is None:
        if plane is None or plane.name == settings.control_plane_name:
            return []
        return [
            f"serverless-mesh:controlPlaneName is {settings.control_plane_name}, but the control "
            f"plane in {settings.mesh_namespace} is {plane.name}, and a namespace has one only. "
            "Set it to that, or serverless-mesh:meshNamespace to another namespace"
        ]
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


def announcements(settings: Settings, found: Observed) -> list[str]:
    """Return what the update changes in a mesh of others, as its owners agreed to.

    Raises:
        PrerequisiteError: they did not agree.
    """
    plane = found.control_plane
    if plane is None or not settings.existing_mesh:
        return []
    name = f"{settings.mesh_namespace}/{plane.name}"
    try:
        agreed = check_consent(settings, plane)
    except ControlPlaneError as error:
        raise PrerequisiteError(str(error)) from None
    return [
        f"the ServiceMeshControlPlane {name}, which others own, changes: {what}" for what in agreed
    ]
