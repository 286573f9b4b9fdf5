"""Knative Services carry the annotations that the mesh needs, in a namespace of the mesh."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from mesh_policy.documented.kinds import KNATIVE_SERVICE, MESH_KINDS
from mesh_policy.documented.names import PASSTHROUGH
from mesh_policy.documented.sections import VERIFICATION_SECTION
from mesh_policy.findings import Finding, Severity
from mesh_policy.reading.knative import lacking
from mesh_policy.reading.objects import Object, kind_of
from mesh_policy.reading.values import UNKNOWN, at, changed, settable, show, truth
from mesh_policy.rule import Rule
from mesh_policy.world import World, unplaced

_VISIBILITY: Final = "networking.knative.dev/visibility"
_TEMPLATE: Final = ("spec", "template", "metadata")


def check(world: World) -> Iterator[Finding]:
    """Check every Knative Service."""
    if world.objects(KNATIVE_SERVICE):
        yield from unplaced(world)
    for service in world.objects(KNATIVE_SERVICE):
        yield from _annotations(service)
        mesh = world.serverless_mesh
        inside = mesh.has(service.ref.namespace) if mesh else True
        if inside is None:
            yield service.unsure("metadata.namespace", "the mesh's members are not all known")
        elif mesh is not None and not inside:
            yield service.breaks(
                "metadata.namespace", service.ref.namespace, f"a member of the mesh {mesh}"
            )


def _annotations(service: Object) -> Iterator[Finding]:
    for path, value in _absent(service.body):
        if value is UNKNOWN:
            yield service.unknown(".".join(path))
        else:
            yield service.breaks(".".join(path), show(value), '"true"')


def _absent(body: Mapping[str, Any]) -> Iterator[tuple[tuple[str, ...], Any]]:
    """List the paths of the annotations that a Knative Service lacks, with what is there."""
    local = at(body, "metadata", "labels", _VISIBILITY) == "cluster-local"
    passthrough = at(body, "metadata", "annotations", PASSTHROUGH)
    if (passthrough is UNKNOWN or not truth(passthrough)) and not local:
        yield ("metadata", "annotations", PASSTHROUGH), passthrough
    for key, value in lacking(at(body, *_TEMPLATE)):
        yield (*_TEMPLATE, "annotations", key), value


def remediate(body: Mapping[str, Any], world: World) -> dict[str, Any] | None:  # noqa: ARG001
    """Add the annotations that are missing; what says otherwise stays as it is."""
    if kind_of(body) != KNATIVE_SERVICE:
        return None
    remediated = dict(body)
    for path, value in _absent(body):
        if value is None and settable(remediated, path):
            remediated = changed(remediated, path, "true")
    return remediated if remediated != body else None


RULE = Rule(
    id="knative-service-annotations",
    title="Knative Services carry the mesh's annotations, in a namespace of the mesh",
    severity=Severity.ERROR,
    why=(
        "Without a sidecar a Knative Service is shut out of the strict mesh, and without the "
        "pass-through route its clients do not see the certificate of the gateway."
    ),
    remedy=(
        "Add the three annotations of the documentation, and the namespace to the member roll."
    ),
    section=VERIFICATION_SECTION,
    kinds=MESH_KINDS | {KNATIVE_SERVICE},
    check=check,
    remediate=remediate,
)
