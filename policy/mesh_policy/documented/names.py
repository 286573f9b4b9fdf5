"""The names, labels, annotations, ports and workloads that the documentation fixes."""

from collections.abc import Mapping
from typing import Final

SERVING_NAMESPACE: Final = "knative-serving"
EVENTING_NAMESPACE: Final = "knative-eventing"
SERVING_INGRESS_NAMESPACE: Final = "knative-serving-ingress"
"""Where the ingress gateway is with Service Mesh 3."""
KNATIVE_NAMESPACES: Final = (SERVING_NAMESPACE, EVENTING_NAMESPACE)
DEFAULT_MESH_NAMESPACE: Final = "istio-system"
PLATFORM_INGRESS_NAMESPACE: Final = "openshift-ingress"
PLATFORM_ISTIO: Final = "openshift-gateway"
"""The Istio that OpenShift's own ingress operator makes for the Gateway API."""
SERVERLESS_NAMESPACE: Final = "openshift-serverless"
"""Where the Serverless operator is subscribed to."""
OPERATORS_NAMESPACE: Final = "openshift-operators"
"""Where the Service Mesh operator is; it has a group of all namespaces on every OpenShift."""

SERVING_NAME: Final = "knative-serving"
EVENTING_NAME: Final = "knative-eventing"
KAFKA_NAME: Final = "knative-kafka"
DEFAULT_ROLL: Final = "default"
"""The only name that Service Mesh takes for a member roll, and for a membership."""
SERVERLESS_PACKAGE: Final = "serverless-operator"
SERVERLESS_GROUP: Final = "serverless-operators"
"""The OperatorGroup by which the Serverless operator watches all namespaces."""

OPENSHIFT_OWNED: Final = "ingress.operator.openshift.io/owned"
"""Annotation of the subscription that OpenShift's ingress operator keeps for the Gateway API."""
OPENSHIFT_GATEWAYS: Final = "openshift.io/gateway-controller"
"""How the controller of a GatewayClass is named for which OpenShift installs Service Mesh 3."""

INGRESS_GATEWAY: Final = "knative-ingress-gateway"
LOCAL_GATEWAY: Final = "knative-local-gateway"
KNATIVE_GATEWAYS: Final = (INGRESS_GATEWAY, LOCAL_GATEWAY)
INGRESS_SERVICE: Final = "istio-ingressgateway"
"""Service of the ingress gateway that a control plane of Service Mesh 2 has made."""
DEPLOYED_INGRESS: Final = "knative-istio-ingressgateway"
"""Deployment and Service of the ingress gateway with Service Mesh 3, which makes none itself."""
GATEWAY_SELECTOR: Final[Mapping[str, str]] = {"knative": "ingressgateway"}
"""Label of the ingress gateway; both Gateways select it."""
ISTIO_SELECTOR: Final[Mapping[str, str]] = {"istio": "ingressgateway"}
"""Label of the ingress gateway that the local gateway's Service selects."""
DEFAULT_INGRESS_LABELS: Final[Mapping[str, str]] = {"app": INGRESS_SERVICE, **ISTIO_SELECTOR}
"""What every ingress gateway carries that an operator makes."""
INGRESS_LABELS: Final[Mapping[str, str]] = {**DEFAULT_INGRESS_LABELS, **GATEWAY_SELECTOR}
"""What the ingress gateway carries as it is documented for Service Mesh 2."""
DEFAULT_INGRESS_PORTS: Final[Mapping[int, int]] = {80: 8080, 443: 8443}
"""The ports of the Service of an ingress gateway that an operator makes, and the pods' ports."""
NO_PORT_TRANSLATION: Final = "experimental.istio.io/disable-gateway-port-translation"
SCOPED_GATEWAYS: Final = "PILOT_SCOPE_GATEWAY_TO_NAMESPACE"
"""Variable of istiod by which gateways take only the Gateways of their own namespace."""

INGRESS_PORT: Final = 443
LOCAL_PORT: Final = 8081
METRICS_PORT: Final = 8444
DRAIN_PORT: Final = 8022
AUTOSCALING_PORT: Final = 9090
"""By which the autoscaler asks the pods of a Knative Service for their load."""
EXCLUDED_PORTS: Final[Mapping[int, str]] = {
    METRICS_PORT: "metrics",
    DRAIN_PORT: "Serving's wait-for-drain hook",
}
"""The ports that are called from outside the mesh, which can't use mTLS, each with its use."""

REVISION_PORTS: Final = (8012, 8013, 8112)
"""Where the activator and the pods of Knative Services take requests: HTTP, HTTP/2 and TLS."""
APPLICATION_PORT: Final = 8080
"""Where applications, the autoscaler and Eventing's receivers listen."""
TRAFFIC_PORTS: Final[Mapping[int, str]] = {
    **dict.fromkeys(REVISION_PORTS, "requests to Knative Services"),
    APPLICATION_PORT: "events, and requests to applications",
}
"""Ports that sidecars have to intercept, each with what comes in there."""

DRAIN_OF_SERVING: Final = 30.0
"""Seconds that a Knative Service takes to end gracefully; the proxy's drain must outlast them."""
IDLE_TIMEOUT: Final = 300
"""Seconds after which proxies end a silent request; Knative by itself allows requests as long."""
ROUTE_TIMEOUT: Final = 600
"""Seconds after which the Route of a Knative Service ends a request, unless told otherwise."""
DRAIN_DURATION: Final = "35s"
"""The drain of proxies that the documentation sets."""

INJECT: Final = "sidecar.istio.io/inject"
INJECTION: Final = "istio-injection"
"""Label of a namespace whose pods the default revision injects, or nobody does."""
ENABLED: Final = "enabled"
"""The value of that label that asks for it."""
REVISION: Final = "istio.io/rev"
"""Label of a namespace or a pod: the revision, or the tag, that injects."""
DEFAULT_REVISION: Final = "default"
"""The revision, or tag, that is meant where none is named."""
GATEWAY_TEMPLATE: Final = "inject.istio.io/templates"
"""Annotation of a pod that the injector makes a gateway."""
DATAPLANE_MODE: Final = "istio.io/dataplane-mode"
"""Label of a namespace or a pod: `ambient` has a node's proxy take its traffic."""
AMBIENT: Final = "ambient"
ISTIO_CNI_NAME: Final = "default"
"""The only name that an IstioCNI may have; a cluster has one."""
DOMAIN_TEMPLATE: Final = "{{.Name}}-{{.Namespace}}.{{.Domain}}"
"""How Knative Services are named where nobody says otherwise: the Serverless operator sets it."""
PART_OF: Final = "knative.openshift.io/part-of"
"""Label by which the Serverless operator marks Knative's own namespaces."""
SERVERLESS: Final = "openshift-serverless"
"""Its value."""
VISIBILITY: Final = "networking.knative.dev/visibility"
"""Label of a Knative Service: whether it is reached from outside."""
CLUSTER_LOCAL: Final = "cluster-local"
"""The value of that label by which it is not."""
REWRITE_PROBES: Final = "sidecar.istio.io/rewriteAppHTTPProbers"
"""Lets probes, which come from outside the mesh, pass through the proxy."""
PASSTHROUGH: Final = "serving.knative.openshift.io/enablePassthrough"
"""Lets the route pass TLS through, so that the gateway serves the wildcard certificate itself."""
NO_NETWORK_POLICIES: Final = "serverless.openshift.io/disable-istio-net-policies-generation"
CERTIFICATE_UID: Final = "networking.internal.knative.dev/certificate-uid"
"""Label without which net-istio, filtering secrets, does not see a certificate."""
SECRET_FILTER: Final = "ENABLE_SECRET_INFORMER_FILTERING_BY_CERT_UID"  # noqa: S105
"""Variable of net-istio's controller by which it filters secrets."""
NET_ISTIO: Final = "net-istio-controller"
MEMBER_OF: Final = "maistra.io/member-of"
"""Label that the Service Mesh operator gives a member's namespace: the namespace of its mesh."""
METRICS_BACKEND: Final = "metrics.backend-destination"
"""Switches metrics on until Serverless 1.37; later versions do not read it."""
METRICS_PROTOCOL: Final = "metrics-protocol"
"""Switches them on from Serverless 1.38; earlier versions do not read it."""
REQUEST_METRICS_PROTOCOL: Final = "request-metrics-protocol"
"""The same for the metrics of requests, which the proxies of Knative Services count."""

SERVING_WORKLOADS: Final = ("activator", "autoscaler")
"""Serving's data plane."""
JOB_SINK: Final = "job-sink"
EVENTING_WORKLOADS: Final = (
    "pingsource-mt-adapter",
    "imc-dispatcher",
    "mt-broker-ingress",
    "mt-broker-filter",
    JOB_SINK,
)
JOB_SINK_SINCE: Final = (1, 35)
"""The version of Serverless that first has it; an older one passes over the entry."""
API_SERVER_CALLS: Final[Mapping[str, tuple[str, ...]]] = {
    "KnativeServing": ("webhook", "net-istio-webhook", "domainmapping-webhook"),
    "KnativeEventing": ("eventing-webhook", "imc-controller"),
    "KnativeKafka": ("kafka-webhook-eventing",),
}
"""The workloads of each kind of resource that the API server calls; it is in no mesh."""
WEBHOOK_PORT: Final = 8443
"""The port on which it calls them."""
KAFKA_CONTROLLER: Final = "kafka-controller"
KAFKA_WORKLOADS: Final[Mapping[str, tuple[str, ...]]] = {
    "broker": ("kafka-broker-receiver", "kafka-broker-dispatcher"),
    "channel": ("kafka-channel-receiver", "kafka-channel-dispatcher"),
    "source": ("kafka-source-dispatcher",),
    "sink": ("kafka-sink-receiver",),
}
"""The workloads of each feature of KnativeKafka, besides its controller."""
SERVICES: Final[Mapping[str, Mapping[str, tuple[int, ...]]]] = {
    SERVING_NAMESPACE: {"activator-service": (80, 81), "autoscaler": (8080,)},
    EVENTING_NAMESPACE: dict.fromkeys(
        (
            *("broker-ingress", "broker-filter", "imc-dispatcher", "job-sink"),
            *("kafka-broker-ingress", "kafka-channel-ingress", "kafka-sink-ingress"),
        ),
        (80,),
    ),
}
"""The Services of workloads with sidecars, by namespace, each with the ports of its traffic."""
SERVICE_PORTS: Final = (80,)
"""The ports of the Services of a Knative Service, and of the local gateway's, that are called."""
KAFKA_PORT: Final = 9092
"""The port of a bootstrap server that is given without one."""
KAFKA_PORTS: Final[Mapping[int, str]] = {
    9092: "tcp-plain",
    9093: "tcp-tls",
    9094: "tcp-sasl-tls",
    9095: "tcp-sasl-tls-9095",
    9096: "tcp-tls-9096",
}
"""The documented ports, which are open to a server that is given without one, and their names."""


def kafka_port_name(port: int) -> str:
    """Return the name of a broker's port in the ServiceEntry."""
    return KAFKA_PORTS.get(port, f"tcp-{port}")
