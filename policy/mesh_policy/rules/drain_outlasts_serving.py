"""Proxies drain longer than a Knative Service takes to end."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from mesh_policy.documented.kinds import MESH_KINDS
from mesh_policy.documented.names import DRAIN_DURATION, DRAIN_OF_SERVING
from mesh_policy.documented.sections import MESH_SECTION
from mesh_policy.documented.variants import SERVICE_MESH_2
from mesh_policy.findings import Finding, Severity
from mesh_policy.reading.durations import seconds
from mesh_policy.reading.knative_workloads import KINDS, Workload, knative_workloads
from mesh_policy.reading.proxy_config import (
    ANNOTATION,
    DRAIN,
    Draining,
    annotated,
    by_json_names,
)
from mesh_policy.reading.values import at, show, text
from mesh_policy.remediation import is_serverless_plane, with_value
from mesh_policy.rule import Rule
from mesh_policy.world import World, serverless_plane

_NEEDED: Final = f"a duration above {DRAIN_OF_SERVING:.0f}s, such as {DRAIN_DURATION}"
_REFUSED: Final = ("istiod can't read it, and so refuses the whole configuration of the mesh",)
_NO_POD: Final = ("Istio's injector can't read it, and so the pods are refused",)


def check(world: World) -> Iterator[Finding]:
    """Check the control plane's terminationDrainDuration, and what workloads say instead."""
    for mesh, plane in serverless_plane(world):
        path, common = mesh.drain, mesh.draining
        value, outlasts = common.duration, common.outlasts(DRAIN_OF_SERVING)
        if outlasts is None:
            yield mesh.unclear(plane, path)
        elif not outlasts:
            refused = value is not None and common.seconds is None
            yield plane.breaks(
                ".".join(path), show(value), _NEEDED, consequences=_REFUSED if refused else ()
            )
        for workload in knative_workloads(world):
            if workload.traffic:
                yield from _workload(workload, common)


def _workload(workload: Workload, common: Draining) -> Iterator[Finding]:
    """Check an annotation, which is laid over what the control plane says."""
    written = at(workload.annotations, ANNOTATION)
    own = annotated(workload.annotations, common)
    path = f"{workload.path}.{ANNOTATION}"
    if written is None or own == common:
        return
    if own is None:
        yield workload.item.breaks(
            path, show(written), "a ProxyConfig as YAML", (), consequences=_NO_POD
        )
    elif own.outlasts(DRAIN_OF_SERVING) is None:
        yield workload.item.unknown(path)
    elif not own.outlasts(DRAIN_OF_SERVING):
        yield workload.item.breaks(path, f"{DRAIN}: {show(own.duration)}", _NEEDED)


def remediate(body: Mapping[str, Any], world: World) -> dict[str, Any] | None:
    """Set the documented duration where none is, or a shorter one."""
    value = at(by_json_names(at(body, *SERVICE_MESH_2.drain[:-1])), DRAIN)
    lasts = 0.0 if value is None else seconds(text(value))
    if lasts is None or lasts > DRAIN_OF_SERVING or not is_serverless_plane(body, world):
        return None
    return with_value(body, SERVICE_MESH_2.drain, DRAIN_DURATION)


RULE = Rule(
    id="drain-outlasts-serving",
    title="Proxies drain longer than Knative Services take to end",
    severity=Severity.ERROR,
    why=(
        "A Knative Service ends gracefully within 30 seconds. A proxy that ends before it drops "
        "the requests still on their way; Istio's own default is 5 seconds."
    ),
    remedy=(
        "Set terminationDrainDuration in the control plane to 35s or more, and to no less in the "
        "annotation proxy.istio.io/config of a workload."
    ),
    section=MESH_SECTION,
    kinds=MESH_KINDS | KINDS,
    check=check,
    remediate=remediate,
)
