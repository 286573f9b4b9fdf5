"""Where Knative serves metrics to Prometheus, Prometheus reaches them."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from mesh_policy.documented.kinds import EVENTING, MESH_KINDS, OPERATOR_VERSION, SERVING
from mesh_policy.documented.names import METRICS_BACKEND, METRICS_PORT, METRICS_PROTOCOL
from mesh_policy.documented.sections import METRICS_SECTION
from mesh_policy.documented.variants import written
from mesh_policy.findings import Finding, Severity
from mesh_policy.reading.knative import config_value
from mesh_policy.reading.objects import Object
from mesh_policy.reading.operators import serverless_version
from mesh_policy.reading.values import UNKNOWN, show, text
from mesh_policy.remediation import with_ports
from mesh_policy.rule import Rule
from mesh_policy.world import World, serverless_plane

_RENAMED: Final = (1, 38)
"""The version of Serverless from which on the key has its newer name."""
_ON: Final = "prometheus"


def check(world: World) -> Iterator[Finding]:
    """Check the keys of both Knative resources, and the excluded ports where metrics are on."""
    for resource in _resources(world):
        yield from _keys(world, resource)
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


def _resources(world: World) -> list[Object]:
    return [*world.objects(SERVING), *world.objects(EVENTING)]


def _read(world: World) -> tuple[str, ...]:
    """Return the keys that the installed Serverless reads, or may read."""
    version = serverless_version(world)
    if version is None:
        return METRICS_BACKEND, METRICS_PROTOCOL
    return (METRICS_BACKEND if version < _RENAMED else METRICS_PROTOCOL,)


def _keys(world: World, resource: Object) -> Iterator[Finding]:
    """Check that what switches metrics on is read."""
    values = {key: _value(resource, key) for key in (METRICS_BACKEND, METRICS_PROTOCOL)}
    read = _read(world)
    unknown = [key for key in read if values[key] is UNKNOWN]
    if unknown:
        yield resource.unknown(_place(unknown[0]))
        return
    unread = [key for key, value in values.items() if key not in read and text(value) == _ON]
    if unread and all(values[key] is None for key in read):
        version = serverless_version(world) or _RENAMED
        found = f"{_ON}, at a key that Serverless {written(version)} does not read"
        yield resource.breaks(_place(unread[0]), found, f"{read[0]}: {_ON} beside it")


def _value(resource: Object, key: str) -> Any:
    return config_value(resource, "observability", key)


def _place(key: str) -> str:
    return f"spec.config.observability.{key}"


def _served(world: World) -> list[Object]:
    """Return a resource or two that have metrics on."""
    read = _read(world)
    on = (item for item in _resources(world) if any(text(_value(item, k)) == _ON for k in read))
    return list(on)[:2]


def remediate(body: Mapping[str, Any], world: World) -> dict[str, Any] | None:
    """Add the port where it is missing."""
    return with_ports(body, world, [METRICS_PORT]) if _served(world) else None


RULE = Rule(
    id="metrics-reachable",
    title="Prometheus reaches Knative's metrics",
    severity=Severity.WARNING,
    why=(
        "The mesh keeps Prometheus, which is not its member, from scraping port 8444 unless that "
        "port is outside of mTLS. What switches metrics on has another name since Serverless 1.38, "
        "and each version ignores the other's."
    ),
    remedy=(
        "Add 8444 to the excluded inbound ports of the control plane. Set both "
        f"{METRICS_BACKEND} and {METRICS_PROTOCOL} where Serverless is to be updated."
    ),
    section=METRICS_SECTION,
    kinds=MESH_KINDS | {EVENTING, OPERATOR_VERSION},
    check=check,
    remediate=remediate,
)
