"""Without the mesh's network policies, Serverless makes none either."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from mesh_policy.control_plane import serverless_plane
from mesh_policy.documented.kinds import EVENTING, MESH_KINDS, SERVING
from mesh_policy.documented.names import NO_NETWORK_POLICIES
from mesh_policy.documented.sections import NETWORK_POLICIES_SECTION
from mesh_policy.findings import Finding, Severity
from mesh_policy.reading.objects import kind_of
from mesh_policy.reading.values import UNKNOWN, at, changed, settable, show, truth
from mesh_policy.rule import Rule
from mesh_policy.world import World

_PATH: Final = ("metadata", "annotations", NO_NETWORK_POLICIES)


def check(world: World) -> Iterator[Finding]:
    """Check both Knative resources where the control plane manages no network policies."""
    for mesh, plane in serverless_plane(world):
        path = mesh.variant.network_policies
        if not path:
            return
        managed = mesh.applied(path)
        if managed is UNKNOWN:
            yield mesh.unclear(plane, path)
        elif managed is False:
            for resource in (*world.objects(SERVING), *world.objects(EVENTING)):
                value = resource.get(*_PATH)
                place = f"metadata.annotations.{NO_NETWORK_POLICIES}"
                if value is UNKNOWN:
                    yield resource.unknown(place)
                elif not truth(value):
                    needed = '"true", since the control plane has manageNetworkPolicy: false'
                    yield resource.breaks(place, show(value), needed, (plane.ref,))


def remediate(body: Mapping[str, Any], world: World) -> dict[str, Any] | None:
    """Add the annotation where it is missing."""
    off = any(
        mesh.applied(mesh.variant.network_policies) is False for mesh, _ in serverless_plane(world)
    )
    own = kind_of(body) in (SERVING, EVENTING) and at(body, *_PATH) is None
    return changed(body, _PATH, "true") if off and own and settable(body, _PATH) else None


RULE = Rule(
    id="network-policies",
    title="Without the mesh's network policies, Serverless makes none either",
    severity=Severity.ERROR,
    why=(
        "Serverless makes network policies that count on the mesh's own. With "
        "manageNetworkPolicy: false those are missing and events are not delivered."
    ),
    remedy=(
        "Annotate KnativeServing and KnativeEventing with "
        'serverless.openshift.io/disable-istio-net-policies-generation: "true".'
    ),
    section=NETWORK_POLICIES_SECTION,
    kinds=MESH_KINDS | {EVENTING},
    check=check,
    remediate=remediate,
)
