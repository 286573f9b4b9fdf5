"""What a control plane applies: its spec, and below it what its profiles set.

The operator lays the spec over the profiles: mappings are merged, anything else is replaced. A mesh
of Service Mesh 2 reports the outcome in the status; without that, a profile that does not ship with
the operator may set whatever the spec leaves out.
"""

from collections.abc import Mapping
from typing import Any

from mesh_policy.documented.kinds import CONTROL_PLANE
from mesh_policy.documented.variants import SERVICE_MESH_2, Path, Variant
from mesh_policy.findings import Undetermined
from mesh_policy.reading.objects import Object, kind_of, merged
from mesh_policy.reading.values import UNKNOWN, at, changed, items, mapping, number, text


def applied(plane: Object, variant: Variant, path: Path) -> Any:
    """Return what counts at `path`: None where nothing is set, UNKNOWN where that can't be told."""
    said = plane.get(*path)
    if variant.applied and mapping(plane.get(*variant.applied)) and _is_current(plane):
        found = plane.get(*variant.applied, *path[1:])
        return said if found is None else found
    if said is None and not _are_known(plane, variant):
        return UNKNOWN
    return said


def unclear(plane: Object, variant: Variant, path: Path) -> Undetermined:
    """Return the finding that it is not known what counts at `path`, with the reason."""
    place = ".".join(path)
    if plane.get(*path) is None:
        listed = ", ".join(_profiles(plane, variant)) or "not known until update"
        why = f"not in the spec, and what its profiles set ({listed}) is not known here"
        return plane.unsure(place, why)
    return plane.unknown(place)


def _are_known(plane: Object, variant: Variant) -> bool:
    found = plane.get(*variant.profiles)
    if found is UNKNOWN or UNKNOWN in items(found):
        return False
    return variant.known_profiles.issuperset(_profiles(plane, variant))


def _profiles(plane: Object, variant: Variant) -> list[str]:
    found = plane.get(*variant.profiles)
    several = [found] if isinstance(found, str) else items(found)
    return [name for entry in several if (name := text(entry))]


def _is_current(plane: Object) -> bool:
    """Say whether the status tells of the spec as it is, rather than of an earlier one."""
    metadata, status = plane.get("metadata"), plane.get("status")
    spec, seen = number(at(metadata, "generation")), number(at(status, "observedGeneration"))
    return spec is None or seen is None or seen >= spec


def patched(below: Mapping[str, Any], above: Mapping[str, Any]) -> Any:
    """Lay a patch over an object; a control plane will apply it over what it applies now."""
    body = merged(below, above)
    status = SERVICE_MESH_2.applied
    if kind_of(below) != CONTROL_PLANE or not mapping(at(below, *status)):
        return body
    return changed(body, status, merged(at(below, *status), at(above, "spec") or {}))
