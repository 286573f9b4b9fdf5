"""The two Gateways and the local gateway's Service.

Documentation: "Installing and configuring Service Mesh", step 4.
"""

from typing import Any

import pulumi
from pulumi_kubernetes.core import v1
from pulumi_kubernetes.meta.v1 import ObjectMetaArgs

from components.children import child_options
from components.custom_resource import Manifest, declare
from components.names import (
    GATEWAY_SELECTOR,
    INGRESS_GATEWAY,
    INGRESS_PORT,
    LOCAL_GATEWAY,
    LOCAL_PORT,
    OWNED,
    SERVING_NAMESPACE,
)
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


def _service(name: str, manifest: dict[str, Any], opts: pulumi.ResourceOptions) -> v1.Service:
    spec = manifest["spec"]
    return v1.Service(
        name,
        # The gateway's pods are the operator's, and may come after the Service: nothing to await.
        metadata=ObjectMetaArgs(
            **manifest["metadata"], annotations={"pulumi.com/skipAwait": "true", **OWNED}
        ),
        spec=v1.ServiceSpecArgs(
            type=spec["type"],
            selector=spec["selector"],
            ports=[
                v1.ServicePortArgs(
                    name=port["name"], port=port["port"], target_port=port["targetPort"]
                )
                for port in spec["ports"]
            ],
        ),
        opts=opts,
    )


class Gateways(pulumi.ComponentResource):
    """Both Knative gateways and the local gateway's Service."""

    def __init__(
        self, name: str, settings: Settings, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("serverlessmesh:gateways:Gateways", name, None, opts)
        child = child_options(self, opts)
        declare(INGRESS_GATEWAY, ingress_gateway(settings), child)
        declare(LOCAL_GATEWAY, local_gateway(), child)
        _service(f"{LOCAL_GATEWAY}-service", local_gateway_service(settings), child)
        self.register_outputs({})
