"""Every Knative workload that takes traffic has a sidecar."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from mesh_policy.documented.kinds import EVENTING, KAFKA, SERVING, Kind
from mesh_policy.documented.names import (
    EVENTING_WORKLOADS,
    INJECT,
    KAFKA_CONTROLLER,
    KAFKA_WORKLOADS,
    REWRITE_PROBES,
    SERVING_WORKLOADS,
)
from mesh_policy.documented.sections import SERVERLESS_SECTION
from mesh_policy.findings import Finding, Severity
from mesh_policy.reading.knative import lacking, named, workloads
from mesh_policy.reading.objects import Object, kind_of
from mesh_policy.reading.values import UNKNOWN, at, has_unknown, items, mapping, show, truth
from mesh_policy.rule import Rule
from mesh_policy.world import World

_GROUP: Final = {SERVING: "deployments", EVENTING: "workloads", KAFKA: "workloads"}
"""Where the documentation lists the workloads of each kind."""


def check(world: World) -> Iterator[Finding]:
    """Check the workloads that each Knative resource lists."""
    for kind in _GROUP:
        for resource in world.objects(kind):
            yield from _resource(resource)


def _resource(resource: Object) -> Iterator[Finding]:
    group = _GROUP[resource.ref.kind]
    for part in ("deployments", "workloads"):
        value = resource.get("spec", part)
        if value is UNKNOWN or UNKNOWN in items(value):
            yield resource.unknown(f"spec.{part}")
            return
    found = list(workloads(resource))
    if doubtful := [path for path, entry in found if at(entry, "name") is UNKNOWN]:
        yield resource.unknown(f"{doubtful[0]}.name")
        return
    for name in needed(resource.ref.kind, resource.body):
        entries = [(path, entry) for path, entry in found if named(entry) == name]
        merged = _merged(entry for _, entry in entries)
        path = entries[0][0] if entries else f"spec.{group}"
        if not entries:
            wanted = f'{name} with annotations {INJECT} and {REWRITE_PROBES} "true"'
            yield resource.breaks(path, f"no entry {name}", wanted)
            continue
        for key, value in lacking(merged):
            if value is UNKNOWN:
                yield resource.unknown(f"{path}.annotations.{key}")
            else:
                yield resource.breaks(
                    f"{path}.annotations.{key}", f"{show(value)} for {name}", '"true"'
                )


def _merged(entries: Any) -> dict[str, Any]:
    """Merge the entries of one workload; the later one wins, as with the operator."""
    merged: dict[str, Any] = {"labels": {}, "annotations": {}}
    for entry in entries:
        for part in merged:
            value = at(entry, part)
            if value is UNKNOWN or merged[part] is UNKNOWN:
                merged[part] = UNKNOWN
            else:
                merged[part] = {**merged[part], **mapping(value)}
    return merged


def needed(kind: Kind, body: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the workloads that the resource makes and that need a sidecar."""
    if kind == SERVING:
        return SERVING_WORKLOADS
    if kind == EVENTING:
        return EVENTING_WORKLOADS
    enabled = [
        name
        for part, names in KAFKA_WORKLOADS.items()
        if (on := at(body, "spec", part, "enabled")) is UNKNOWN or truth(on)
        for name in names
    ]
    return (KAFKA_CONTROLLER, *enabled)


def remediate(body: Mapping[str, Any], world: World) -> dict[str, Any] | None:  # noqa: ARG001
    """Add the entries and annotations that are missing; what says otherwise stays as it is."""
    kind = kind_of(body)
    if kind not in _GROUP or not isinstance(body.get("spec"), Mapping):
        return None
    group, spec = _GROUP[kind], mapping(body.get("spec"))
    lists = {part: spec.get(part) for part in ("deployments", "workloads")}
    if has_unknown(lists) or not all(
        value is None or isinstance(value, list) for value in lists.values()
    ):
        return None
    remediated = {part: [*items(value)] for part, value in lists.items()}
    changed = False
    for name in needed(kind, body):
        entry, place = _entry(remediated, group, name)
        absent = [key for key, value in lacking(entry) if value is None]
        if absent:
            annotations = {**mapping(entry.get("annotations")), **dict.fromkeys(absent, "true")}
            part, index = place
            remediated[part][index : index + 1] = [{**entry, "annotations": annotations}]
            changed = True
    kept = {part: value for part, value in remediated.items() if value or part in spec}
    return {**body, "spec": {**spec, **kept}} if changed else None


def _entry(
    lists: Mapping[str, list[Any]], group: str, name: str
) -> tuple[dict[str, Any], tuple[str, int]]:
    """Return the last entry of a workload and its place; a new one goes to the end."""
    for part in ("workloads", "deployments"):
        for index in reversed(range(len(lists[part]))):
            if named(lists[part][index]) == name:
                return dict(lists[part][index]), (part, index)
    return {"name": name}, (group, len(lists[group]))


RULE = Rule(
    id="sidecars-injected",
    title="Every Knative workload that takes traffic has a sidecar",
    severity=Severity.ERROR,
    why=(
        "Strict mTLS shuts out what has no sidecar, and probes, which come from outside the mesh, "
        "only pass through one when they are rewritten."
    ),
    remedy=(
        'Give each workload the annotations sidecar.istio.io/inject: "true" (or the label) and '
        'sidecar.istio.io/rewriteAppHTTPProbers: "true".'
    ),
    section=SERVERLESS_SECTION,
    kinds=frozenset(_GROUP),
    check=check,
    remediate=remediate,
)
