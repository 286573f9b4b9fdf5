"""Knative Services have sidecars of the mesh, and routes that pass TLS through to the gateway."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from mesh_policy.documented.kinds import KNATIVE_SERVICE, MESH_KINDS
from mesh_policy.documented.names import (
    CLUSTER_LOCAL,
    INJECT,
    PASSTHROUGH,
    REWRITE_PROBES,
    VISIBILITY,
)
from mesh_policy.documented.sections import VERIFICATION_SECTION
from mesh_policy.findings import Finding, Severity
from mesh_policy.mesh.injectors import template_source
from mesh_policy.reading.ingress_class import CLASS_ANNOTATIONS, ISTIO_CLASS
from mesh_policy.reading.injection import Injected, NotInjected, Pod, Reason, Unsure
from mesh_policy.reading.objects import Object, kind_of, ref_of
from mesh_policy.reading.values import UNKNOWN, at, changed, mapping, settable, show, text, truth
from mesh_policy.rule import Rule
from mesh_policy.sidecars import asking, by_label, injection
from mesh_policy.world import World

_TEMPLATE: Final = ("spec", "template", "metadata")
_YES: Final = '"true"'


def check(world: World) -> Iterator[Finding]:
    """Check every Knative Service that Istio is to serve."""
    for service in world.objects(KNATIVE_SERVICE):
        other = _other_ingress(service.body)
        if other is UNKNOWN:
            yield service.unknown(f"metadata.annotations.{CLASS_ANNOTATIONS[0]}")
        elif other:
            continue
        yield from _passthrough(service)
        yield from _labelled(world, service) if by_label(world) else _annotated(world, service)


def _other_ingress(body: Mapping[str, Any]) -> Any:
    """Return the ingress that a Knative Service has chosen for itself, if it is not Istio."""
    for key in CLASS_ANNOTATIONS:
        chosen = at(body, "metadata", "annotations", key)
        if chosen is not None and at(body, "metadata", "annotations") is not UNKNOWN:
            return chosen if chosen is UNKNOWN or text(chosen) != ISTIO_CLASS else ""
    return ""


def _passthrough(service: Object) -> Iterator[Finding]:
    found = _without_passthrough(service.body)
    path = f"metadata.annotations.{PASSTHROUGH}"
    if found is UNKNOWN:
        yield service.unknown(path)
    elif found is not True:
        yield service.breaks(path, show(found), _YES)


def _without_passthrough(body: Mapping[str, Any]) -> Any:
    """Return what says that the route is not passed through; True where all is well."""
    local = at(body, "metadata", "labels", VISIBILITY) == CLUSTER_LOCAL
    found = at(body, "metadata", "annotations", PASSTHROUGH)
    return True if local or truth(found) else found


def _annotated(world: World, service: Object) -> Iterator[Finding]:
    """Check a service of Service Mesh 2: its sidecar, its probes, its namespace."""
    pod = template_source(service).pod
    yield from _injected(world, service, pod)
    probes = at(pod.annotations, REWRITE_PROBES)
    path = f"{'.'.join(_TEMPLATE)}.annotations.{REWRITE_PROBES}"
    if probes is UNKNOWN:
        yield service.unknown(path)
    elif not truth(probes):
        yield service.breaks(path, show(probes), _YES)
    mesh = world.serverless_mesh
    inside = mesh.has(service.ref.namespace) if mesh else True
    if inside is None and not world.lacks_control_plane:
        yield service.unsure("metadata.namespace", "the mesh's members are not all known")
    elif mesh is not None and inside is False:
        yield service.breaks(
            "metadata.namespace", service.ref.namespace, f"a member of the mesh {mesh}"
        )


def _injected(world: World, service: Object, pod: Pod) -> Iterator[Finding]:
    """Check whether the webhook of Service Mesh 2 sends a service's pods to the injector."""
    answer = injection(world, pod)
    labelled = mapping(pod.labels).get(INJECT) is not None
    own = at(pod.labels if labelled else pod.annotations, INJECT)
    path = f"{'.'.join(_TEMPLATE)}.{'labels' if labelled else 'annotations'}.{INJECT}"
    if isinstance(answer, Unsure):
        yield service.unsure(path, answer.why)
    elif isinstance(answer, NotInjected):
        # What asks for itself and is refused all the same is refused for something else.
        needed = f"{_YES}, and nothing that overrides it" if own == "true" else _YES
        yield service.breaks(path, f"{show(own)}: {answer.why}", needed)


def _labelled(world: World, service: Object) -> Iterator[Finding]:
    """Check a service of Service Mesh 3: whether a webhook selects its pods, and whose."""
    pod = template_source(service).pod
    answer, mesh = injection(world, pod), world.serverless_mesh
    wanted = ", ".join(f'{key}: "{value}"' for key, value in asking(world).items())
    needed = f"the label {wanted}, here or on the namespace"
    refused = at(pod.labels, INJECT) is None and at(pod.annotations, INJECT) == "false"
    path = f"{'.'.join(_TEMPLATE)}.{'annotations' if refused else 'labels'}.{INJECT}"
    if isinstance(answer, Unsure):
        yield service.unsure(path, answer.why)
    # A revision that nobody has is what `injection-revision` is about.
    elif isinstance(answer, NotInjected) and answer.reason is not Reason.NOBODY:
        own = at(pod.annotations if refused else pod.labels, INJECT)
        yield service.breaks(path, f"{show(own)}: {answer.why}", needed)
    elif isinstance(answer, Injected) and mesh is not None and answer.by != mesh.ref:
        found = f"a sidecar of {answer.by}, for which {answer.asked} asks"
        yield service.breaks("spec.template.metadata.labels", found, f"one of the mesh {mesh}")
    probes = at(pod.annotations, REWRITE_PROBES)
    if probes is not UNKNOWN and truth(probes) is False:
        path = f"{'.'.join(_TEMPLATE)}.annotations.{REWRITE_PROBES}"
        yield service.breaks(path, show(probes), f"{_YES}, or nothing")


def remediate(body: Mapping[str, Any], world: World) -> dict[str, Any] | None:
    """Add what is missing; what says otherwise stays as it is."""
    if kind_of(body) != KNATIVE_SERVICE or _other_ingress(body) != "":
        return None
    remediated = dict(body)
    for path, value in _missing(body, world):
        if settable(remediated, path):
            remediated = changed(remediated, path, value)
    return remediated if remediated != body else None


def _missing(body: Mapping[str, Any], world: World) -> Iterator[tuple[tuple[str, ...], str]]:
    """List the paths of the annotations and labels of which nothing is said, with their values."""
    if _without_passthrough(body) is None:
        yield ("metadata", "annotations", PASSTHROUGH), "true"
    pod = Pod.of(ref_of(body).namespace, at(body, "spec", "template"))
    answer = injection(world, pod)
    unasked = isinstance(answer, NotInjected) and answer.reason is Reason.NOT_ASKED
    unlabelled = unasked and at(pod.labels, INJECT) is None
    if by_label(world):
        for key, value in asking(world).items() if unlabelled else ():
            yield (*_TEMPLATE, "labels", key), value
        return
    if unlabelled and at(pod.annotations, INJECT) is None:
        yield (*_TEMPLATE, "annotations", INJECT), "true"
    if at(pod.annotations, REWRITE_PROBES) is None:
        yield (*_TEMPLATE, "annotations", REWRITE_PROBES), "true"


RULE = Rule(
    id="knative-service-annotations",
    title="Knative Services have sidecars of the mesh, and routes that pass TLS through",
    severity=Severity.ERROR,
    why=(
        "Without a sidecar a Knative Service is shut out of the strict mesh, and without the "
        "pass-through route its clients do not see the certificate of the gateway."
    ),
    remedy=(
        "With Service Mesh 2, add the three annotations of the documentation, and the namespace to "
        "the member roll, without a label that keeps the injector out. With Service Mesh 3, add "
        "the annotation enablePassthrough, and the label "
        'sidecar.istio.io/inject: "true" (or istio.io/rev) to the template or the namespace\'s.'
    ),
    section=VERIFICATION_SECTION,
    kinds=MESH_KINDS | {KNATIVE_SERVICE},
    check=check,
    in_mesh=True,
    remediate=remediate,
)
