"""The two Gateways, and how the local one is reached.

Documentation: "Installing and configuring Service Mesh", step 4.
"""

import pulumi

from components.resources import Manifest, annotated, child_options, declare
from mesh_policy.documented.kinds import DESTINATION_RULE, GATEWAY, SERVICE, header
from mesh_policy.documented.names import (
    INGRESS_GATEWAY,
    INGRESS_PORT,
    LOCAL_GATEWAY,
    LOCAL_PORT,
    NO_PORT_TRANSLATION,
    SERVING_NAMESPACE,
)
from serverless_mesh.ingress import Ingress, LocalTls


def _gateway(ingress: Ingress, name: str, port: int, tls: dict[str, str] | None) -> Manifest:
    protocol = "HTTP" if tls is None else "HTTPS"
    served = {"number": port, "name": protocol.lower(), "protocol": protocol}
    server = {"port": served, "hosts": ["*"], **({} if tls is None else {"tls": tls})}
    return {
        **header(GATEWAY),
        "metadata": {"name": name, "namespace": SERVING_NAMESPACE},
        "spec": {"selector": dict(ingress.selector), "servers": [server]},
    }


def ingress_gateway(ingress: Ingress, secret: str) -> Manifest:
    """Return the Gateway that serves external traffic with the certificate in the secret."""
    tls = {"mode": "SIMPLE", "credentialName": secret}
    return _gateway(ingress, INGRESS_GATEWAY, INGRESS_PORT, tls)


def local_gateway(ingress: Ingress) -> Manifest:
    """Return the Gateway of cluster-local traffic, which asks every client for mTLS by default."""
    plain = ingress.local_tls is LocalTls.PLAIN
    tls = None if plain else {"mode": "ISTIO_MUTUAL"}
    return _gateway(ingress, LOCAL_GATEWAY, LOCAL_PORT, tls)


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


def local_gateway_rule(ingress: Ingress) -> Manifest:
    """Return the DestinationRule by which clients call the local gateway by mTLS.

    A gateway's pods do not say that they speak it, so that sidecars would send plaintext. Service
    Mesh 2 has such a rule for every host. In the Service's own namespace all clients see it.
    """
    host = f"{LOCAL_GATEWAY}.{ingress.namespace}.svc.cluster.local"
    return {
        **header(DESTINATION_RULE),
        "metadata": {"name": LOCAL_GATEWAY, "namespace": ingress.namespace},
        "spec": {"host": host, "trafficPolicy": {"tls": {"mode": "ISTIO_MUTUAL"}}},
    }


class Gateways(pulumi.ComponentResource):
    """Both Knative gateways and the local gateway's Service."""

    def __init__(
        self, name: str, ingress: Ingress, secret: str, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("serverlessmesh:gateways:Gateways", name, None, opts)
        child = child_options(self, opts)
        declare(INGRESS_GATEWAY, ingress_gateway(ingress, secret), child)
        before = []
        if ingress.local_tls is LocalTls.MUTUAL_BY_RULE:
            before.append(declare(f"{LOCAL_GATEWAY}-rule", local_gateway_rule(ingress), child))
        # A gateway that asks for mTLS before clients speak it would refuse them.
        after = pulumi.ResourceOptions.merge(child, pulumi.ResourceOptions(depends_on=before))
        declare(LOCAL_GATEWAY, local_gateway(ingress), after)
        # The gateway's pods are the operator's, and may come after the Service: nothing to await.
        service = annotated(local_gateway_service(ingress), {"pulumi.com/skipAwait": "true"})
        declare(f"{LOCAL_GATEWAY}-service", service, child)
        self.register_outputs({})
