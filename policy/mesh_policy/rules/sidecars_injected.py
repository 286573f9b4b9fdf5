"""Every Knative workload that takes traffic has a sidecar."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from mesh_policy.documented.kinds import EVENTING, KAFKA, MESH_KINDS, OPERATOR_VERSION, SERVING
from mesh_policy.documented.names import INJECT, JOB_SINK, JOB_SINK_SINCE, REWRITE_PROBES
from mesh_policy.documented.sections import SERVERLESS_SECTION
from mesh_policy.findings import Finding, Severity
from mesh_policy.mesh.injectors import Source, workload_sources
from mesh_policy.reading.injection import Injection, NotInjected, Pod, Reason, Unsure
from mesh_policy.reading.knative import named, unknown_entry
from mesh_policy.reading.objects import Object, kind_of, ref_of
from mesh_policy.reading.operators import serverless_version
from mesh_policy.reading.values import UNKNOWN, at, has_unknown, items, mapping, show, truth
from mesh_policy.rule import Rule
from mesh_policy.sidecars import asking, by_label, injection, needed
from mesh_policy.world import World

_GROUP: Final = {SERVING: "deployments", EVENTING: "workloads", KAFKA: "workloads"}
"""Where the documentation lists the workloads of each kind."""
_YES: Final = '"true"'
_NO_VERSION: Final = "the version of Serverless is not known"


def check(world: World) -> Iterator[Finding]:
    """Check the workloads that each Knative resource makes."""
    for kind in _GROUP:
        for resource in world.objects(kind):
            yield from _resource(world, resource)


def _resource(world: World, resource: Object) -> Iterator[Finding]:
    if path := unknown_entry(resource):
        yield resource.unknown(path)
        return
    listed = {source.name: source for source in workload_sources(resource)}
    version = serverless_version(world)
    for name in needed(resource.ref.kind, resource.body, version):
        pod = listed[name].pod if name in listed else Pod(resource.ref.namespace)
        answer = injection(world, pod)
        if name == JOB_SINK and version is None and isinstance(answer, NotInjected):
            since = ".".join(map(str, JOB_SINK_SINCE))
            why = f"{name}, which Serverless has since {since}, is not injected; "
            yield resource.unsure(_path(world, resource, listed.get(name)), why + _NO_VERSION)
        elif name in listed:
            yield from _entry(world, listed[name], answer)
        else:
            yield from _no_entry(world, resource, name, answer)


def _path(world: World, resource: Object, source: Source | None) -> str:
    """Return where it is said, or should be, that a workload is injected."""
    if source is None:
        return f"spec.{_GROUP[resource.ref.kind]}"
    label, annotation = (at(part, INJECT) for part in (source.pod.labels, source.pod.annotations))
    labelled = label is not None or (by_label(world) and annotation != "false")
    return f"{source.path}.{'labels' if labelled else 'annotations'}.{INJECT}"


def _no_entry(world: World, resource: Object, name: str, answer: Injection) -> Iterator[Finding]:
    """Check a workload that is not listed: only its namespace can ask for its sidecar."""
    path = f"spec.{_GROUP[resource.ref.kind]}"
    if isinstance(answer, Unsure):
        yield resource.unsure(path, f"no entry {name}, and {answer.why}")
    elif isinstance(answer, NotInjected) and answer.reason is not Reason.NOBODY:
        wanted = f'{name} with annotations {INJECT} and {REWRITE_PROBES} "true"'
        if by_label(world):
            wanted = f"{name} with the label {_written(asking(world))}"
        yield resource.breaks(path, f"no entry {name}", wanted)


def _entry(world: World, source: Source, answer: Injection) -> Iterator[Finding]:
    labels_only = by_label(world)
    path = _path(world, source.item, source)
    if isinstance(answer, Unsure):
        yield source.item.unsure(path, f"{source.name}: {answer.why}")
    # A revision that nobody has is what `injection-revision` is about.
    elif isinstance(answer, NotInjected) and answer.reason is not Reason.NOBODY:
        found = f"{show(_own(source))} for {source.name}: {answer.why}"
        wanted = f"the label {_written(asking(world))}" if labels_only else _YES
        yield source.item.breaks(path, found, wanted)
    probes = at(source.pod.annotations, REWRITE_PROBES)
    if probes is UNKNOWN:
        if not labels_only:
            yield source.item.unknown(f"{source.path}.annotations.{REWRITE_PROBES}")
    elif not truth(probes) and (not labels_only or truth(probes) is False):
        path = f"{source.path}.annotations.{REWRITE_PROBES}"
        yield source.item.breaks(path, f"{show(probes)} for {source.name}", _YES)


def _own(source: Source) -> Any:
    label = at(source.pod.labels, INJECT)
    return at(source.pod.annotations, INJECT) if label is None else label


def _written(label: Mapping[str, str]) -> str:
    return ", ".join(f'{key}: "{value}"' for key, value in label.items())


def remediate(body: Mapping[str, Any], world: World) -> dict[str, Any] | None:
    """Add the entries, and what asks for a sidecar in them; what says otherwise stays as it is."""
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
    resource, changed = Object(ref_of(body), body), False
    listed = {source.name: source for source in workload_sources(resource)}
    for name in needed(kind, body, serverless_version(world)):
        source = listed.get(name)
        pod = source.pod if source else Pod(resource.ref.namespace)
        absent = _absent(world, pod)
        if absent:
            entry, (part, index) = _entry_of(remediated, group, name)
            added = {key: {**mapping(entry.get(key)), **value} for key, value in absent.items()}
            remediated[part][index : index + 1] = [{**entry, **added}]
            changed = True
    kept = {part: value for part, value in remediated.items() if value or part in spec}
    return {**body, "spec": {**spec, **kept}} if changed else None


def _absent(world: World, pod: Pod) -> dict[str, dict[str, str]]:
    """Return the labels and annotations that a workload lacks and of which nothing is said."""
    silent = at(pod.labels, INJECT) is None and at(pod.annotations, INJECT) is None
    answer = injection(world, pod)
    asked = not (isinstance(answer, NotInjected) and answer.reason is Reason.NOT_ASKED)
    if by_label(world):
        unlabelled = at(pod.labels, INJECT) is None
        return {} if asked or not unlabelled else {"labels": dict(asking(world))}
    keys = [INJECT] if silent and not asked else []
    if at(pod.annotations, REWRITE_PROBES) is None:
        keys.append(REWRITE_PROBES)
    return {"annotations": dict.fromkeys(keys, "true")} if keys else {}


def _entry_of(
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
        "With Service Mesh 2, give each workload the annotations "
        'sidecar.istio.io/inject: "true" (or the label) and '
        'sidecar.istio.io/rewriteAppHTTPProbers: "true". With Service Mesh 3, give it the label '
        'sidecar.istio.io/inject: "true", or istio.io/rev with the name of the revision where that '
        "is not the default one; annotations alone do nothing there."
    ),
    section=SERVERLESS_SECTION,
    kinds=MESH_KINDS | {OPERATOR_VERSION},
    check=check,
    in_mesh=True,
    remediate=remediate,
)
