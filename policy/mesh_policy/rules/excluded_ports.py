"""The ports that Kubernetes and monitoring call are outside of mTLS."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from mesh_policy.documented.kinds import MESH_KINDS
from mesh_policy.documented.names import DRAIN_PORT, EXCLUDED_PORTS, METRICS_PORT
from mesh_policy.documented.sections import MESH_SECTION
from mesh_policy.documented.variants import version_of
from mesh_policy.findings import Finding, Severity
from mesh_policy.mesh.mesh import Mesh
from mesh_policy.reading.interception import EXCLUDED, INCLUDED
from mesh_policy.reading.knative_workloads import KINDS, Workload, knative_workloads
from mesh_policy.reading.objects import Object
from mesh_policy.reading.values import UNKNOWN, at, show, text, truth
from mesh_policy.remediation import with_ports
from mesh_policy.rule import Rule
from mesh_policy.world import World, serverless_plane

_REWRITES: Final = (1, 25)
"""The first version of Istio whose injector also turns preStop hooks into calls of the proxy."""
_REWRITING: Final = ("spec", "values", "sidecarInjectorWebhook", "rewriteAppHTTPProbe")
_HOOK: Final = "the kubelet's call of the preStop hook is refused: pods end without draining"
_DRAINS: Final = "the injector has the proxy call the preStop hook: pods drain all the same"
_METRICS: Final = "Prometheus, which is no member of the mesh, is refused"


def check(world: World) -> Iterator[Finding]:
    """Check the control plane's excluded inbound ports, and workloads that say others."""
    for mesh, plane in serverless_plane(world):
        yield from _control_plane(mesh, plane)
        for workload in knative_workloads(world):
            if workload.says_ports:
                yield from _workload(workload, mesh, plane)


def _control_plane(mesh: Mesh, plane: Object) -> Iterator[Finding]:
    path = mesh.variant.excluded_ports
    takes = {port: mesh.interception.takes(port) for port in EXCLUDED_PORTS}
    if missing := [port for port, taken in takes.items() if taken]:
        listed = " and ".join(f"{port} ({EXCLUDED_PORTS[port]})" for port in missing)
        yield plane.breaks(
            ".".join(path),
            show(mesh.applied(path)),
            f"{listed} among the excluded ports",
            severity=_severity(missing, mesh, plane),
            consequences=_consequences(missing, mesh, plane),
        )
    elif None in takes.values():
        yield mesh.unclear(plane, path)


def _workload(workload: Workload, mesh: Mesh, plane: Object) -> Iterator[Finding]:
    """Check annotations, which stand in the place of all that the control plane says."""
    sidecar = mesh.interception.of(workload.annotations)
    takes = {port: sidecar.takes(port) for port in workload.outside}
    if missing := [port for port, taken in takes.items() if taken]:
        key = EXCLUDED if sidecar.takes_all else INCLUDED
        listed = " and ".join(f"{port} ({EXCLUDED_PORTS[port]})" for port in missing)
        wanted = f"{listed} {'among' if key == EXCLUDED else 'not among'} them"
        yield workload.item.breaks(
            f"{workload.path}.{key}",
            show(at(workload.annotations, key)),
            f"{wanted}: the control plane's do not count here",
            severity=_severity(missing, mesh, plane),
            consequences=_consequences(missing, mesh, plane),
        )
    elif None in takes.values() and workload.annotations is UNKNOWN:
        yield workload.item.unknown(workload.path)


def _is_rewritten(mesh: Mesh, plane: Object) -> bool:
    """Say whether the injector has the proxy call the hook, so that its port does not matter."""
    if mesh.variant.roll or truth(mesh.applied(_REWRITING)) is False:
        return False
    version = version_of(text(plane.get("spec", "version")))
    return version is None or version >= _REWRITES


def _severity(missing: Sequence[int], mesh: Mesh, plane: Object) -> Severity | None:
    """Return a warning where only metrics are at stake, which Service Mesh 3 is documented with."""
    refused = DRAIN_PORT in missing and not _is_rewritten(mesh, plane)
    return None if mesh.variant.roll or refused else Severity.WARNING


def _consequences(missing: Sequence[int], mesh: Mesh, plane: Object) -> tuple[str, ...]:
    said = {METRICS_PORT: _METRICS, DRAIN_PORT: _DRAINS if _is_rewritten(mesh, plane) else _HOOK}
    return tuple(f"{port}: {said[port]}" for port in missing)


def remediate(body: Mapping[str, Any], world: World) -> dict[str, Any] | None:
    """Add the ports that are missing."""
    return with_ports(body, world, EXCLUDED_PORTS)


RULE = Rule(
    id="excluded-ports",
    title="The ports that Kubernetes and monitoring call are outside of mTLS",
    severity=Severity.ERROR,
    why=(
        "Kubernetes and cluster monitoring call 8444 and 8022 from outside the mesh and have no "
        "client certificate: inside of mTLS, metrics are lost and pods end without draining. "
        "From Istio 1.25 on the injector rewrites that hook, as it does probes."
    ),
    remedy=(
        "Add 8444 and 8022 to the excluded inbound ports of the control plane; with Service Mesh 3 "
        "also 9090, by which the autoscaler collects from pods."
    ),
    section=MESH_SECTION,
    kinds=MESH_KINDS | KINDS,
    check=check,
    remediate=remediate,
)
