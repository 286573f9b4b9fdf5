"""What the stack changes in a mesh of others, and whether its owners agreed to that."""

import json
from collections.abc import Iterator
from typing import Any

from mesh_policy.documented.variants import SERVICE_MESH_2
from mesh_policy.reading.values import at, changed
from preflight.cluster import ControlPlane
from preflight.errors import PreflightError
from serverless_mesh.control_plane import Field, needed
from serverless_mesh.settings import PROJECT, ServiceMesh2


def excluded_ports(section: ServiceMesh2, found: ControlPlane | None) -> list[int]:
    """Return the excluded ports for the stack's share of a control plane; None: not known.

    They are one value with one owner. Where the others' value has ours among them, that same value
    is held together with them; it is never replaced.

    Raises:
        PreflightError: the others' value lacks some of ours.
    """
    ours = list(section.excluded_ports)
    theirs = None if found is None else at(found.body, *SERVICE_MESH_2.excluded_ports)
    if theirs is None:
        return ours
    if lacking := [port for port in ours if port not in theirs]:
        body: dict[str, Any] = {}
        wanted = changed(body, SERVICE_MESH_2.excluded_ports, [*theirs, *lacking])
        raise PreflightError(
            f"the ServiceMeshControlPlane {section.namespace}/{section.name}, which others own, "
            f"excludes the inbound ports {list(theirs)} and Serverless needs {lacking} as well. "
            "The list has one owner, so ask for it there: oc patch --type=merge "
            f"-n {section.namespace} smcp/{section.name} -p '{json.dumps(wanted)}'"
        )
    return list(theirs)


def changes(section: ServiceMesh2, found: ControlPlane) -> Iterator[tuple[Field, str]]:
    """Return what the stack changes in a control plane of others, each with the change in words.

    What is in effect already, by a profile too, is no change.

    Raises:
        PreflightError: its excluded ports lack ours.
    """
    for field in needed(section, excluded_ports(section, found)):
        before = found.effective(field.path)
        if field.value != before:
            was = "not set" if before is None else json.dumps(before)
            place = ".".join(field.path)
            yield field, f"{place} becomes {json.dumps(field.value)} (now {was}): {field.effect}"


def agreed(section: ServiceMesh2, found: ControlPlane) -> list[str]:
    """Return what the stack changes in a control plane of others, as its owners agreed to.

    Raises:
        PreflightError: they did not agree to something, or its excluded ports lack ours.
    """
    wanted = list(changes(section, found))
    asked = [each for each in wanted if each[0].consent not in section.allow_changes]
    name = f"{section.namespace}/{section.name}"
    if asked:
        words = dict.fromkeys([*section.allow_changes, *(field.consent for field, _ in asked)])
        lines = "\n".join(f"  - {field.consent}: {what}" for field, what in asked)
        raise PreflightError(
            f"Serverless needs changes of the ServiceMeshControlPlane {name}, which others own and "
            f"which reach all of its members:\n{lines}\nNothing was changed. When the owners "
            f"agree, say so in the stack file, under {PROJECT}:mesh: allowChanges: "
            f"[{', '.join(words)}]"
        )
    return [
        f"the ServiceMeshControlPlane {name}, which others own, changes: {what}"
        for _, what in wanted
    ]
