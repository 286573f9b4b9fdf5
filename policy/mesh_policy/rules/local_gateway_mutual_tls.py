"""The local gateway serves clients of the mesh only."""

from collections.abc import Iterator
from typing import Final

from mesh_policy.documented.kinds import GATEWAY
from mesh_policy.documented.names import LOCAL_GATEWAY, LOCAL_PORT
from mesh_policy.documented.sections import MESH_SECTION
from mesh_policy.findings import Finding, Severity
from mesh_policy.reading.values import UNKNOWN, at, items, number, show
from mesh_policy.rule import Rule
from mesh_policy.world import World, knative_gateway

_MODE: Final = "ISTIO_MUTUAL"


def check(world: World) -> Iterator[Finding]:
    """Check every server of knative-local-gateway."""
    gateway = knative_gateway(world, LOCAL_GATEWAY)
    if gateway is None:
        return
    servers = gateway.get("spec", "servers")
    if servers is UNKNOWN or UNKNOWN in items(servers):
        yield gateway.unknown("spec.servers")
        return
    numbers = [at(server, "port", "number") for server in items(servers)]
    if UNKNOWN in numbers:
        yield gateway.unknown(f"spec.servers[{numbers.index(UNKNOWN)}].port.number")
    elif LOCAL_PORT not in map(number, numbers):
        yield gateway.breaks("spec.servers", f"ports {show(numbers)}", f"a server on {LOCAL_PORT}")
    for index, server in enumerate(items(servers)):
        for path, needed in ((("port", "protocol"), "HTTPS"), (("tls", "mode"), _MODE)):
            value = at(server, *path)
            place = f"spec.servers[{index}].{'.'.join(path)}"
            if value is UNKNOWN:
                yield gateway.unknown(place)
            elif value != needed:
                yield gateway.breaks(place, show(value), needed)


RULE = Rule(
    id="local-gateway-mutual-tls",
    title="The local gateway asks every client for a certificate of the mesh",
    severity=Severity.ERROR,
    why=(
        "knative-local-gateway is for traffic inside the mesh. Without ISTIO_MUTUAL it takes "
        "plaintext from any pod of the cluster."
    ),
    remedy=(
        "Serve port 8081 with protocol HTTPS and tls.mode ISTIO_MUTUAL; workloads outside of the "
        "mesh use the external domain."
    ),
    section=MESH_SECTION,
    kinds=frozenset({GATEWAY}),
    check=check,
    harmful=True,
)
