"""What Knative's ingress controller and OpenShift's make of a Knative Service, pure functions.

The VirtualService follows net-istio's; the Route follows the Serverless operator's; the Deployment
has what of Knative's decides about traffic. A ServiceEntry stands for the revision's Service, whose
endpoints Knative sets by itself.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from toolchain.knative_names import Naming

Manifest = dict[str, Any]

QUEUE_PROXY_PORT: Final = 8012
"""The port of a revision's pod that takes requests."""
PORTS: Final = {"http-queueadm": 8022, "queue-port": QUEUE_PROXY_PORT, "metrics": 8444}
"""The ports of a revision's pod: the pre-stop hook that waits for the drain, requests, metrics."""
PASSTHROUGH: Final = "serving.knative.openshift.io/enablePassthrough"
REVISION: Final = "serving.knative.dev/revision"
_DEFAULTS: Final = {
    "gateway.knative-serving.knative-ingress-gateway": (
        "istio-ingressgateway.istio-system.svc.cluster.local"
    ),
    "local-gateway.knative-serving.knative-local-gateway": (
        "knative-local-gateway.istio-system.svc.cluster.local"
    ),
}


@dataclass(frozen=True)
class Gateway:
    """A Gateway (`namespace/name`) and the Service in front of it (namespace and name)."""

    name: str
    service: tuple[str, str]


@dataclass(frozen=True)
class Gateways:
    """The Gateways that net-istio binds to: for clients outside and inside the cluster."""

    external: Gateway
    local: Gateway

    @classmethod
    def of(cls, config_istio: Mapping[str, str]) -> "Gateways":
        """Read the config map `config-istio`; without entries of a kind, net-istio's default."""
        return cls(_gateway(config_istio, "gateway."), _gateway(config_istio, "local-gateway."))


def _gateway(config: Mapping[str, str], prefix: str) -> Gateway:
    entries = {key: value for key, value in config.items() if key.startswith(prefix)}
    entries = entries or {k: v for k, v in _DEFAULTS.items() if k.startswith(prefix)}
    key, host = sorted(entries.items())[0]
    namespace, _, name = key.removeprefix(prefix).partition(".")
    service, service_namespace = host.split(".")[:2]
    return Gateway(f"{namespace}/{name}", (service_namespace, service))


@dataclass(frozen=True)
class KnativeService:
    """A Knative Service with the names that follow from it."""

    name: str
    namespace: str
    host: str
    """The name under which clients outside the cluster know it."""
    passthrough: bool
    template: Manifest
    """The metadata of its pods."""

    @classmethod
    def of(cls, resource: Manifest, naming: Naming) -> "KnativeService":
        """Read a Knative Service."""
        metadata = resource["metadata"]
        template = resource["spec"]["template"].get("metadata") or {}
        return cls(
            name=metadata["name"],
            namespace=metadata["namespace"],
            host=naming.host(metadata["name"], metadata["namespace"]),
            passthrough=(metadata.get("annotations") or {}).get(PASSTHROUGH) == "true",
            template={part: template.get(part) or {} for part in ("labels", "annotations")},
        )

    @property
    def local_host(self) -> str:
        """The name under which clients inside the cluster know it."""
        return f"{self.name}.{self.namespace}.svc.cluster.local"

    @property
    def revision(self) -> str:
        """Its (only) revision."""
        return f"{self.name}-00001"

    @property
    def labels(self) -> dict[str, str]:
        """The labels of the revision's pod."""
        return {"serving.knative.dev/service": self.name, REVISION: self.revision}

    def _metadata(self, name: str) -> Manifest:
        return {"name": name, "namespace": self.namespace}

    def virtual_service(self, gateways: Gateways) -> Manifest:
        """Give the VirtualService that net-istio makes."""
        inside = [
            f"{self.name}.{self.namespace}{end}" for end in ("", ".svc", ".svc.cluster.local")
        ]
        destination = {
            "host": f"{self.revision}.{self.namespace}.svc.cluster.local",
            "port": {"number": 80},
        }
        return {
            "apiVersion": "networking.istio.io/v1beta1",
            "kind": "VirtualService",
            "metadata": self._metadata(f"{self.name}-ingress"),
            "spec": {
                "gateways": [gateways.external.name, gateways.local.name],
                "hosts": [*inside, self.host],
                "http": [
                    {
                        "match": [
                            {
                                "authority": {"prefix": inside[0]},
                                "gateways": [gateways.local.name],
                            },
                            {
                                "authority": {"prefix": self.host},
                                "gateways": [gateways.external.name],
                            },
                        ],
                        "retries": {},
                        "route": [
                            {
                                "destination": destination,
                                "headers": {
                                    "request": {
                                        "set": {
                                            "Knative-Serving-Namespace": self.namespace,
                                            "Knative-Serving-Revision": self.revision,
                                        }
                                    }
                                },
                                "weight": 100,
                            }
                        ],
                    }
                ],
            },
        }

    def route(self, gateways: Gateways) -> Manifest:
        """Give the Route: through to the gateway's own certificate, or ended at the router."""
        namespace, service = gateways.external.service
        return {
            "apiVersion": "route.openshift.io/v1",
            "kind": "Route",
            "metadata": {"name": f"{self.name}-{self.namespace}", "namespace": namespace},
            "spec": {
                "host": self.host,
                "port": {"targetPort": "https" if self.passthrough else "http2"},
                "tls": {"termination": "passthrough" if self.passthrough else "edge"},
                "to": {"kind": "Service", "name": service},
            },
        }

    def deployment(self) -> Manifest:
        """Give the Deployment of the revision; injection is up to what admits its pods."""
        ports = [{"name": name, "containerPort": port} for name, port in PORTS.items()]
        return {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": self._metadata(f"{self.revision}-deployment"),
            "spec": {
                "replicas": 1,
                "selector": {"matchLabels": self.labels},
                "template": {
                    "metadata": {
                        "labels": {**self.template["labels"], **self.labels},
                        "annotations": self.template["annotations"],
                    },
                    "spec": {
                        # As the API server's plugin for service accounts would set it.
                        "serviceAccountName": "default",
                        "containers": [
                            {"name": "user-container", "image": "local"},
                            {"name": "queue-proxy", "image": "local", "ports": ports},
                        ],
                    },
                },
            },
        }

    def endpoints(self) -> Manifest:
        """Give what stands for the Service of the revision."""
        return {
            "apiVersion": "networking.istio.io/v1",
            "kind": "ServiceEntry",
            "metadata": self._metadata(self.revision),
            "spec": {
                "hosts": [f"{self.revision}.{self.namespace}.svc.cluster.local"],
                "location": "MESH_INTERNAL",
                "resolution": "STATIC",
                "ports": [
                    {
                        "number": 80,
                        "name": "http",
                        "protocol": "HTTP",
                        "targetPort": QUEUE_PROXY_PORT,
                    }
                ],
                "workloadSelector": {"labels": {REVISION: self.revision}},
            },
        }

    def status(self, generation: int, *, ready: bool, reason: str) -> Manifest:
        """Give the status of the Knative Service: `reason` says what a False is due to."""
        said = {"status": "True"} if ready else {"status": "False", "reason": reason}
        return {
            "observedGeneration": generation,
            "url": f"https://{self.host}",
            "address": {"url": f"http://{self.local_host}"},
            "latestCreatedRevisionName": self.revision,
            "latestReadyRevisionName": self.revision,
            "conditions": [
                {"type": kind, **said} for kind in ("ConfigurationsReady", "Ready", "RoutesReady")
            ],
        }
