"""The operators are installed, serve their kinds, and their versions go together."""

import re
from collections.abc import Iterator
from typing import Final

from policy.model import Finding, Kind, Ref, Rule, Severity, Undetermined, Violation
from policy.names import (
    ASSUMPTIONS,
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
)
from policy.values import UNKNOWN, at, items, show, text
from policy.world import Object, World

Version = tuple[int, ...]

_SERVERLESS: Final = "serverless-operator"
_MESH: Final = "servicemeshoperator"
_MESH_3: Final = "servicemeshoperator3"
_PACKAGES: Final = (_SERVERLESS, _MESH, _MESH_3)
_LEAST_MESH: Final = (2, 2)
"""Serverless 1.31 and later are supported with Service Mesh 2.2 or later."""
_SERVERLESS_FOR_MESH_3: Final = (1, 37)
_COPIED: Final = "olm.copiedFrom"
_LEAVING: Final = ("Replacing", "Deleting")
_NEEDED: Final = (
    ((SERVING,), "the Serverless operator", (_SERVERLESS,)),
    ((EVENTING,), "the Serverless operator", (_SERVERLESS,)),
    ((CONTROL_PLANE, ISTIO), "the Service Mesh operator", (_MESH, _MESH_3)),
    ((GATEWAY,), "the Service Mesh operator", (_MESH, _MESH_3)),
)
_KAFKA: Final = ((KAFKA,), "the Serverless operator", (_SERVERLESS,))


def check(world: World) -> Iterator[Finding]:
    """Judge the definitions, the operators' versions and the control plane's version."""
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
    for item in world.objects(OPERATOR_VERSION):
        package = item.ref.name.partition(".")[0]
        phase = item.get("status", "phase")
        if package not in _PACKAGES or _COPIED in item.labels or phase in _LEAVING:
            continue
        found = text(item.get("spec", "version")) or item.ref.name.partition(".v")[2]
        if phase is UNKNOWN:
            yield item.unknown("status.phase")
        elif phase != "Succeeded":
            yield item.breaks("status.phase", show(phase), "Succeeded")
        least = {_MESH: _LEAST_MESH}.get(package)
        if package == _SERVERLESS and any(mesh.newer for mesh in world.meshes):
            least = _SERVERLESS_FOR_MESH_3
        parsed = version_of(found)
        if least is not None and parsed is not None and parsed < least:
            needed = f"{'.'.join(map(str, least))} or later, with the mesh that is here"
            yield item.breaks("spec.version", found, needed)


def _control_planes(world: World) -> Iterator[Finding]:
    mesh = world.serverless_mesh
    plane = mesh.control_plane if mesh else None
    if plane is None or plane.ref.kind != CONTROL_PLANE:
        return
    version = plane.get("spec", "version")
    parsed = version_of(text(version))
    if version is UNKNOWN:
        yield plane.unknown("spec.version")
    elif parsed is not None and parsed < _LEAST_MESH:
        yield plane.breaks("spec.version", show(version), "v2.2 or later")


def version_of(written: str) -> Version | None:
    """Parse a version such as `v2.4` or `1.31.0-3`; None for what is none."""
    match = re.match(r"v?(\d{1,9})\.(\d{1,9})", written, re.ASCII)
    return tuple(map(int, match.groups())) if match else None


RULE = Rule(
    id="operators-ready",
    title="The operators are installed, and their versions go together",
    severity=Severity.ERROR,
    why=(
        "Without the operators nothing acts on the objects, and only certain pairs of versions are "
        "supported: Service Mesh 2.2 or later, and Serverless 1.37 or later for Service Mesh 3."
    ),
    remedy="Install or update the operators, and wait until they have succeeded.",
    section=ASSUMPTIONS,
    kinds=MESH_KINDS | {DEFINITION, OPERATOR_VERSION, SUBSCRIPTION, KAFKA},
    check=check,
)
