"""The operators are installed, serve their kinds, and their versions go together."""

from collections.abc import Iterator
from typing import Final

from mesh_policy.documented.kinds import (
    CONTROL_PLANE,
    DEFINITION,
    EVENTING,
    GATEWAY,
    ISTIO,
    KAFKA,
    MESH_KINDS,
    OPERATOR_VERSION,
    SERVING,
    SUBSCRIPTION,
    Kind,
)
from mesh_policy.documented.names import SERVERLESS_PACKAGE
from mesh_policy.documented.sections import ASSUMPTIONS
from mesh_policy.documented.variants import SERVICE_MESH_2, VARIANTS, Version, pairs, version_of
from mesh_policy.findings import Finding, Ref, Severity, Undetermined, Violation
from mesh_policy.reading.objects import Object
from mesh_policy.reading.operators import installed, written_version
from mesh_policy.reading.values import UNKNOWN, at, items, show, text
from mesh_policy.rule import Rule
from mesh_policy.world import World

_MESHES: Final = {variant.package: variant for variant in VARIANTS}
_PACKAGES: Final = (SERVERLESS_PACKAGE, *_MESHES)
_NEEDED: Final = (
    ((SERVING,), "the Serverless operator", (SERVERLESS_PACKAGE,)),
    ((EVENTING,), "the Serverless operator", (SERVERLESS_PACKAGE,)),
    ((CONTROL_PLANE, ISTIO), "the Service Mesh operator", tuple(_MESHES)),
    ((GATEWAY,), "the Service Mesh operator", tuple(_MESHES)),
)
_KAFKA: Final = ((KAFKA,), "the Serverless operator", (SERVERLESS_PACKAGE,))


def check(world: World) -> Iterator[Finding]:
    """Check the definitions, the operators' versions and the control plane's version."""
    yield from _definitions(world)
    yield from _operators(world)
    yield from _control_planes(world)


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
    for kinds, operator, packages in (*_NEEDED, *([_KAFKA] if world.objects(KAFKA) else ())):
        if world.complete and served.keys().isdisjoint(kinds):
            yield from _unserved(world, kinds[0], operator, packages)
    for kind, (_, versions) in served.items():
        for item in world.objects(kind):
            version = item.ref.api_version.rpartition("/")[2]
            if item.declared and version not in versions:
                needed = f"a version that is served: {', '.join(sorted(versions)) or 'none'}"
                yield item.breaks("apiVersion", item.ref.api_version, needed)


def _unserved(
    world: World, kind: Kind, operator: str, packages: tuple[str, ...]
) -> Iterator[Finding]:
    ref = Ref(kind, "", "")
    if DEFINITION in world.unread:
        return
    for item in world.objects(SUBSCRIPTION):
        if item.declared and item.get("spec", "name") in packages:
            yield Undetermined(ref, "", f"{item.ref} will install {operator}, which serves it")
            return
    yield Violation(ref, "", "a kind that the cluster does not serve", f"{operator}, installed")


def _operators(world: World) -> Iterator[Finding]:
    for package, item in ((each, item) for each in _PACKAGES for item in installed(world, each)):
        phase, found = item.get("status", "phase"), written_version(item)
        if phase is UNKNOWN:
            yield item.unknown("status.phase")
        elif phase != "Succeeded":
            yield item.breaks("status.phase", show(phase), "Succeeded")
        least = _least(world, package)
        parsed = version_of(found)
        if least is not None and parsed is not None and parsed < least:
            needed = f"{'.'.join(map(str, least))} or later, with the mesh that is here"
            yield item.breaks("spec.version", found, needed)


def _least(world: World, package: str) -> Version | None:
    """Return the least supported version of an operator with the meshes that are here."""
    if package != SERVERLESS_PACKAGE:
        return _MESHES[package].least
    return max((mesh.variant.serverless for mesh in world.meshes), default=None)


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
    kinds=MESH_KINDS | {DEFINITION, OPERATOR_VERSION, SUBSCRIPTION, KAFKA},
    check=check,
)
