"""Without the mesh's network policies, Serverless makes none either."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from policy.control_plane import serverless_plane
from policy.mesh import unplaced
from policy.model import Finding, Rule, Severity
from policy.names import EVENTING, MESH_KINDS, NETWORK_POLICIES_SECTION, SERVING
from policy.values import UNKNOWN, at, changed, settable, show, truth
from policy.world import World, kind_of

_MANAGED: Final = ("spec", "security", "manageNetworkPolicy")
_DISABLED: Final = "serverless.openshift.io/disable-istio-net-policies-generation"
_PATH: Final = ("metadata", "annotations", _DISABLED)


def check(world: World) -> Iterator[Finding]:
    """Judge both Knative resources where the control plane manages no network policies."""
    yield from unplaced(world)
    for mesh, plane in serverless_plane(world):
        managed = plane.get(*_MANAGED)
        if mesh.newer:
            return
        if managed is UNKNOWN:
            yield plane.unknown(".".join(_MANAGED))
        elif managed is False:
            for resource in (*world.objects(SERVING), *world.objects(EVENTING)):
                value = resource.get(*_PATH)
                path = f"metadata.annotations.{_DISABLED}"
                if value is UNKNOWN:
                    yield resource.unknown(path)
                elif not truth(value):
                    needed = '"true", since the control plane has manageNetworkPolicy: false'
                    yield resource.breaks(path, show(value), needed, (plane.ref,))


def remediate(body: Mapping[str, Any], world: World) -> dict[str, Any] | None:
    """Add the annotation where it is missing."""
    planes = serverless_plane(world)
    off = any(plane.get(*_MANAGED) is False and not mesh.newer for mesh, plane in planes)
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
