"""Whoever asks for a sidecar of Service Mesh 3 asks a revision that is there."""

from collections import defaultdict
from collections.abc import Container, Iterator, Sequence
from typing import Final

from mesh_policy.documented.kinds import (
    EVENTING,
    ISTIO,
    ISTIO_REVISION,
    KAFKA,
    KNATIVE_SERVICE,
    MESH_KINDS,
    NAMESPACE,
    SERVING,
)
from mesh_policy.documented.names import (
    DEFAULT_REVISION,
    ENABLED,
    INJECT,
    INJECTION,
    KNATIVE_NAMESPACES,
    REVISION,
)
from mesh_policy.documented.sections import INJECTION_SECTION
from mesh_policy.findings import Finding, Ref, Severity
from mesh_policy.mesh.injectors import Source, sources
from mesh_policy.reading.injection import NotInjected, Pod, Reason
from mesh_policy.reading.label_selectors import first
from mesh_policy.reading.objects import Object
from mesh_policy.reading.values import UNKNOWN, at, show, text
from mesh_policy.rule import Rule
from mesh_policy.world import World

_PLANES: Final = (ISTIO, ISTIO_REVISION)
_SERVERLESS: Final = (SERVING, EVENTING, KAFKA, KNATIVE_SERVICE)


def check(world: World) -> Iterator[Finding]:
    """Check the labels of namespaces and of pods, and the tags, where there is an Istio at all."""
    if not any(world.objects(kind) for kind in _PLANES):
        return
    silenced: dict[str, list[Source]] = defaultdict(list)
    asking: dict[tuple[Ref, str], list[tuple[Source, NotInjected]]] = defaultdict(list)
    for source in sources(world):
        answer = world.injectors.injection(source.pod)
        if isinstance(answer, NotInjected) and answer.reason is Reason.NOBODY:
            if answer.by_namespace:
                silenced[source.pod.namespace].append(source)
            else:
                asking[source.item.ref, answer.revision].append((source, answer))
    mesh = world.serverless_mesh
    gateways = {item.ref for item in mesh.deployments} if mesh else set()
    for found in asking.values():
        yield _pods(world, found, gateways)
    services = (item.ref.namespace for item in world.objects(KNATIVE_SERVICE))
    serverless = {*KNATIVE_NAMESPACES, *services}
    if mesh is not None:
        serverless |= {mesh.ingress.namespace, *mesh.explicit}
    for item in world.objects(NAMESPACE):
        yield from _namespace(world, item, silenced[item.ref.name], item.ref.name in serverless)
    yield from _tags(world)


def _pods(
    world: World, asking: Sequence[tuple[Source, NotInjected]], gateways: Container[Ref]
) -> Finding:
    """Return the finding about the pods of one object that ask for one revision."""
    source, answer = asking[0]
    key = REVISION if at(source.pod.labels, REVISION) is not None else INJECT
    labels = "labels" if source.path.endswith("]") else "metadata.labels"
    own = source.item.ref.kind in _SERVERLESS or source.item.ref in gateways
    names = first([each.name for each, _ in asking], 10)
    return source.item.breaks(
        f"{source.path}.{labels}.{key}",
        f"{show(at(source.pod.labels, key))} for {names}: {answer.why}",
        _names(world),
        severity=None if own else Severity.WARNING,
    )


def _names(world: World) -> str:
    revisions = world.injectors.revisions
    return f"a revision or a tag that is there: {first(sorted(revisions.planes), 10) or 'none is'}"


def _namespace(world: World, item: Object, without: list[Source], ours: bool) -> Iterator[Finding]:
    legacy, revision = item.labels.get(INJECTION), item.labels.get(REVISION)
    if legacy is UNKNOWN or revision is UNKNOWN or item.get("metadata", "labels") is UNKNOWN:
        yield from [item.unknown("metadata.labels")] if ours else []
        return
    severity = None if ours or without else Severity.WARNING
    consequences = tuple(f"{source.item.ref} gets no sidecar" for source in without[:3])
    path = f"metadata.labels.{INJECTION if legacy is not None else REVISION}"
    answer = world.injectors.injection(Pod(item.ref.name))
    if isinstance(answer, NotInjected) and answer.reason is Reason.NOBODY:
        needed = _names(world)
        if legacy is not None:
            needed = (
                f"{REVISION} instead, with {_names(world)}; or an IstioRevisionTag "
                f"{DEFAULT_REVISION} that leads to one"
            )
        yield item.breaks(path, answer.why, needed, severity=severity, consequences=consequences)
    elif legacy is not None and revision is not None:
        yield from _both(world, item, severity)


def _both(world: World, item: Object, severity: Severity | None) -> Iterator[Finding]:
    """Check a namespace with both labels, of which only `istio-injection` counts."""
    legacy, revision = item.labels[INJECTION], item.labels[REVISION]
    plane = world.injectors.revisions.plane
    same = legacy == ENABLED and plane(text(revision)) is plane(DEFAULT_REVISION)
    found = f"{INJECTION}={show(legacy)} silences {REVISION}={show(revision)}"
    if same:
        found, severity = f"{found}, which leads to the same", Severity.WARNING
    yield item.breaks("metadata.labels", found, "one of the two labels", severity=severity)


def _tags(world: World) -> Iterator[Finding]:
    revisions = world.injectors.revisions
    for tag in revisions.dangling:
        kind, name = (tag.get("spec", "targetRef", key) for key in ("kind", "name"))
        found = f"{show(kind)} {show(name)}, which is not there"
        yield tag.breaks("spec.targetRef", found, "an Istio or an IstioRevision that is")
    for tag in revisions.shadowed:
        related = (revisions.planes[tag.ref.name].ref,)
        found = f"{tag.ref.name}, which is the name of a revision, too"
        yield tag.breaks("metadata.name", found, "a name that no revision has", related)


RULE = Rule(
    id="injection-revision",
    title="Sidecars of Service Mesh 3 are asked of a revision that is there",
    severity=Severity.ERROR,
    why=(
        "istio-injection=enabled and sidecar.istio.io/inject are answered by the revision or tag "
        "`default` alone, and istio.io/rev by the one that it names. Where nobody has that name, "
        "pods start without a sidecar, and nothing says so."
    ),
    remedy=(
        "Label the namespace or the pods with istio.io/rev and the name of the revision (`oc get "
        "istiorevisions`) or of a tag, or make an IstioRevisionTag `default` that leads to the "
        "Istio. Then restart the pods."
    ),
    section=INJECTION_SECTION,
    kinds=MESH_KINDS,
    check=check,
)
