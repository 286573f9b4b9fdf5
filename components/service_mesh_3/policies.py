"""What the mesh asks of calls: mutual TLS everywhere, and how long they may be silent.

Documentation: "Integrating Service Mesh 3.x with OpenShift Serverless", strict mTLS. In a mesh of
others each is made in the namespaces of Serverless alone, rather than for the whole mesh.
"""

from collections.abc import Iterable

import pulumi

from components.resources import Manifest, child_options, declare
from mesh_policy.documented.kinds import ENVOY_FILTER, PEER_AUTHENTICATION, header
from serverless_mesh.settings import ServiceMesh3

MTLS_NAME = "mesh-mtls"
LONG_REQUESTS_NAME = "disable-stream-idle-timeout"
_MANAGER = "envoy.filters.network.http_connection_manager"
_MANAGER_TYPE = (
    "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3."
    "HttpConnectionManager"
)


def strict_mtls(namespace: str) -> Manifest:
    """Return the PeerAuthentication; in the control plane's namespace it is for all."""
    return {
        **header(PEER_AUTHENTICATION),
        "metadata": {"name": MTLS_NAME, "namespace": namespace},
        "spec": {"mtls": {"mode": "STRICT"}},
    }


def long_requests(namespace: str) -> Manifest:
    """Return the EnvoyFilter by which a request may be silent for more than Envoy's five minutes.

    In the control plane's namespace it is for all.
    """
    match = {"listener": {"filterChain": {"filter": {"name": _MANAGER}}}}
    value = {
        "typed_config": {
            "@type": _MANAGER_TYPE,
            "stream_idle_timeout": "0s",
            "common_http_protocol_options": {"max_stream_duration": "0s"},
        }
    }
    patch = {
        "applyTo": "NETWORK_FILTER",
        "match": match,
        "patch": {"operation": "MERGE", "value": value},
    }
    return {
        **header(ENVOY_FILTER),
        "metadata": {"name": LONG_REQUESTS_NAME, "namespace": namespace},
        "spec": {"configPatches": [patch]},
    }


class MeshPolicies(pulumi.ComponentResource):
    """The policies of the mesh, or in a mesh of others those of the namespaces of Serverless."""

    def __init__(
        self,
        name: str,
        section: ServiceMesh3,
        members: Iterable[str],
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("serverlessmesh:policies:MeshPolicies", name, None, opts)
        child = child_options(self, opts)
        own = [section.namespace]
        places = [*members, section.gateway_namespace] if section.existing else own
        for namespace in places:
            declare(f"{namespace}-{MTLS_NAME}", strict_mtls(namespace), child)
            if section.long_requests:
                declare(f"{namespace}-{LONG_REQUESTS_NAME}", long_requests(namespace), child)
        self.register_outputs({})
