"""Where Knative serves metrics to Prometheus, Prometheus reaches them."""

from collections.abc import Iterator, Mapping
from typing import Any

from mesh_policy.control_plane import serverless_plane, with_ports
from mesh_policy.documented.kinds import EVENTING, MESH_KINDS, SERVING
from mesh_policy.documented.names import METRICS_BACKEND, METRICS_PORT
from mesh_policy.documented.sections import METRICS_SECTION
from mesh_policy.findings import Finding, Severity
from mesh_policy.reading.knative import config_value
from mesh_policy.reading.objects import Object
from mesh_policy.reading.values import UNKNOWN, show, text
from mesh_policy.rule import Rule
from mesh_policy.world import World


def check(world: World) -> Iterator[Finding]:
    """Check the excluded ports where a Knative resource has the backend `prometheus`."""
    resources = (*world.objects(SERVING), *world.objects(EVENTING))
    for resource in resources:
        if config_value(resource, "observability", METRICS_BACKEND) is UNKNOWN:
            yield resource.unknown(f"spec.config.observability.{METRICS_BACKEND}")
    if served := _served(world):
        for mesh, plane in serverless_plane(world):
            path = mesh.variant.excluded_ports
            taken = mesh.interception.takes(METRICS_PORT)
            if taken is None:
                yield mesh.unclear(plane, path)
            elif taken:
                needed = f"{METRICS_PORT} among them, for the metrics of {served[0].ref}"
                related = tuple(item.ref for item in served)
                yield plane.breaks(".".join(path), show(mesh.applied(path)), needed, related)


def _served(world: World) -> list[Object]:
    return [
        item
        for item in (*world.objects(SERVING), *world.objects(EVENTING))
        if text(config_value(item, "observability", METRICS_BACKEND)) == "prometheus"
    ][:2]


def remediate(body: Mapping[str, Any], world: World) -> dict[str, Any] | None:
    """Add the port where it is missing."""
    return with_ports(body, world, [METRICS_PORT]) if _served(world) else None


RULE = Rule(
    id="metrics-reachable",
    title="Prometheus reaches Knative's metrics",
    severity=Severity.WARNING,
    why=(
        "The mesh keeps Prometheus, which is not its member, from scraping port 8444 unless that "
        "port is outside of mTLS."
    ),
    remedy="Add 8444 to the excluded inbound ports of the control plane.",
    section=METRICS_SECTION,
    kinds=MESH_KINDS | {EVENTING},
    check=check,
    remediate=remediate,
)
