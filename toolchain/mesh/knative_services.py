"""STAND-IN for what runs a Knative Service: Knative's controllers and its ingress controller.

For each Knative Service it applies what `knative_routing` says, and runs the pod: an application
behind a real sidecar, on a loopback address. Scaling and revisions are left out.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from toolchain.mesh.addresses import LoopbackNetwork
from toolchain.mesh.knative_routing import Gateways, KnativeService
from toolchain.mesh.objects import Manifest, Objects
from toolchain.mesh.proxy import Identity, Proxy
from toolchain.mesh.router import Router, table
from toolchain.mesh.service_mesh_2 import ROOT_CERTIFICATE, Mesh, ServiceMeshOperator
from toolchain.mesh.workload import PORTS, Application, split

SERVICES: Final = ("serving.knative.dev/v1", "Service")
SERVING_NAMESPACE: Final = "knative-serving"


@dataclass
class Pod:
    """One running pod; `mesh` is the one whose sidecar it has, if any."""

    service: KnativeService
    address: str
    application: Application
    mesh: Mesh | None
    sidecar: Proxy | None
    routing: list[Manifest] = field(default_factory=list)
    """What was applied for its requests to find it."""

    def stop(self) -> None:
        """Stop its processes."""
        if self.sidecar is not None:
            self.sidecar.stop()
        self.application.stop()


class KnativeServices:
    """Keeps pods, routing objects and the router in step with the Knative Services."""

    def __init__(
        self,
        objects: Objects,
        network: LoopbackNetwork,
        operator: ServiceMeshOperator,
        folder: Path,
    ) -> None:
        """Start with no pod and a router that leads nowhere."""
        self.pods: dict[tuple[str, str], Pod] = {}
        self.router = Router()
        self._objects = objects
        self._network = network
        self._operator = operator
        self._folder = folder

    def reconcile(self) -> None:
        """Do what is to be done now; what has to wait for something is done at a later call."""
        config = self._objects.find("v1", "ConfigMap", "config-istio", SERVING_NAMESPACE)
        if config is not None:
            self._serve(Gateways.of(config.get("data") or {}))
        pods = {
            (mesh.plan.namespace, mesh.gateway.address): mesh.plan.gateway_labels
            for mesh in self._operator.meshes.values()
            if mesh.gateway.alive()
        }
        self.router.routes = table(
            self._objects.list("route.openshift.io/v1", "Route"),
            self._objects.list("v1", "Service"),
            pods,
        )

    def stop(self) -> None:
        """Stop every pod and the router."""
        while self.pods:
            self.pods.popitem()[1].stop()
        self.router.stop()

    def _serve(self, gateways: Gateways) -> None:
        domain = self._domain()
        resources = {
            (item["metadata"]["namespace"], item["metadata"]["name"]): item
            for item in self._objects.list(*SERVICES)
            if not item["metadata"].get("deletionTimestamp")
        }
        for key in self.pods.keys() - resources.keys():
            pod = self.pods.pop(key)
            pod.stop()
            for manifest in (
                *pod.routing,
                *pod.service.workload(pod.address),
                pod.service.sidecar(pod.address, {}),
            ):
                self._objects.delete(manifest)
        for key, resource in resources.items():
            service = KnativeService.of(resource, domain)
            mesh = self._operator.mesh_of(service.namespace) if service.injected else None
            running = self.pods.get(key)
            if running is not None and (running.service != service or running.mesh is not mesh):
                self.pods.pop(key).stop()
            pod = self.pods[key] = self.pods.get(key) or self._run(service, mesh)
            for manifest in (service.virtual_service(gateways), service.route(gateways)):
                if manifest not in pod.routing:
                    self._objects.apply(manifest)
                    pod.routing.append(manifest)
            self._start_sidecar(pod)
            status = service.status(
                resource["metadata"]["generation"],
                ready=mesh is not None or not service.injected,
                reason="NotAMeshMember",
            )
            if resource.get("status", {}).get("conditions") != status["conditions"]:
                self._objects.set_status(resource, status)

    def _run(self, service: KnativeService, mesh: Mesh | None) -> Pod:
        address = self._network.address(f"{service.namespace}/{service.revision}")
        application = Application()
        captured, passing = split(PORTS, mesh.plan.excluded_ports if mesh else PORTS)
        for port in passing:
            application.listen(address, port)
        behind: Mapping[int, int] = {port: application.listen("127.0.0.1") for port in captured}
        for manifest in service.workload(address):
            self._objects.apply(manifest)
        if mesh is None:
            return Pod(service, address, application, None, None)
        self._objects.apply(service.sidecar(address, behind))
        identity = Identity(
            f"{service.revision}-deployment-0", service.namespace, "default", service.labels
        )
        folder = self._folder / service.namespace / service.revision
        return Pod(service, address, application, mesh, mesh.sidecar(identity, address, folder))

    def _start_sidecar(self, pod: Pod) -> None:
        if (
            pod.sidecar is not None
            and not pod.sidecar.alive()
            and self._objects.find("v1", "ConfigMap", ROOT_CERTIFICATE, pod.service.namespace)
            and self._objects.find("v1", "ServiceAccount", "default", pod.service.namespace)
        ):
            pod.sidecar.start(self._objects.api)

    def _domain(self) -> str:
        """Return the domain of the cluster's applications, which the Serverless operator takes."""
        (ingress,) = self._objects.list("config.openshift.io/v1", "Ingress")
        return str(ingress["spec"]["domain"])
