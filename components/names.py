"""Names that the documentation fixes."""

from typing import Final

SERVING_NAMESPACE: Final = "knative-serving"
EVENTING_NAMESPACE: Final = "knative-eventing"
DEFAULT_MESH_NAMESPACE: Final = "istio-system"
MEMBER_ROLL: Final = "default"
INGRESS_GATEWAY: Final = "knative-ingress-gateway"
LOCAL_GATEWAY: Final = "knative-local-gateway"
INGRESS_SERVICE: Final = "istio-ingressgateway"
"""Service of the ingress gateway, made by the Service Mesh operator."""
GATEWAY_SELECTOR: Final = {"knative": "ingressgateway"}
"""Label of the ingress gateway, put there by the control plane; both Gateways select it."""
INGRESS_PORT: Final = 443
LOCAL_PORT: Final = 8081
OWNED: Final = {"pulumi.com/patchForce": "true"}
"""Annotation of every object that the stack makes: fields that somebody else changed since are
taken back. An object that is there already is never taken: making it is refused."""
CERTIFICATE_UID: Final = "networking.internal.knative.dev/certificate-uid"
"""Label without which net-istio, filtering secrets, does not see a certificate."""
