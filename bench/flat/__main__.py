"""What the bench measures the program against: the same objects, one after the other, unchecked."""

import base64
from typing import Any

import pulumi
import pulumi_tls as tls
from pulumi_kubernetes.apiextensions import CustomResource
from pulumi_kubernetes.core.v1 import Namespace, Secret, Service
from pulumi_random import RandomUuid

DOMAIN = "apps.openshift.example.com"
MESH, SERVING, EVENTING = "istio-system", "knative-serving", "knative-eventing"
SIDECAR = {"sidecar.istio.io/inject": "true", "sidecar.istio.io/rewriteAppHTTPProbers": "true"}
READY = {"pulumi.com/waitFor": "condition=Ready"}


def encoded(pem: pulumi.Output[str]) -> pulumi.Output[str]:
    """Encode a certificate or key for a Secret."""
    return pem.apply(lambda text: base64.b64encode(text.encode()).decode())


def workloads(*names: str) -> list[dict[str, Any]]:
    """Return workloads with a sidecar each."""
    return [{"name": name, "annotations": SIDECAR} for name in names]


def gateway(name: str, port: int, tls_settings: dict[str, Any]) -> CustomResource:
    """Declare one of Knative's Gateways."""
    server = {"number": port, "name": "https", "protocol": "HTTPS"}
    return CustomResource(
        name,
        api_version="networking.istio.io/v1alpha3",
        kind="Gateway",
        metadata={"name": name, "namespace": SERVING},
        spec={
            "selector": {"knative": "ingressgateway"},
            "servers": [{"port": server, "hosts": ["*"], "tls": tls_settings}],
        },
        opts=pulumi.ResourceOptions(depends_on=[roll]),
    )


namespaces = [Namespace(name, metadata={"name": name}) for name in (MESH, SERVING, EVENTING)]
ca_key = tls.PrivateKey("ca-key", algorithm="RSA", rsa_bits=2048)
ca = tls.SelfSignedCert(
    "ca",
    private_key_pem=ca_key.private_key_pem,
    subject={"organization": "Example Inc.", "common_name": "example.com"},
    validity_period_hours=8760,
    early_renewal_hours=720,
    is_ca_certificate=True,
    allowed_uses=["cert_signing", "crl_signing", "digital_signature"],
)
key = tls.PrivateKey("key", algorithm="RSA", rsa_bits=2048)
request = tls.CertRequest(
    "request",
    private_key_pem=key.private_key_pem,
    subject={"organization": "Example Inc.", "common_name": f"*.{DOMAIN}"},
    dns_names=[f"*.{DOMAIN}"],
)
certificate = tls.LocallySignedCert(
    "certificate",
    cert_request_pem=request.cert_request_pem,
    ca_private_key_pem=ca_key.private_key_pem,
    ca_cert_pem=ca.cert_pem,
    validity_period_hours=8760,
    early_renewal_hours=720,
    allowed_uses=["digital_signature", "key_encipherment", "server_auth"],
)
secret = Secret(
    "wildcard-certs",
    metadata={
        "name": "wildcard-certs",
        "namespace": MESH,
        "labels": {"networking.internal.knative.dev/certificate-uid": RandomUuid("uid").result},
    },
    type="kubernetes.io/tls",
    data={"tls.crt": encoded(certificate.cert_pem), "tls.key": encoded(key.private_key_pem)},
    opts=pulumi.ResourceOptions(depends_on=namespaces),
)
inbound = {"trafficControl": {"inbound": {"excludedPorts": [8444, 8022]}}}
gateway_labels = {"metadata": {"labels": {"knative": "ingressgateway"}}}
plane = CustomResource(
    "basic",
    api_version="maistra.io/v2",
    kind="ServiceMeshControlPlane",
    metadata={"name": "basic", "namespace": MESH, "annotations": READY},
    spec={
        "profiles": ["default"],
        "security": {"dataPlane": {"mtls": True}},
        "techPreview": {"meshConfig": {"defaultConfig": {"terminationDrainDuration": "35s"}}},
        "gateways": {"ingress": {"service": gateway_labels}},
        "proxy": {"networking": inbound},
    },
    opts=pulumi.ResourceOptions(depends_on=[secret]),
)
roll = CustomResource(
    "default",
    api_version="maistra.io/v1",
    kind="ServiceMeshMemberRoll",
    metadata={"name": "default", "namespace": MESH, "annotations": READY},
    spec={"members": [SERVING, EVENTING, "default"]},
    opts=pulumi.ResourceOptions(depends_on=[plane]),
)
gateways = [
    gateway("knative-ingress-gateway", 443, {"mode": "SIMPLE", "credentialName": "wildcard-certs"}),
    gateway("knative-local-gateway", 8081, {"mode": "ISTIO_MUTUAL"}),
    Service(
        "knative-local-gateway-service",
        metadata={
            "name": "knative-local-gateway",
            "namespace": MESH,
            "labels": {"experimental.istio.io/disable-gateway-port-translation": "true"},
            "annotations": {"pulumi.com/skipAwait": "true"},
        },
        spec={
            "type": "ClusterIP",
            "selector": {"istio": "ingressgateway"},
            "ports": [{"name": "http2", "port": 80, "target_port": 8081}],
        },
        opts=pulumi.ResourceOptions(depends_on=[roll]),
    ),
]
serving = CustomResource(
    "knative-serving",
    api_version="operator.knative.dev/v1beta1",
    kind="KnativeServing",
    metadata={"name": "knative-serving", "namespace": SERVING, "annotations": READY},
    spec={
        "ingress": {"istio": {"enabled": True}},
        "deployments": workloads("activator", "autoscaler"),
    },
    opts=pulumi.ResourceOptions(depends_on=gateways),
)
eventing = CustomResource(
    "knative-eventing",
    api_version="operator.knative.dev/v1beta1",
    kind="KnativeEventing",
    metadata={"name": "knative-eventing", "namespace": EVENTING, "annotations": READY},
    spec={
        "config": {"features": {"istio": "enabled"}},
        "workloads": workloads(
            "pingsource-mt-adapter", "imc-dispatcher", "mt-broker-ingress", "mt-broker-filter"
        ),
    },
    opts=pulumi.ResourceOptions(depends_on=[serving]),
)
CustomResource(
    "hello",
    api_version="serving.knative.dev/v1",
    kind="Service",
    metadata={
        "name": "hello",
        "namespace": "default",
        "annotations": {"serving.knative.openshift.io/enablePassthrough": "true", **READY},
    },
    spec={
        "template": {
            "metadata": {"annotations": SIDECAR},
            "spec": {"containers": [{"image": "openshift/hello-openshift"}]},
        }
    },
    opts=pulumi.ResourceOptions(depends_on=[eventing]),
)
pulumi.export("caCertificatePem", ca.cert_pem)
