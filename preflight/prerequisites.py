"""What must be so in the cluster before anything is declared.

Documentation: "Integrating Service Mesh with OpenShift Serverless", prerequisites and limits.
"""

from collections.abc import Callable, Container, Iterator
from typing import Final, NamedTuple

from mesh_policy.documented.kinds import (
    CERTIFICATE,
    CONTROL_PLANE,
    EVENTING,
    GATEWAY,
    ISTIO,
    ISTIO_CNI,
    ISTIO_REVISION_TAG,
    KAFKA,
    MEMBER,
    MEMBER_ROLL,
    PEER_AUTHENTICATION,
    SERVING,
    SUBSCRIPTION,
    Kind,
    api_version,
)
from mesh_policy.documented.names import (
    DEFAULT_ROLL,
    OPERATORS_NAMESPACE,
    SERVERLESS_GROUP,
    SERVERLESS_NAMESPACE,
    SERVING_NAMESPACE,
)
from preflight import existing_mesh, service_mesh_3
from preflight.cluster import Observed, Wanted
from preflight.errors import PreflightError
from serverless_mesh.settings import (
    PROJECT,
    FromCertManager,
    FromSecret,
    Mesh,
    ServiceMesh2,
    ServiceMesh3,
    Settings,
)


class _Provider(NamedTuple):
    """Who brings kinds into a cluster, and whether the section `operators` installs it."""

    name: str
    installed: bool = False


_SERVERLESS: Final = _Provider("the OpenShift Serverless operator", installed=True)
_MESH: Final = _Provider("the Red Hat OpenShift Service Mesh operator", installed=True)
_LIFECYCLE_MANAGER: Final = _Provider("the Operator Lifecycle Manager")
_CERT_MANAGER: Final = _Provider("cert-manager")


def namespaces(settings: Settings) -> list[str]:
    """Return the namespaces that must be there, in the order in which they are needed."""
    operators = [SERVERLESS_NAMESPACE, OPERATORS_NAMESPACE] if settings.operators else []
    return [*settings.mesh.namespaces.values(), *settings.members, *operators]


def wanted(settings: Settings) -> Wanted:
    """Return what the program has to know of the cluster."""
    existing_secret = isinstance(settings.certificate, FromSecret)
    of_2 = isinstance(settings.mesh, ServiceMesh2)
    return Wanted(
        settings.mesh.namespace if of_2 else None,
        tuple(_providers(settings)),
        (settings.mesh.ingress.namespace, settings.certificate.secret) if existing_secret else None,
        tuple(settings.members) if _joins_singly(settings.mesh) else (),
        SERVERLESS_NAMESPACE if settings.operators else None,
        istios=not of_2,
    )


def _joins_singly(mesh: Mesh) -> bool:
    """Say whether namespaces join by a ServiceMeshMember each."""
    return isinstance(mesh, ServiceMesh2) and mesh.existing


def _providers(settings: Settings) -> dict[Kind, _Provider]:
    """Return the kinds that are needed from the start, each with what provides it."""
    needed = {SERVING: _SERVERLESS, GATEWAY: _MESH}
    if settings.knative.eventing:
        needed[EVENTING] = _SERVERLESS
    match settings.mesh:
        case ServiceMesh2(existing=existing):
            needed |= {CONTROL_PLANE: _MESH, MEMBER if existing else MEMBER_ROLL: _MESH}
        case ServiceMesh3() as mesh:
            needed |= dict.fromkeys((ISTIO, ISTIO_CNI, PEER_AUTHENTICATION), _MESH)
            if mesh.makes_tag:
                needed[ISTIO_REVISION_TAG] = _MESH
    if settings.kafka:
        needed[KAFKA] = _SERVERLESS
    if settings.operators:
        needed = {SUBSCRIPTION: _LIFECYCLE_MANAGER}
    if isinstance(settings.certificate, FromCertManager):
        needed[CERTIFICATE] = _CERT_MANAGER
    return needed


def check(
    settings: Settings, found: Observed, listed: Callable[[], Container[str]] = frozenset
) -> None:
    """Check the cluster; `listed` returns the members that the stack's own roll has had so far.

    Raises:
        PreflightError: an operator is missing or would be installed twice, a namespace is being
            deleted or in another mesh, members of others would leave the roll, or the mesh or the
            secret that the settings take for existing is not there.
    """
    problems = [
        *_operators(settings, found),
        *_installed(settings, found),
        *_going(settings, found),
        *_of_the_mesh(settings, found, listed),
        *_absent(settings, found),
    ]
    if problems:
        raise PreflightError("\n".join(problems))


def _of_the_mesh(
    settings: Settings, found: Observed, listed: Callable[[], Container[str]]
) -> Iterator[str]:
    match settings.mesh:
        case ServiceMesh2() as mesh:
            yield from _moved(mesh, found)
            yield from _elsewhere(mesh, settings, found)
            yield from _put_out(mesh, settings, found, listed)
            yield from _no_control_plane(mesh, found)
        case ServiceMesh3() as mesh:
            yield from service_mesh_3.problems(mesh, settings, found)


def _operators(settings: Settings, found: Observed) -> Iterator[str]:
    providers = _providers(settings)
    missing: dict[_Provider, list[Kind]] = {}
    for kind in found.missing:
        missing.setdefault(providers[kind], []).append(kind)
    for provider, kinds in missing.items():
        named = ", ".join(f"{api_version(kind)} {kind.name}" for kind in kinds)
        way = f", or add the section {PROJECT}:operators" if provider.installed else ""
        yield (
            f"{provider.name} is not installed: the cluster does not serve {named}. Install it{way}"
        )


def _installed(settings: Settings, found: Observed) -> Iterator[str]:
    """Refuse to install an operator a second time, which breaks the first."""
    packages = settings.mesh.variant.subscriptions
    ours = {(namespace, package) for package, namespace in packages.items()}
    for each in found.subscriptions:
        if each.of_ingress and each.package in packages:
            yield (
                f"the Subscription {each.namespace}/{each.name} is of OpenShift's ingress "
                "operator, which chooses the version by it for its own gateways. Remove the "
                f"section {PROJECT}:operators, and use that operator as it is"
            )
        elif each.package in packages and (each.namespace, each.name) not in ours:
            yield (
                f"{each.package} is installed already, by the Subscription "
                f"{each.namespace}/{each.name}. Remove the section {PROJECT}:operators to use it"
            )
    if others := [name for name in found.operator_groups if name != SERVERLESS_GROUP]:
        yield (
            f"the namespace {SERVERLESS_NAMESPACE} has the OperatorGroup {', '.join(others)} "
            "already, and with a second one nothing is installed there. Remove the section "
            f"{PROJECT}:operators and install the operator by that group"
        )


def _going(settings: Settings, found: Observed) -> Iterator[str]:
    going = [
        name
        for name in dict.fromkeys(namespaces(settings))
        if name in found.namespaces and found.namespaces[name].terminating
    ]
    if going:
        yield (
            f"the namespace {', '.join(going)} is being deleted; wait until it is gone (an object "
            "in it may hold it by a finalizer), then run the update again"
        )


def _elsewhere(mesh: ServiceMesh2, settings: Settings, found: Observed) -> Iterator[str]:
    """Refuse a project that is a member of another mesh; it can be in one only."""
    for project in settings.members:
        labelled = found.namespaces[project].member_of if project in found.namespaces else None
        joined = found.memberships.get(project)
        where = joined.mesh_namespace if joined is not None else labelled
        membership = f"ServiceMeshMember {project}/{DEFAULT_ROLL}"
        # Where Serverless itself runs in another one, `_moved` says so.
        if where not in (None, mesh.namespace) and project != SERVING_NAMESPACE:
            by = f"its {membership}" if joined is not None else "a member roll"
            yield (
                f"the namespace {project} is in the mesh of {where} by {by}, and a namespace is in "
                f"one mesh only. Have it leave that one, or leave it out of {PROJECT}:projects"
            )
        elif joined is not None and joined.control_plane != mesh.name:
            yield (
                f"the {membership} is of the control plane "
                f"{joined.mesh_namespace}/{joined.control_plane}, but {PROJECT}:mesh.name is "
                f"{mesh.name}"
            )


def _put_out(
    mesh: ServiceMesh2, settings: Settings, found: Observed, listed: Callable[[], Container[str]]
) -> Iterator[str]:
    """Refuse to take members out of the stack's own roll that others have put there."""
    extra = [name for name in found.roll if name not in settings.members]
    if mesh.existing or not extra:
        return
    ours = listed()
    if others := [name for name in extra if name not in ours]:
        yield (
            f"the ServiceMeshMemberRoll {mesh.namespace}/{DEFAULT_ROLL} lists "
            f"{', '.join(others)} besides the stack's own, and the update would put them out of "
            f"the mesh. Add them to {PROJECT}:projects, or take them out of the roll yourself"
        )


def _moved(mesh: ServiceMesh2, found: Observed) -> Iterator[str]:
    serving, plane = found.namespaces.get(SERVING_NAMESPACE), found.control_plane
    other_plane = plane is not None and plane.name != mesh.name
    if plane is not None and other_plane and not (found.serving and serving):
        yield (
            f"{PROJECT}:mesh.name is {mesh.name}, but the control plane in "
            f"{mesh.namespace} is {plane.name}, and a namespace has one only. Set it to "
            f"that, or {PROJECT}:mesh.namespace to another namespace"
        )
    if not found.serving or serving is None:
        return
    way_on = (
        "Moving Serverless to another mesh is not supported. Leave the setting as it was, or "
        "uninstall and install again: `pulumi destroy` with the old value, then `pulumi up` with "
        "the new one"
    )
    if serving.member_of not in (None, mesh.namespace):
        yield (
            f"{PROJECT}:mesh.namespace is {mesh.namespace}, but Serverless runs in the "
            f"mesh of {serving.member_of}. {way_on}"
        )
    elif plane is not None and other_plane:
        yield (
            f"{PROJECT}:mesh.name is {mesh.name}, but Serverless runs in the mesh "
            f"{mesh.namespace}/{plane.name}. {way_on}"
        )


def _no_control_plane(mesh: ServiceMesh2, found: Observed) -> Iterator[str]:
    if found.namespaces and mesh.existing and found.control_plane is None:
        yield (
            f"{PROJECT}:mesh.existing is true, but there is no ServiceMeshControlPlane in "
            f"{mesh.namespace}; set mesh.namespace to where it is, or mesh.existing to false to "
            "have one made"
        )


def _absent(settings: Settings, found: Observed) -> Iterator[str]:
    if not found.namespaces:
        return
    if isinstance(settings.certificate, FromSecret) and found.certificate is None:
        yield (
            f"{PROJECT}:certificate.from is secret, but there is no Secret "
            f"{settings.mesh.ingress.namespace}/{settings.certificate.secret}; create it there, "
            "with the certificate in tls.crt and the key in tls.key"
        )


def announcements(settings: Settings, found: Observed) -> list[str]:
    """Return what the update changes in a mesh of others, as its owners agreed to.

    Raises:
        PreflightError: they did not agree.
    """
    plane, mesh = found.control_plane, settings.mesh
    if plane is None or not isinstance(mesh, ServiceMesh2) or not mesh.existing:
        return []
    return existing_mesh.agreed(mesh, plane)
