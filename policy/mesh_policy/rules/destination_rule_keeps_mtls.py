"""No DestinationRule has clients call the mesh's own Services without mTLS."""

from collections.abc import Iterator
from typing import Any, Final

from mesh_policy.documented.kinds import DESTINATION_RULE, GATEWAY, KNATIVE_SERVICE, MESH_KINDS
from mesh_policy.documented.names import KNATIVE_NAMESPACES
from mesh_policy.documented.sections import MESH_SECTION
from mesh_policy.findings import Finding, Severity
from mesh_policy.local_gateway import is_mutual, local_target
from mesh_policy.mesh.client_tls import MUTUAL, ClientTls
from mesh_policy.mesh.mesh import Mesh
from mesh_policy.reading.ages import Ages
from mesh_policy.reading.destination_rules import Chosen, said_of_subsets
from mesh_policy.reading.values import UNKNOWN, show
from mesh_policy.rule import Rule
from mesh_policy.world import World, has_serverless

_WEAK: Final = ("DISABLE", "SIMPLE")
_OWN: Final = "MUTUAL"
_NEEDED: Final = f"{MUTUAL}, or no tls: sidecars take clients with a certificate of the mesh alone"


def check(world: World) -> Iterator[Finding]:
    """Check each DestinationRule by which some client calls a Service of the mesh's own."""
    mesh = world.serverless_mesh
    if mesh is None or not has_serverless(world):
        return
    others = [local_target(mesh)] if is_mutual(world) else []
    calls = ClientTls(world, mesh, Ages(world.running), others, world.elsewhere)
    for item in world.objects(DESTINATION_RULE):
        if item.get("spec", "host") is UNKNOWN:
            yield item.unknown("spec.host")
    seen: set[Any] = set()
    for chosen in calls.rules.all():
        for finding in _chosen(chosen, calls):
            if finding not in seen:
                seen.add(finding)
                yield finding
    if not calls.is_automatic:
        yield from _by_hand(mesh, calls)


def _chosen(chosen: Chosen, calls: ClientTls) -> Iterator[Finding]:
    """Check a DestinationRule: the first target that it weakens says enough."""
    item = chosen.item
    if not _may_weaken(chosen, calls):
        return
    for target in calls.governed(chosen):
        for path, mode in said_of_subsets(item).items():
            if mode in _WEAK:
                why = f"{mode} for {target.host}, where a VirtualService routes to the subset"
                yield item.unsure(path, why)
        for port in target.ports:
            tls = chosen.tls(port)
            if tls.mode is UNKNOWN:
                yield item.unknown(tls.path)
            elif tls.mode in _WEAK or (tls.mode is None and not calls.is_automatic):
                found = f"{tls.mode or 'nothing'}, for {target.host}"
                if chosen.certain:
                    yield item.breaks(tls.path, found, _NEEDED)
                else:
                    yield item.unsure(tls.path, f"{found}, unless another of this host is older")
            elif tls.mode == _OWN:
                why = f"{_OWN} for {target.host}: whether the mesh signed its certificates"
                yield item.unsure(tls.path, f"{why} can't be told")
            else:
                continue
            return


def _may_weaken(chosen: Chosen, calls: ClientTls) -> bool:
    """Say whether it is worth a look whom it reaches."""
    if chosen.policy is UNKNOWN or not calls.is_automatic:
        return True
    modes = [mode for mode, _ in chosen.said()]
    modes += said_of_subsets(chosen.item).values()
    return any(mode in (*_WEAK, _OWN) or mode is UNKNOWN for mode in modes)


def _by_hand(mesh: Mesh, calls: ClientTls) -> Iterator[Finding]:
    """Check that a DestinationRule has clients use mTLS where they don't by themselves."""
    plane, path = mesh.control_plane, mesh.variant.auto_mtls
    for namespace in KNATIVE_NAMESPACES if plane else ():
        target = calls.targets[namespace][0]
        if plane and calls.rules.of("", target) is None and calls.default is None:
            needed = f"true, or a DestinationRule of {target.host} with {MUTUAL}"
            yield plane.breaks(".".join(path), show(mesh.applied(path)), needed)
            return


RULE = Rule(
    id="destination-rule-keeps-mtls",
    title="Clients call the mesh's own Services with mTLS",
    severity=Severity.ERROR,
    why=(
        "Sidecars take mTLS alone, so a DestinationRule that has clients call the activator, "
        "Eventing's receivers, Knative Services or the local gateway with another TLS, or none, "
        "cuts those calls off."
    ),
    remedy=(
        f"Set trafficPolicy.tls.mode to {MUTUAL} in the DestinationRule, or leave tls out, or make "
        "its host one of outside the mesh. Istio goes by the client's namespace first, then by "
        "that of the Service, then by the mesh's root namespace, and by the most specific host."
    ),
    section=MESH_SECTION,
    kinds=MESH_KINDS | {DESTINATION_RULE, GATEWAY, KNATIVE_SERVICE},
    check=check,
    harmful=True,
)
