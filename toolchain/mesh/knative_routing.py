"""What Knative's ingress controller and OpenShift's make of a Knative Service, pure functions.

The VirtualService follows net-istio's; the Route follows the Serverless operator's. The workload
is described to Istio as ServiceEntry and WorkloadEntry, because the API server refuses loopback
addresses as endpoints of a Service.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

Manifest = dict[str, Any]

QUEUE_PROXY_PORT: Final = 8012
"""The port of a revision's pod that takes requests."""
PASSTHROUGH: Final = "serving.knative.openshift.io/enablePassthrough"
INJECT: Final = "sidecar.istio.io/inject"
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
    domain: str
    passthrough: bool
    injected: bool

    @classmethod
    def of(cls, resource: Manifest, domain: str) -> "KnativeService":
        """Read a Knative Service of a cluster whose applications are under `domain`."""
        metadata = resource["metadata"]
        template = resource["spec"]["template"].get("metadata") or {}
        marks = (template.get("annotations") or {}) | (template.get("labels") or {})
        return cls(
            name=metadata["name"],
            namespace=metadata["namespace"],
            domain=domain,
            passthrough=(metadata.get("annotations") or {}).get(PASSTHROUGH) == "true",
            injected=marks.get(INJECT) == "true",
        )

    @property
    def host(self) -> str:
        """The name under which clients outside the cluster know it."""
        return f"{self.name}-{self.namespace}.{self.domain}"

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
        mutual_tls = {"security.istio.io/tlsMode": "istio"} if self.injected else {}
        return {"serving.knative.dev/service": self.name, REVISION: self.revision} | mutual_tls

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

    def workload(self, address: str) -> Iterable[Manifest]:
        """Describe the revision's pod at `address` to Istio."""
        yield {
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
        yield {
            "apiVersion": "networking.istio.io/v1",
            "kind": "WorkloadEntry",
            "metadata": self._metadata(self.revision),
            "spec": {"address": address, "serviceAccount": "default", "labels": self.labels},
        }

    def sidecar(self, address: str, captured: Mapping[int, int]) -> Manifest:
        """Let the sidecar take the pod's ports `captured`, each for a port of the application.

        In a cluster packet filter rules do this for all ports but the excluded ones.
        """
        return {
            "apiVersion": "networking.istio.io/v1",
            "kind": "Sidecar",
            "metadata": self._metadata(self.revision),
            "spec": {
                "workloadSelector": {"labels": {REVISION: self.revision}},
                "ingress": [
                    {
                        "port": {"number": port, "name": f"http-{port}", "protocol": "HTTP"},
                        "bind": address,
                        "captureMode": "NONE",
                        "defaultEndpoint": f"127.0.0.1:{behind}",
                    }
                    for port, behind in sorted(captured.items())
                ],
                # The application calls nobody.
                "egress": [{"hosts": ["~/*"]}],
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
