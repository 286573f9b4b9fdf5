"""The kinds of objects that rules read and the program declares."""

from typing import Final, NamedTuple


class Kind(NamedTuple):
    """A kind of objects; its versions are the same kind."""

    group: str
    """Empty for the core group."""
    name: str

    def __str__(self) -> str:
        return f"{self.name}.{self.group}" if self.group else self.name


SERVICE: Final = Kind("", "Service")
SECRET: Final = Kind("", "Secret")
CONFIG_MAP: Final = Kind("", "ConfigMap")
NAMESPACE: Final = Kind("", "Namespace")
DEPLOYMENT: Final = Kind("apps", "Deployment")
SERVICE_ACCOUNT: Final = Kind("", "ServiceAccount")
DISRUPTION_BUDGET: Final = Kind("policy", "PodDisruptionBudget")
ROLE: Final = Kind("rbac.authorization.k8s.io", "Role")
ROLE_BINDING: Final = Kind("rbac.authorization.k8s.io", "RoleBinding")
CLUSTER_ROLE: Final = Kind("rbac.authorization.k8s.io", "ClusterRole")
CLUSTER_ROLE_BINDING: Final = Kind("rbac.authorization.k8s.io", "ClusterRoleBinding")
NETWORK_POLICY: Final = Kind("networking.k8s.io", "NetworkPolicy")
GATEWAY_CLASS: Final = Kind("gateway.networking.k8s.io", "GatewayClass")
"""Of the Gateway API."""
ROUTE: Final = Kind("route.openshift.io", "Route")
INGRESS_CONFIG: Final = Kind("config.openshift.io", "Ingress")
CLUSTER_VERSION: Final = Kind("config.openshift.io", "ClusterVersion")
DEFINITION: Final = Kind("apiextensions.k8s.io", "CustomResourceDefinition")
OPERATOR_VERSION: Final = Kind("operators.coreos.com", "ClusterServiceVersion")
OPERATOR_GROUP: Final = Kind("operators.coreos.com", "OperatorGroup")
SUBSCRIPTION: Final = Kind("operators.coreos.com", "Subscription")
CERTIFICATE: Final = Kind("cert-manager.io", "Certificate")
CLUSTER_ISSUER: Final = Kind("cert-manager.io", "ClusterIssuer")
KAFKA_CLUSTER: Final = Kind("kafka.strimzi.io", "Kafka")
"""Of Strimzi, and of Streams for Apache Kafka."""

CONTROL_PLANE: Final = Kind("maistra.io", "ServiceMeshControlPlane")
MEMBER_ROLL: Final = Kind("maistra.io", "ServiceMeshMemberRoll")
MEMBER: Final = Kind("maistra.io", "ServiceMeshMember")
ISTIO: Final = Kind("sailoperator.io", "Istio")
ISTIO_REVISION: Final = Kind("sailoperator.io", "IstioRevision")
ISTIO_REVISION_TAG: Final = Kind("sailoperator.io", "IstioRevisionTag")
ISTIO_CNI: Final = Kind("sailoperator.io", "IstioCNI")
ZTUNNEL: Final = Kind("sailoperator.io", "ZTunnel")

GATEWAY: Final = Kind("networking.istio.io", "Gateway")
API_GATEWAY: Final = Kind("gateway.networking.k8s.io", "Gateway")
VIRTUAL_SERVICE: Final = Kind("networking.istio.io", "VirtualService")
SERVICE_ENTRY: Final = Kind("networking.istio.io", "ServiceEntry")
DESTINATION_RULE: Final = Kind("networking.istio.io", "DestinationRule")
ENVOY_FILTER: Final = Kind("networking.istio.io", "EnvoyFilter")
PEER_AUTHENTICATION: Final = Kind("security.istio.io", "PeerAuthentication")
AUTHORIZATION_POLICY: Final = Kind("security.istio.io", "AuthorizationPolicy")
"""Read by no rule; a picture says who may call whom."""

SERVING: Final = Kind("operator.knative.dev", "KnativeServing")
EVENTING: Final = Kind("operator.knative.dev", "KnativeEventing")
KAFKA: Final = Kind("operator.serverless.openshift.io", "KnativeKafka")
KNATIVE_SERVICE: Final = Kind("serving.knative.dev", "Service")
DOMAIN_MAPPING: Final = Kind("serving.knative.dev", "DomainMapping")
BROKER: Final = Kind("eventing.knative.dev", "Broker")
KAFKA_SINK: Final = Kind("eventing.knative.dev", "KafkaSink")
KAFKA_SOURCE: Final = Kind("sources.knative.dev", "KafkaSource")
DOMAIN_CLAIM: Final = Kind("networking.internal.knative.dev", "ClusterDomainClaim")

CLUSTER_SCOPED: Final = frozenset(
    {
        NAMESPACE,
        INGRESS_CONFIG,
        CLUSTER_VERSION,
        CLUSTER_ISSUER,
        DEFINITION,
        DOMAIN_CLAIM,
        GATEWAY_CLASS,
        ISTIO,
        ISTIO_REVISION,
        ISTIO_REVISION_TAG,
        ISTIO_CNI,
        ZTUNNEL,
        CLUSTER_ROLE,
        CLUSTER_ROLE_BINDING,
    }
)
"""The kinds without a namespace."""
MESH_KINDS: Final = frozenset(
    {
        CONTROL_PLANE,
        MEMBER_ROLL,
        MEMBER,
        ISTIO,
        ISTIO_REVISION,
        ISTIO_REVISION_TAG,
        NAMESPACE,
        SERVING,
        EVENTING,
        KAFKA,
        KNATIVE_SERVICE,
        SERVICE,
        DEPLOYMENT,
    }
)
"""What it takes to find the meshes and their members."""
ADOPTED: Final = frozenset({NAMESPACE, MEMBER, OPERATOR_GROUP})
"""What the program uses as it is where it is there already, and leaves as it was."""

_VERSIONS: Final = {
    SERVICE: "v1",
    SECRET: "v1",
    NAMESPACE: "v1",
    DEPLOYMENT: "v1",
    SERVICE_ACCOUNT: "v1",
    ROLE: "v1",
    ROLE_BINDING: "v1",
    DISRUPTION_BUDGET: "v1",
    OPERATOR_GROUP: "v1",
    SUBSCRIPTION: "v1alpha1",
    CERTIFICATE: "v1",
    CONTROL_PLANE: "v2",
    MEMBER_ROLL: "v1",
    MEMBER: "v1",
    ISTIO: "v1",
    ISTIO_CNI: "v1",
    ISTIO_REVISION_TAG: "v1",
    DESTINATION_RULE: "v1alpha3",
    ENVOY_FILTER: "v1alpha3",
    PEER_AUTHENTICATION: "v1beta1",
    GATEWAY: "v1alpha3",
    SERVICE_ENTRY: "v1alpha3",
    SERVING: "v1beta1",
    EVENTING: "v1beta1",
    KAFKA: "v1alpha1",
    KNATIVE_SERVICE: "v1",
    DOMAIN_MAPPING: "v1beta1",
    DOMAIN_CLAIM: "v1alpha1",
    INGRESS_CONFIG: "v1",
    DEFINITION: "v1",
}


def api_version(kind: Kind) -> str:
    """Return the version in which the program reads and writes a kind, as `maistra.io/v2`.

    Raises:
        KeyError: it does neither.
    """
    version = _VERSIONS[kind]
    return f"{kind.group}/{version}" if kind.group else version


def header(kind: Kind) -> dict[str, str]:
    """Return how the manifest of a kind begins."""
    return {"apiVersion": api_version(kind), "kind": kind.name}
