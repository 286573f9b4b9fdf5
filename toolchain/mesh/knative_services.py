"""STAND-IN for what runs a Knative Service: Knative's controllers and its ingress controller.

For each Knative Service it applies what `knative_routing` says; the pod is the Deployment's, run by
`kubelet`. Scaling and revisions are left out.
"""

from dataclasses import dataclass, field
from typing import Final

from toolchain.knative_names import Naming
from toolchain.mesh.knative_routing import Gateways, KnativeService
from toolchain.mesh.kubelet import Kubelet
from toolchain.mesh.objects import Manifest, Objects
from toolchain.mesh.router import Router, table

SERVICES: Final = ("serving.knative.dev/v1", "Service")
SERVING_NAMESPACE: Final = "knative-serving"


@dataclass
class Served:
    """A Knative Service, and what was applied for it."""

    service: KnativeService
    applied: list[Manifest] = field(default_factory=list)


_SAID: Final = ("url", "conditions")
"""What of a Knative Service's status others go by."""


class KnativeServices:
    """Keeps Deployments, routing objects and the router in step with the Knative Services."""

    def __init__(self, objects: Objects, kubelet: Kubelet) -> None:
        """Start with a router that leads nowhere."""
        self.router = Router()
        self._served: dict[tuple[str, str], Served] = {}
        self._objects = objects
        self._kubelet = kubelet

    def reconcile(self) -> None:
        """Do what is to be done now; what has to wait for something is done at a later call."""
        config = self._objects.find("v1", "ConfigMap", "config-istio", SERVING_NAMESPACE)
        if config is not None:
            self._serve(Gateways.of(config.get("data") or {}))
        self.router.routes = table(
            self._objects.list("route.openshift.io/v1", "Route"),
            self._objects.list("v1", "Service"),
            self._kubelet.addresses(),
        )

    def stop(self) -> None:
        """Stop the router."""
        self.router.stop()

    def _serve(self, gateways: Gateways) -> None:
        naming = self._naming()
        resources = {
            (item["metadata"]["namespace"], item["metadata"]["name"]): item
            for item in self._objects.list(*SERVICES)
            if not item["metadata"].get("deletionTimestamp")
        }
        for key in self._served.keys() - resources.keys():
            for manifest in self._served.pop(key).applied:
                self._objects.delete(manifest)
        for key, resource in resources.items():
            service = KnativeService.of(resource, naming)
            served = self._served.setdefault(key, Served(service))
            wanted = [
                service.endpoints(),
                service.deployment(),
                service.virtual_service(gateways),
                service.route(gateways),
            ]
            for manifest in wanted:
                if manifest not in served.applied:
                    self._objects.apply(manifest)
            served.applied = wanted
            pods = self._kubelet.pods(service.namespace, service.labels)
            status = service.status(
                resource["metadata"]["generation"],
                ready=any(pod.ready for pod in pods),
                reason="Deploying",
            )
            said = resource.get("status", {})
            if [said.get(key) for key in _SAID] != [status[key] for key in _SAID]:
                self._objects.set_status(resource, status)

    def _naming(self) -> Naming:
        """Read the names of Knative Services; the Serverless operator sets what nobody does."""
        (ingress,) = self._objects.list("config.openshift.io/v1", "Ingress")
        domains, network = (self._config(name) for name in ("config-domain", "config-network"))
        return Naming.of(domains, network, str(ingress["spec"]["domain"]))

    def _config(self, name: str) -> dict[str, str]:
        found = self._objects.find("v1", "ConfigMap", name, SERVING_NAMESPACE) or {}
        return {key: text for key, text in (found.get("data") or {}).items() if key != "_example"}
