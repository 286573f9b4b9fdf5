"""The two Gateways and the local gateway's Service.

Documentation: "Installing and configuring Service Mesh", step 4.
"""

import pulumi

from components.resources import Manifest, annotated, child_options, declare
from mesh_policy.documented.kinds import GATEWAY, SERVICE, header
from mesh_policy.documented.names import (
    INGRESS_GATEWAY,
    INGRESS_PORT,
    LOCAL_GATEWAY,
    LOCAL_PORT,
    NO_PORT_TRANSLATION,
    SERVING_NAMESPACE,
)
from serverless_mesh.ingress import Ingress


def _gateway(ingress: Ingress, name: str, port: int, tls: dict[str, str]) -> Manifest:
    return {
        **header(GATEWAY),
        "metadata": {"name": name, "namespace": SERVING_NAMESPACE},
        "spec": {
            "selector": dict(ingress.selector),
            "servers": [
                {
                    "port": {"number": port, "name": "https", "protocol": "HTTPS"},
                    "hosts": ["*"],
                    "tls": tls,
                }
            ],
        },
    }


def ingress_gateway(ingress: Ingress, secret: str) -> Manifest:
    """Return the Gateway that serves external traffic with the certificate in the secret."""
    tls = {"mode": "SIMPLE", "credentialName": secret}
    return _gateway(ingress, INGRESS_GATEWAY, INGRESS_PORT, tls)


def local_gateway(ingress: Ingress) -> Manifest:
    """Return the Gateway of cluster-local traffic, which asks every client for mTLS."""
    return _gateway(ingress, LOCAL_GATEWAY, LOCAL_PORT, {"mode": "ISTIO_MUTUAL"})


def local_gateway_service(ingress: Ingress) -> Manifest:
    """Return the Service through which the local gateway is reached inside the mesh."""
    return {
        **header(SERVICE),
        "metadata": {
            "name": LOCAL_GATEWAY,
            "namespace": ingress.namespace,
            "labels": {NO_PORT_TRANSLATION: "true"},
        },
        "spec": {
            "type": "ClusterIP",
            "selector": dict(ingress.local_selector),
            "ports": [{"name": "http2", "port": 80, "targetPort": LOCAL_PORT}],
        },
    }


class Gateways(pulumi.ComponentResource):
    """Both Knative gateways and the local gateway's Service."""

    def __init__(
        self, name: str, ingress: Ingress, secret: str, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("serverlessmesh:gateways:Gateways", name, None, opts)
        child = child_options(self, opts)
        declare(INGRESS_GATEWAY, ingress_gateway(ingress, secret), child)
        declare(LOCAL_GATEWAY, local_gateway(ingress), child)
        # The gateway's pods are the operator's, and may come after the Service: nothing to await.
        service = annotated(local_gateway_service(ingress), {"pulumi.com/skipAwait": "true"})
        declare(f"{LOCAL_GATEWAY}-service", service, child)
        self.register_outputs({})
