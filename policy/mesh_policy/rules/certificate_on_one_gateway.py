"""The certificate of Knative's Gateway is on no other Gateway of the same pods.

A browser sends requests for a second host on the HTTP/2 connection that it has for a first one,
where both hosts have one address and the certificate is for both. Envoy has chosen the Gateway by
the first host, so the second one is answered with 404: IST0138 of `istioctl analyze`.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from mesh_policy.documented.kinds import API_GATEWAY, GATEWAY, INGRESS_CONFIG, MESH_KINDS
from mesh_policy.documented.names import INGRESS_GATEWAY, INGRESS_PORT
from mesh_policy.documented.sections import CONNECTION_REUSE
from mesh_policy.findings import Finding, Ref, Severity
from mesh_policy.gateways import Asked, Selection, asked, gateways, workloads
from mesh_policy.mesh.serverless import is_knative_gateway
from mesh_policy.mesh.workload import Workload, pod_ports
from mesh_policy.reading.istio_credentials import credentials
from mesh_policy.reading.istio_gateways import Host
from mesh_policy.reading.knative_domains import services_domain
from mesh_policy.reading.label_selectors import labels
from mesh_policy.reading.objects import Object
from mesh_policy.reading.values import UNKNOWN, strings, text
from mesh_policy.rule import Rule
from mesh_policy.world import World, knative_gateway

_NEEDED = "a certificate for its own hosts only"


def check(world: World) -> Iterator[Finding]:
    """Check the Gateways that are on the same port of the same pods as Knative's."""
    gateway, mesh = knative_gateway(world, INGRESS_GATEWAY), world.serverless_mesh
    selector = labels(gateway.get("spec", "selector")) if gateway else None
    if gateway is None or selector is None or (mesh is None and world.meshes):
        return
    names = set(strings([name for _, name in credentials(gateway)])) - {""}
    selection = Selection(gateways(world, mesh, serverless=True).read)
    for workload in workloads(mesh) if names else ():
        if workload.selected_by(selector):
            yield from _on_workload(world, workload, selection, gateway, names)


def _on_workload(
    world: World,
    workload: Workload,
    selection: Selection,
    gateway: Object,
    names: set[str],
) -> Iterator[Finding]:
    port = pod_ports(world, workload).get(INGRESS_PORT, INGRESS_PORT)
    domain = services_domain(world)
    known: dict[Ref, Mapping[str, Sequence[tuple[str, Any]]]] = {}
    for found in asked(world, workload, selection):
        if not isinstance(found, Asked) or found.port != port or is_knative_gateway(found.item):
            continue
        if found.doubt or not found.server.terminates:
            continue
        if found.item.ref not in known:
            known[found.item.ref] = _by_server(found.item)
        for path, name in known[found.item.ref].get(found.server.path, ()):
            if text(name) in names:
                yield from _shared(domain, found, path, name, gateway)


def _by_server(gateway: Object) -> Mapping[str, Sequence[tuple[str, Any]]]:
    """Return the paths and names of a Gateway's certificates by the path of their server."""
    found: dict[str, list[tuple[str, Any]]] = defaultdict(list)
    for path, name in credentials(gateway):
        found[path.partition(".tls.")[0]].append((path, name))
    return found


def _shared(domain: Any, found: Asked, path: str, name: Any, gateway: Object) -> Iterator[Finding]:
    for host in found.server.hosts:
        covered = _is_covered(host, domain)
        if covered is None:
            why = f"has the certificate {name} of {gateway.ref}; whether it is for {host.sni} is"
            yield found.item.unsure(path, f"{why} not known without the cluster's domain")
            return
        if covered:
            said = f"{name} for {host.sni}, the certificate of {gateway.ref}"
            yield found.item.breaks(path, said, _NEEDED, (gateway.ref,))
            return


def _is_covered(host: Host, domain: Any) -> bool | None:
    """Say whether the wildcard certificate is for a host; a wildcard over Knative's is a conflict.

    None: not known.
    """
    if host.sni.startswith("*"):
        return False
    if domain is UNKNOWN or not isinstance(domain, str):
        return None
    return host.sni.partition(".")[2] == domain.lower()


RULE = Rule(
    id="certificate-on-one-gateway",
    title="The wildcard certificate is on no other Gateway of the ingress gateway",
    severity=Severity.WARNING,
    why=(
        "Browsers reuse an HTTP/2 connection for every host of its certificate. Where a second "
        "Gateway serves hosts of the cluster's domain with the same certificate, what follows on "
        "the connection is answered by the Gateway that the first request was for: with 404."
    ),
    remedy=(
        "Serve the host through Knative's Gateway by a VirtualService, or with a certificate of "
        "its own that is for this host only."
    ),
    section=CONNECTION_REUSE,
    kinds=MESH_KINDS | {GATEWAY, API_GATEWAY, INGRESS_CONFIG},
    check=check,
)
