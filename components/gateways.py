"""The two Gateways and the local gateway's Service.

Documentation: "Installing and configuring Service Mesh", step 4.
"""

import pulumi

from components.names import (
    GATEWAY_SELECTOR,
    INGRESS_GATEWAY,
    INGRESS_PORT,
    LOCAL_GATEWAY,
    LOCAL_PORT,
    SERVING_NAMESPACE,
)
from components.resources import Manifest, annotated, child_options, declare
from settings import Settings


def _gateway(name: str, port: int, tls: dict[str, str]) -> Manifest:
    return {
        "apiVersion": "networking.istio.io/v1alpha3",
        "kind": "Gateway",
        "metadata": {"name": name, "namespace": SERVING_NAMESPACE},
        "spec": {
            "selector": dict(GATEWAY_SELECTOR),
            "servers": [
                {
                    "port": {"number": port, "name": "https", "protocol": "HTTPS"},
                    "hosts": ["*"],
                    "tls": tls,
                }
            ],
        },
    }


def ingress_gateway(settings: Settings) -> Manifest:
    """Return the Gateway that serves external traffic with the wildcard certificate."""
    tls = {"mode": "SIMPLE", "credentialName": settings.wildcard_secret}
    return _gateway(INGRESS_GATEWAY, INGRESS_PORT, tls)


def local_gateway() -> Manifest:
    """Return the Gateway of cluster-local traffic, which asks every client for mTLS."""
    return _gateway(LOCAL_GATEWAY, LOCAL_PORT, {"mode": "ISTIO_MUTUAL"})


def local_gateway_service(settings: Settings) -> Manifest:
    """Return the Service through which the local gateway is reached inside the mesh."""
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {
            "name": LOCAL_GATEWAY,
            "namespace": settings.mesh_namespace,
            "labels": {"experimental.istio.io/disable-gateway-port-translation": "true"},
        },
        "spec": {
            "type": "ClusterIP",
            "selector": {"istio": "ingressgateway"},
            "ports": [{"name": "http2", "port": 80, "targetPort": LOCAL_PORT}],
        },
    }


class Gateways(pulumi.ComponentResource):
    """Both Knative gateways and the local gateway's Service."""

    def __init__(
        self, name: str, settings: Settings, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("serverlessmesh:gateways:Gateways", name, None, opts)
        child = child_options(self, opts)
        declare(INGRESS_GATEWAY, ingress_gateway(settings), child)
        declare(LOCAL_GATEWAY, local_gateway(), child)
        # The gateway's pods are the operator's, and may come after the Service: nothing to await.
        service = annotated(local_gateway_service(settings), {"pulumi.com/skipAwait": "true"})
        declare(f"{LOCAL_GATEWAY}-service", service, child)
        self.register_outputs({})
