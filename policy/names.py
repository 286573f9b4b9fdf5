"""The kinds that rules read, and the names that the documentation fixes."""

from typing import Final

from policy.model import Kind

SERVICE: Final = Kind("", "Service")
SECRET: Final = Kind("", "Secret")
CONFIG_MAP: Final = Kind("", "ConfigMap")
NAMESPACE: Final = Kind("", "Namespace")
DEPLOYMENT: Final = Kind("apps", "Deployment")
ROUTE: Final = Kind("route.openshift.io", "Route")
INGRESS_CONFIG: Final = Kind("config.openshift.io", "Ingress")
DEFINITION: Final = Kind("apiextensions.k8s.io", "CustomResourceDefinition")
OPERATOR_VERSION: Final = Kind("operators.coreos.com", "ClusterServiceVersion")
SUBSCRIPTION: Final = Kind("operators.coreos.com", "Subscription")
CERTIFICATE: Final = Kind("cert-manager.io", "Certificate")

CONTROL_PLANE: Final = Kind("maistra.io", "ServiceMeshControlPlane")
MEMBER_ROLL: Final = Kind("maistra.io", "ServiceMeshMemberRoll")
MEMBER: Final = Kind("maistra.io", "ServiceMeshMember")
ISTIO: Final = Kind("sailoperator.io", "Istio")

GATEWAY: Final = Kind("networking.istio.io", "Gateway")
VIRTUAL_SERVICE: Final = Kind("networking.istio.io", "VirtualService")
SERVICE_ENTRY: Final = Kind("networking.istio.io", "ServiceEntry")
PEER_AUTHENTICATION: Final = Kind("security.istio.io", "PeerAuthentication")

SERVING: Final = Kind("operator.knative.dev", "KnativeServing")
EVENTING: Final = Kind("operator.knative.dev", "KnativeEventing")
KAFKA: Final = Kind("operator.serverless.openshift.io", "KnativeKafka")
KNATIVE_SERVICE: Final = Kind("serving.knative.dev", "Service")
DOMAIN_MAPPING: Final = Kind("serving.knative.dev", "DomainMapping")

MESH_KINDS: Final = frozenset(
    {CONTROL_PLANE, MEMBER_ROLL, MEMBER, ISTIO, NAMESPACE, SERVING, SERVICE, DEPLOYMENT}
)
"""What telling the meshes and their members takes."""

OPERATOR_GROUP: Final = Kind("operators.coreos.com", "OperatorGroup")

ADOPTED: Final = frozenset({NAMESPACE, MEMBER, OPERATOR_GROUP})
"""What the program uses as it is where it is there already, and leaves as it was."""
SERVING_NAMESPACE: Final = "knative-serving"
EVENTING_NAMESPACE: Final = "knative-eventing"
KNATIVE_NAMESPACES: Final = (SERVING_NAMESPACE, EVENTING_NAMESPACE)
DEFAULT_MESH_NAMESPACE: Final = "istio-system"
DEFAULT_ROLL: Final = "default"
INGRESS_GATEWAY: Final = "knative-ingress-gateway"
LOCAL_GATEWAY: Final = "knative-local-gateway"
KNATIVE_GATEWAYS: Final = (INGRESS_GATEWAY, LOCAL_GATEWAY)
INGRESS_SERVICE: Final = "istio-ingressgateway"
GATEWAY_SELECTOR: Final = {"knative": "ingressgateway"}
DEFAULT_INGRESS_LABELS: Final = {"app": INGRESS_SERVICE, "istio": "ingressgateway"}
"""What every ingress gateway carries that an operator makes."""
INGRESS_PORT: Final = 443
LOCAL_PORT: Final = 8081
METRICS_PORT: Final = 8444
DRAIN_PORT: Final = 8022
CERTIFICATE_UID: Final = "networking.internal.knative.dev/certificate-uid"

PREREQUISITES: Final = "Verifying installation prerequisites"
MESH_SECTION: Final = "Installing and configuring Service Mesh"
SERVERLESS_SECTION: Final = "Installing and configuring Serverless"
CERTIFICATE_SECTION: Final = "Creating a certificate to encrypt incoming external traffic"
ASSUMPTIONS: Final = "Integrating Service Mesh with OpenShift Serverless"
VERIFICATION_SECTION: Final = "Verifying the integration"
METRICS_SECTION: Final = (
    "Enabling Knative Serving and Knative Eventing metrics when using Service Mesh with mTLS"
)
NETWORK_POLICIES_SECTION: Final = "Disabling the default network policies"
FILTERING_SECTION: Final = (
    "Improving net-istio memory usage by using secret filtering for Service Mesh"
)
