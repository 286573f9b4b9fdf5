"""Where requests may take long, everything on their way lets them."""

from collections.abc import Iterator
from typing import Any, Final

from mesh_policy.documented.kinds import ENVOY_FILTER, KNATIVE_SERVICE, MESH_KINDS, SERVING
from mesh_policy.documented.names import IDLE_TIMEOUT, ROUTE_TIMEOUT
from mesh_policy.documented.sections import MESH_SECTION
from mesh_policy.findings import Finding, Severity
from mesh_policy.mesh.mesh import Mesh
from mesh_policy.reading.durations import seconds
from mesh_policy.reading.knative import config_value
from mesh_policy.reading.label_selectors import labels
from mesh_policy.reading.objects import Object
from mesh_policy.reading.proxy_config import Draining, annotated
from mesh_policy.reading.values import UNKNOWN, at, items, number, show, text
from mesh_policy.rule import Rule
from mesh_policy.world import World

_TEMPLATE: Final = ("spec", "template")
_TIMEOUT: Final = (*_TEMPLATE, "spec", "timeoutSeconds")
_START: Final = "responseStartTimeoutSeconds"
_DEFAULT: Final = "revision-timeout-seconds"
_DEFAULT_START: Final = "revision-response-start-timeout-seconds"
_MAXIMUM: Final = "max-revision-timeout-seconds"
_SET_ROUTE: Final = "serving.knative.openshift.io/setRouteTimeout"
_LOCAL: Final = ("networking.knative.dev/visibility", "cluster-local")


def check(world: World) -> Iterator[Finding]:
    """Check the maximum and the default of KnativeServing, and each Knative Service's own."""
    mesh = world.serverless_mesh
    if mesh is None or mesh.control_plane is None:
        return
    for serving in world.objects(SERVING):
        yield from _serving(serving, world, mesh)
    for service in world.objects(KNATIVE_SERVICE):
        if mesh.has(service.ref.namespace) is not False:
            yield from _service(service, world, mesh)


def _serving(serving: Object, world: World, mesh: Mesh) -> Iterator[Finding]:
    for key in (_MAXIMUM, _DEFAULT):
        value = config_value(serving, "defaults", key)
        path, longest = f"spec.config.defaults.{key}", number(value)
        if value is UNKNOWN:
            yield serving.unknown(path)
        elif longest is not None and longest > IDLE_TIMEOUT:
            cut = [*_by_mesh(longest, world, mesh, mesh.draining)]
            if key == _DEFAULT:
                start = number(config_value(serving, "defaults", _DEFAULT_START))
                cut += _by_start(longest, start, _DEFAULT_START)
            yield from _cut(serving, path, value, cut)
            return


def _service(service: Object, world: World, mesh: Mesh) -> Iterator[Finding]:
    value = service.get(*_TIMEOUT)
    path, longest = ".".join(_TIMEOUT), number(value)
    if value is UNKNOWN:
        yield service.unknown(path)
    elif longest is not None and longest > IDLE_TIMEOUT:
        annotations = service.get(*_TEMPLATE, "metadata", "annotations")
        own = annotated(annotations, mesh.draining) or mesh.draining
        start = number(service.get(*_TEMPLATE, "spec", _START))
        cut = [
            *_by_mesh(longest, world, mesh, own),
            *_by_start(longest, start, f"{'.'.join(_TEMPLATE)}.spec.{_START}"),
            *_by_route(service, longest),
        ]
        yield from _cut(service, path, value, cut)


def _cut(item: Object, path: str, value: Any, cut: list[str]) -> Iterator[Finding]:
    if cut:
        needed = f"at most {IDLE_TIMEOUT}, or all on the way that lets requests last as long"
        yield item.breaks(path, show(value), needed, consequences=tuple(cut))


def _by_mesh(longest: int, world: World, mesh: Mesh, proxies: Draining) -> Iterator[str]:
    if ENVOY_FILTER not in world.unread and not any(
        _lifts(item, longest) for item in _reaching(world, mesh)
    ):
        yield (
            f"a request silent for {IDLE_TIMEOUT} s is ended: no EnvoyFilter in {mesh.root} sets "
            "the stream_idle_timeout of proxies to 0s or longer"
        )
    if proxies.outlasts(longest - 1) is False:
        lasts = show(proxies.duration) if proxies.duration is not None else "5s by default"
        yield f"a request is cut when its pod ends: proxies drain for {lasts}"


def _reaching(world: World, mesh: Mesh) -> Iterator[Object]:
    """List the EnvoyFilters that the ingress gateway gets."""
    for namespace in dict.fromkeys((mesh.root, mesh.ingress.namespace)):
        for item in world.objects(ENVOY_FILTER, namespace):
            selector = labels(item.get("spec", "workloadSelector", "labels"))
            known = mesh.ingress.labels
            if selector is None or known is None or selector <= known:
                yield item


def _lifts(item: Object, longest: int) -> bool:
    """Say whether an EnvoyFilter has streams idle for as long, or may have."""
    for patch in items(item.get("spec", "configPatches")):
        value = at(patch, "patch", "value")
        places = [
            at(value, "typed_config", "stream_idle_timeout"),
            at(value, "typedConfig", "streamIdleTimeout"),
            at(value, "route", "idle_timeout"),
        ]
        if any(place is UNKNOWN for place in places):
            return True
        lengths = [seconds(text(place)) for place in places if place is not None]
        if any(found is not None and (found == 0 or found >= longest) for found in lengths):
            return True
    return False


def _by_start(longest: int, start: int | None, place: str) -> Iterator[str]:
    if longest > (IDLE_TIMEOUT if start is None else start):
        within = f"{IDLE_TIMEOUT} s by default" if start is None else f"{start} s"
        yield f"Knative ends a request without a first byte after {within}: see {place}"


def _by_route(service: Object, longest: int) -> Iterator[str]:
    key, value = _LOCAL
    if service.labels.get(key) == value:
        return
    written = service.annotations.get(_SET_ROUTE)
    lasts = ROUTE_TIMEOUT if written is None else number(written)
    if written is not UNKNOWN and lasts is not None and lasts < longest:
        yield f"OpenShift's Route ends a request after {lasts} s: see the annotation {_SET_ROUTE}"


RULE = Rule(
    id="long-requests-consistent",
    title="Where requests may take long, everything on their way lets them",
    severity=Severity.WARNING,
    why=(
        "A Knative Service may be given more than five minutes, but proxies end what is silent for "
        "five, Knative waits as long for the first byte, Routes end at ten, and a proxy that "
        "drains for less than a request takes cuts it."
    ),
    remedy=(
        "Lift the idle timeout of proxies by an EnvoyFilter in the mesh's root namespace, raise "
        "responseStartTimeoutSeconds, serving.knative.openshift.io/setRouteTimeout and "
        "terminationDrainDuration as far, or allow no more than 300 seconds."
    ),
    section=MESH_SECTION,
    kinds=MESH_KINDS | {ENVOY_FILTER, KNATIVE_SERVICE, SERVING},
    check=check,
)
