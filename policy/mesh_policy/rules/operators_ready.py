"""The operators are installed, serve their kinds, and their versions go together."""

from collections.abc import Iterator
from typing import Final

from mesh_policy.documented.kinds import (
    CONTROL_PLANE,
    DEFINITION,
    EVENTING,
    GATEWAY,
    GATEWAY_CLASS,
    ISTIO,
    KAFKA,
    MESH_KINDS,
    OPERATOR_VERSION,
    SERVING,
    SUBSCRIPTION,
    Kind,
)
from mesh_policy.documented.names import (
    OPENSHIFT_GATEWAYS,
    OPENSHIFT_OWNED,
    PLATFORM_INGRESS_NAMESPACE,
    SERVERLESS_PACKAGE,
)
from mesh_policy.documented.sections import ASSUMPTIONS
from mesh_policy.documented.variants import (
    SERVICE_MESH_2,
    VARIANTS,
    Variant,
    pairs,
    version_of,
    written,
)
from mesh_policy.findings import Finding, Ref, Severity, Undetermined, Violation
from mesh_policy.reading.objects import Object
from mesh_policy.reading.operators import installed, is_there, subscriptions, written_version
from mesh_policy.reading.values import UNKNOWN, at, items, show, text
from mesh_policy.rule import Rule
from mesh_policy.world import World

_MESHES: Final = {variant.package: variant for variant in VARIANTS}
_SERVERLESS: Final = "the Serverless operator"
_MESH: Final = "the Service Mesh operator"


def check(world: World) -> Iterator[Finding]:
    """Check the definitions, the operators, their versions and the control planes."""
    yield from _definitions(world)
    yield from _operators(world)
    yield from _control_planes(world)
    yield from _gateway_classes(world)
    yield from _openshifts_own(world)
    yield from _migration(world)


def _definitions(world: World) -> Iterator[Finding]:
    served: dict[Kind, tuple[Object, set[str]]] = {}
    for item in world.objects(DEFINITION):
        group, kind = item.get("spec", "group"), item.get("spec", "names", "kind")
        versions = {
            text(at(version, "name"))
            for version in items(item.get("spec", "versions"))
            if at(version, "served") is not False
        }
        served[Kind(text(group), text(kind))] = item, versions
    if world.complete and DEFINITION not in world.unread:
        kafka = [KAFKA] if world.objects(KAFKA) else []
        serverless = [kind for kind in (SERVING, EVENTING, *kafka) if kind not in served]
        yield from _unserved(world, serverless, _SERVERLESS, (SERVERLESS_PACKAGE,))
        # That there is no mesh, `one-mesh-only` says.
        if not world.is_meshless:
            planes = {CONTROL_PLANE, ISTIO}
            mesh = [CONTROL_PLANE] if served.keys().isdisjoint(planes) else []
            mesh += [] if GATEWAY in served else [GATEWAY]
            yield from _unserved(world, mesh, _MESH, tuple(_MESHES))
    for kind, (_, versions) in served.items():
        for item in world.objects(kind):
            version = item.ref.api_version.rpartition("/")[2]
            if item.declared and version not in versions:
                needed = f"a version that is served: {', '.join(sorted(versions)) or 'none'}"
                yield item.breaks("apiVersion", item.ref.api_version, needed)


def _unserved(
    world: World, kinds: list[Kind], operator: str, packages: tuple[str, ...]
) -> Iterator[Finding]:
    """Say once that an operator is missing, whatever it would serve."""
    if not kinds:
        return
    ref = Ref(kinds[0], "", "")
    for package in packages:
        for item in subscriptions(world, package):
            if item.declared:
                yield Undetermined(ref, "", f"{item.ref} will install {operator}, which serves it")
                return
    names = ", ".join(kind.name for kind in kinds)
    yield Violation(ref, "", f"no kind {names} in the cluster", f"{operator}, installed")


def _operators(world: World) -> Iterator[Finding]:
    for package in (SERVERLESS_PACKAGE, *_MESHES):
        for item in installed(world, package):
            phase = item.get("status", "phase")
            if phase is UNKNOWN:
                yield item.unknown("status.phase")
            elif phase != "Succeeded":
                yield item.breaks("status.phase", show(phase), "Succeeded")
            if package == SERVERLESS_PACKAGE:
                yield from _serverless(world, item)
            else:
                yield from _mesh(_MESHES[package], item)


def _serverless(world: World, item: Object) -> Iterator[Finding]:
    """Check the version of Serverless by that of the mesh which it is in."""
    variant = _variant(world)
    found = written_version(item)
    parsed = version_of(found)
    if variant is None or parsed is None:
        return
    if parsed < variant.serverless:
        needed = f"{written(variant.serverless)} or later, with the {variant} that is here"
        yield item.breaks("spec.version", found, needed)
    elif parsed in variant.preview:
        needed = f"a later version: with {written(parsed)}, {variant} is a Technology Preview only"
        yield item.breaks("spec.version", found, needed, severity=Severity.WARNING)


def _variant(world: World) -> Variant | None:
    """Return the version of Service Mesh that Serverless is with; None: none, or not known."""
    if world.is_plain:
        return None
    if world.serverless_mesh is not None and world.serverless_mesh.control_plane is not None:
        return world.serverless_mesh.variant
    found = {mesh.variant.version: mesh.variant for mesh in world.meshes if mesh.control_plane}
    return next(iter(found.values())) if len(found) == 1 else None


def _mesh(variant: Variant, item: Object) -> Iterator[Finding]:
    found = written_version(item)
    parsed = version_of(found)
    if parsed is not None and parsed < variant.least:
        yield item.breaks("spec.version", found, f"{written(variant.least)} or later")


def _control_planes(world: World) -> Iterator[Finding]:
    mesh = world.serverless_mesh
    plane = mesh.control_plane if mesh else None
    if plane is None or plane.ref.kind != CONTROL_PLANE:
        return
    version = plane.get("spec", "version")
    parsed = version_of(text(version))
    if version is UNKNOWN:
        yield plane.unknown("spec.version")
    elif parsed is not None and parsed < SERVICE_MESH_2.least:
        yield plane.breaks("spec.version", show(version), "v2.2 or later")


def _gateway_classes(world: World) -> Iterator[Finding]:
    """Check that no GatewayClass has OpenShift install Service Mesh 3 beside Service Mesh 2."""
    package = SERVICE_MESH_2.package
    if not is_there(world, package):
        return
    subscribed = tuple(item.ref for item in subscriptions(world, package)[:1])
    for item in world.objects(GATEWAY_CLASS):
        controller = item.get("spec", "controllerName")
        if controller is UNKNOWN:
            yield item.unknown("spec.controllerName")
        elif text(controller).startswith(OPENSHIFT_GATEWAYS):
            found = f"{controller}, for which OpenShift installs Service Mesh 3"
            needed = f"no such class where {SERVICE_MESH_2} is installed"
            yield item.breaks("spec.controllerName", found, needed, subscribed)


def _openshifts_own(world: World) -> Iterator[Finding]:
    """Check that nobody else declares the subscription that OpenShift keeps."""
    for item in world.objects(SUBSCRIPTION):
        running = world.running.get(item.ref)
        ours = running is not None and OPENSHIFT_OWNED in running.annotations
        # What a stack would take over, `nothing-taken-over` says.
        if ours and item.declared and (world.owned is None or item.ref in world.owned):
            found = "a subscription that OpenShift's ingress operator owns"
            needed = "left to OpenShift, which chooses its version by the cluster's own"
            yield item.breaks("", found, needed)


def _migration(world: World) -> Iterator[Finding]:
    """Warn of two Service Meshes in one cluster; what OpenShift has for itself is none."""
    if not all(is_there(world, package) for package in _MESHES):
        return
    istios = [
        item
        for item in world.objects(ISTIO)
        if item.get("spec", "namespace") != PLATFORM_INGRESS_NAMESPACE
    ]
    planes = world.objects(CONTROL_PLANE)
    if istios and planes:
        found = f"Service Mesh 3 beside the Service Mesh 2 of {planes[0].ref}"
        needed = "one of them, unless a migration is in progress"
        related = (planes[0].ref,)
        yield istios[0].breaks("", found, needed, related, severity=Severity.WARNING)


RULE = Rule(
    id="operators-ready",
    title="The operators are installed, and their versions go together",
    severity=Severity.ERROR,
    why=(
        "Without the operators nothing acts on the objects, and only certain pairs of versions are "
        f"supported: {pairs()}."
    ),
    remedy="Install or update the operators, and wait until they have succeeded.",
    section=ASSUMPTIONS,
    kinds=MESH_KINDS
    | {DEFINITION, EVENTING, GATEWAY, GATEWAY_CLASS, KAFKA, OPERATOR_VERSION, SUBSCRIPTION},
    check=check,
)
