"""The ingress gateway's own Deployment is injected, by the control plane of Serverless."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from mesh_policy.documented.kinds import DEPLOYMENT, GATEWAY, MESH_KINDS
from mesh_policy.documented.names import (
    GATEWAY_SELECTOR,
    GATEWAY_TEMPLATE,
    INJECT,
    KNATIVE_GATEWAYS,
    SERVING_NAMESPACE,
)
from mesh_policy.documented.sections import INJECTION_SECTION
from mesh_policy.findings import Finding, Severity
from mesh_policy.mesh.injectors import template_source
from mesh_policy.reading.injection import Injected, NotInjected, Pod, Reason, Unsure
from mesh_policy.reading.label_selectors import Labels, Subsets, labels
from mesh_policy.reading.objects import Object, kind_of, ref_of
from mesh_policy.reading.values import UNKNOWN, at, changed, items, settable, show, text
from mesh_policy.rule import Rule
from mesh_policy.sidecars import asking
from mesh_policy.world import World

_AUTO: Final = "auto"
"""The image of a gateway's container until the injector replaces it."""
_TEMPLATE: Final = ("spec", "template")
_DOCUMENTED: Final = frozenset(GATEWAY_SELECTOR.items())


def check(world: World) -> Iterator[Finding]:
    """Check the deployments of gateways that Knative's Gateways select."""
    if world.serverless_mesh is None:
        return
    selected = Subsets(_selectors(world))
    for item in world.objects(DEPLOYMENT):
        own = labels(item.get(*_TEMPLATE, "metadata", "labels"))
        ours = own is not None and any(selected.of(own))
        if ours and (_waits(item) or GATEWAY_TEMPLATE in _annotations(item)):
            yield from _gateway(world, item)


def _selectors(world: World) -> Iterator[Labels]:
    for name in KNATIVE_GATEWAYS:
        gateway = world.get(GATEWAY, SERVING_NAMESPACE, name)
        selector = labels(gateway.get("spec", "selector")) if gateway else None
        yield selector or _DOCUMENTED


def _annotations(item: Object) -> Mapping[str, Any]:
    found = item.get(*_TEMPLATE, "metadata", "annotations")
    return found if isinstance(found, Mapping) else {}


def _waits(item: Object) -> bool:
    containers = items(item.get(*_TEMPLATE, "spec", "containers"))
    return any(at(container, "image") == _AUTO for container in containers)


def _gateway(world: World, item: Object) -> Iterator[Finding]:
    mesh = world.serverless_mesh
    pod = template_source(item).pod
    answer = world.injectors.injection(pod)
    path = f"spec.template.metadata.labels.{INJECT}"
    wanted = ", ".join(f'{key}: "{value}"' for key, value in asking(world).items())
    if isinstance(answer, Unsure):
        yield item.unsure(path, answer.why)
    # A revision that nobody has is what `injection-revision` is about.
    elif isinstance(answer, NotInjected) and answer.reason is not Reason.NOBODY:
        waiting = ("its pods wait for the image `auto`, which no registry has",)
        yield item.breaks(
            path,
            f"{show(at(pod.labels, INJECT))}: {answer.why}",
            f"the label {wanted}",
            consequences=waiting if _waits(item) else (),
        )
    elif isinstance(answer, Injected):
        if mesh is not None and answer.by != mesh.ref:
            found = f"a gateway of {answer.by}, for which {answer.asked} asks"
            yield item.breaks("spec.template.metadata.labels", found, f"one of the mesh {mesh}")
        yield from _template(item)


def _template(item: Object) -> Iterator[Finding]:
    """Check that it is injected as a gateway rather than given a sidecar."""
    templates = at(_annotations(item), GATEWAY_TEMPLATE)
    path = f"spec.template.metadata.annotations.{GATEWAY_TEMPLATE}"
    annotations = item.get(*_TEMPLATE, "metadata", "annotations")
    if templates is UNKNOWN or annotations is UNKNOWN:
        yield item.unknown(path)
    elif _waits(item) and "gateway" not in [each.strip() for each in text(templates).split(",")]:
        yield item.breaks(path, show(templates), "gateway")


def remediate(body: Mapping[str, Any], world: World) -> dict[str, Any] | None:
    """Add the label of a gateway for which nothing asks; what says otherwise stays as it is."""
    mesh, annotations = world.serverless_mesh, at(body, *_TEMPLATE, "metadata", "annotations")
    own = kind_of(body) == DEPLOYMENT and at(annotations, GATEWAY_TEMPLATE) == "gateway"
    if mesh is None or not own or at(body, *_TEMPLATE, "metadata", "labels", INJECT) is not None:
        return None
    carried = labels(at(body, *_TEMPLATE, "metadata", "labels"))
    if carried is None or not any(selector <= carried for selector in _selectors(world)):
        return None
    answer = world.injectors.injection(Pod.of(ref_of(body).namespace, at(body, *_TEMPLATE)))
    if not (isinstance(answer, NotInjected) and answer.reason is Reason.NOT_ASKED):
        return None
    remediated = dict(body)
    for key, value in asking(world).items():
        path = (*_TEMPLATE, "metadata", "labels", key)
        if settable(remediated, path):
            remediated = changed(remediated, path, value)
    return remediated if remediated != body else None


RULE = Rule(
    id="gateway-injected",
    title="The ingress gateway's Deployment is injected, as a gateway",
    severity=Severity.ERROR,
    why=(
        "The Deployment holds a container without a program: the injector makes it a gateway when "
        "a pod starts. Where no webhook selects the pod, it asks a registry for the image `auto`, "
        "and nobody answers for any Knative Service."
    ),
    remedy=(
        'Give the template the label sidecar.istio.io/inject: "true" (or istio.io/rev with the '
        "revision) and the annotation inject.istio.io/templates: gateway, then delete its pods."
    ),
    section=INJECTION_SECTION,
    kinds=MESH_KINDS | {GATEWAY},
    check=check,
    remediate=remediate,
)
