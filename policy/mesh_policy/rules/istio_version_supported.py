"""The version of Istio is one that the operator installs, and the IstioCNI is of its age."""

import re
from collections.abc import Iterator
from typing import Final

from mesh_policy.documented.kinds import ISTIO, ISTIO_CNI, MESH_KINDS, OPERATOR_VERSION
from mesh_policy.documented.sections import CNI_SECTION
from mesh_policy.documented.variants import (
    END_OF_LIFE,
    ISTIO_LINES,
    SERVICE_MESH_3,
    Version,
    version_of,
)
from mesh_policy.findings import Finding, Severity
from mesh_policy.reading.objects import Object
from mesh_policy.reading.operators import version
from mesh_policy.reading.values import UNKNOWN, show, text
from mesh_policy.rule import Rule
from mesh_policy.world import World

_PATH: Final = "spec.version"
_WRITTEN: Final = re.compile(r"v\d{1,9}\.\d{1,9}(\.\d{1,9}(-[0-9A-Za-z.-]+)?|-latest)", re.ASCII)
_EVERY: Final = frozenset(line for lines in ISTIO_LINES.values() for line in lines)


def check(world: World) -> Iterator[Finding]:
    """Check the Istio of Serverless's mesh and the cluster's IstioCNI."""
    mesh = world.serverless_mesh
    plane = mesh.control_plane if mesh else None
    if mesh is None or mesh.variant.roll or plane is None:
        return
    operator = version(world, SERVICE_MESH_3.package)
    plugins = world.objects(ISTIO_CNI)
    for item in ((plane,) if plane.ref.kind == ISTIO else ()) + tuple(plugins):
        yield from _installable(item, operator)
    for plugin in plugins:
        yield from _together(plane, plugin, operator)


def _installable(item: Object, operator: Version | None) -> Iterator[Finding]:
    written = item.get("spec", "version")
    if written is UNKNOWN:
        yield item.unknown(_PATH)
    if written is UNKNOWN or written is None:
        return
    line = version_of(text(written))
    if line is None or not _WRITTEN.fullmatch(text(written)):
        yield item.breaks(_PATH, show(written), "a version such as v1.27-latest or v1.27.3")
        return
    installing = [by for by, lines in ISTIO_LINES.items() if line in lines]
    if operator is None:
        yield from _unknown_operator(item, line, installing)
    elif line in END_OF_LIFE.get(operator, ()):
        found = f"{show(written)}, which the operator {_shown(operator)} calls end-of-life"
        yield item.breaks(_PATH, found, _choice(operator))
    elif operator in ISTIO_LINES and line not in ISTIO_LINES[operator]:
        found = f"{show(written)}, which the operator {_shown(operator)} does not install"
        yield item.breaks(_PATH, found, _choice(operator))
    elif operator not in ISTIO_LINES and line < max(_EVERY):
        why = f"which Istio the operator {_shown(operator)} installs is not known here"
        yield item.unsure(_PATH, f"{show(written)}: {why}")


def _unknown_operator(item: Object, line: Version, installing: list[Version]) -> Iterator[Finding]:
    if installing:
        by = ", ".join(map(_shown, installing))
        why = f"only the operator's versions {by} install it, and which one is here is not known"
        yield item.unsure(_PATH, f"{_shown(line)}: {why}")
    elif line < max(_EVERY):
        every = ", ".join(map(_shown, sorted(_EVERY)))
        found = f"{_shown(line)}, which no version of the operator installs"
        yield item.breaks(_PATH, found, f"one of {every}")
    else:
        why = "it is newer than every version of the operator that is known here"
        yield item.unsure(_PATH, f"{_shown(line)}: {why}")


def _together(plane: Object, plugin: Object, operator: Version | None) -> Iterator[Finding]:
    """Check that control plane and plugin are no more than one minor version apart."""
    default = ISTIO_LINES[operator][0] if operator in ISTIO_LINES else None
    versions = []
    for item in (plane, plugin):
        written = item.get("spec", "version")
        versions.append(default if written is None else version_of(text(written)))
    own, other = versions
    if own is None or other is None:
        return
    if own[0] != other[0] or abs(own[1] - other[1]) > 1:
        found = f"{_shown(other)}, while {plane.ref} is of {_shown(own)}"
        needed = "a version no more than one minor apart; the control plane's own is best"
        yield plugin.breaks(_PATH, found, needed, (plane.ref,))


def _choice(operator: Version) -> str:
    lines = [f"v{_shown(line)}-latest" for line in ISTIO_LINES[operator]]
    return f"one of {', '.join(lines)} (the first is supported, the others are to update from)"


def _shown(found: Version) -> str:
    return ".".join(map(str, found))


RULE = Rule(
    id="istio-version-supported",
    title="The versions of Istio and its network plugin are ones that the operator installs",
    severity=Severity.ERROR,
    why=(
        "Each version of the operator installs a few lines of Istio. One that it does not know is "
        "refused, one at its end of life is not reconciled any more, and a network plugin of "
        "another age does not set up the pods of the control plane."
    ),
    remedy=(
        "Set spec.version of the Istio and of the IstioCNI to one line that the installed operator "
        "supports, best by its alias (v1.27-latest); leave it out to take the operator's own."
    ),
    section=CNI_SECTION,
    kinds=MESH_KINDS | {ISTIO_CNI, OPERATOR_VERSION},
    check=check,
)
