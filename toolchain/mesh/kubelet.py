"""STAND-IN for a node's kubelet: runs the pods through which traffic goes on this machine.

A pod is run as it came out of admission: the proxy that is in it with the arguments and variables
that injection gave it, and in the place of each other container an HTTP server that greets on the
container's ports. What stands for the network of a cluster: a pod's ports are on a loopback address
of its own; IstioCNI's redirection is a `Sidecar` that takes the ports which are not excluded, and
on port 15080 what the pod's application sends to port 80 of others; and, because the API server
refuses loopback addresses as endpoints, Istio learns them by WorkloadEntry.
Pods of Knative's own namespaces are simulated instead (`simulation`).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

from toolchain.mesh import pod as said
from toolchain.mesh.addresses import LoopbackNetwork
from toolchain.mesh.istiod import XDS_PORT
from toolchain.mesh.objects import Manifest, Objects
from toolchain.mesh.programs import SIMULATED
from toolchain.mesh.proxy import ROOT_CERTIFICATE, Identity, Order, Proxy
from toolchain.mesh.workload import Application, split

POD_LABEL: Final = "local-mesh/pod"
"""Tells the pods of one Deployment apart, for what Istio is told about each."""
CALLS: Final = 15080
"""The port of a pod's address that takes what its application sends to port 80 of others."""
_CALLED: Final = 80
_TLS_MODE: Final = "security.istio.io/tlsMode"
_CNI: Final = ("sailoperator.io/v1", "IstioCNI")
_MESH_2: Final = ("maistra.io/v2", "ServiceMeshControlPlane")


@dataclass
class Pod:
    """A pod that runs here."""

    uid: str
    name: str
    namespace: str
    labels: Mapping[str, str]
    address: str
    application: Application
    sidecar: Proxy | None
    """Its proxy, if it was injected."""
    ready: bool = False
    ends: bool = False
    """Whether it was told to end; it answers what it has begun."""

    def stop(self) -> None:
        """Stop its processes at once."""
        if self.sidecar is not None:
            self.sidecar.stop()
        self.application.stop()


class Kubelet:
    """Keeps the running pods in step with the cluster's, at each `reconcile`."""

    def __init__(
        self,
        objects: Objects,
        network: LoopbackNetwork,
        istiods: Callable[[], Mapping[str, str]],
        folder: Path,
    ) -> None:
        """Start with no pod; `istiods` says at which address each istiod answers, by its name."""
        self._pods: dict[str, Pod] = {}
        self._objects = objects
        self._network = network
        self._istiods = istiods
        self._folder = folder

    def pods(self, namespace: str, labels: Mapping[str, str]) -> list[Pod]:
        """Return the pods with these labels that were not told to end, the newest last."""
        return [
            pod
            for pod in self._pods.values()
            if pod.namespace == namespace and labels.items() <= pod.labels.items() and not pod.ends
        ]

    def addresses(self) -> dict[tuple[str, str], Mapping[str, str]]:
        """Return namespace and address of each pod that takes requests, with its labels."""
        return {
            (pod.namespace, pod.address): pod.labels
            for pod in self._pods.values()
            if pod.ready and not pod.ends
        }

    def reconcile(self) -> None:
        """Do what is to be done now; what has to wait for something is done at a later call."""
        live = {
            item["metadata"]["uid"]: item
            for item in self._objects.list("v1", "Pod")
            if item["metadata"]["namespace"] not in SIMULATED and item["spec"].get("nodeName")
        }
        for uid in self._pods.keys() - live.keys():
            self._forget(self._pods.pop(uid))
        for uid, item in live.items():
            if item["metadata"].get("deletionTimestamp"):
                self._end(item)
            elif uid not in self._pods:
                self._admit(item)
            else:
                self._keep(self._pods[uid], item)

    def restart(self, namespace: str) -> None:
        """Delete the pods of a namespace, as a user does so that they are injected into anew."""
        for pod in self._pods.values():
            if pod.namespace == namespace and not pod.ends:
                self._objects.delete(_about(pod, "v1", "Pod"))

    def renew(self, before: datetime) -> None:
        """Delete the pods from before a time that were not injected into: they would never run."""
        for item in self._objects.list("v1", "Pod"):
            made = datetime.fromisoformat(item["metadata"]["creationTimestamp"])
            if made < before and _unpullable(item):
                self._objects.delete(item, at_once=True)

    def stop(self) -> None:
        """Stop every pod."""
        while self._pods:
            self._pods.popitem()[1].stop()

    def pids(self) -> list[int]:
        """Return the ids of all proxies."""
        return [pid for pod in self._pods.values() if pod.sidecar for pid in pod.sidecar.pids()]

    def _admit(self, item: Manifest) -> None:
        """Start a pod for which all is there that it needs."""
        if reason := self._missing(item):
            self._say_waiting(item, reason)
            return
        metadata = item["metadata"]
        labels = metadata.get("labels") or {}
        if labels.get(POD_LABEL) != metadata["name"]:
            self._objects.change(item, {"metadata": {"labels": {POD_LABEL: metadata["name"]}}})
            return
        address = self._network.address(metadata["uid"])
        container = said.proxy(item)
        excluded = said.excluded_ports(item) if container else said.ports(item)
        captured, passing = split(said.ports(item), excluded)
        application = Application()
        for port in passing:
            application.listen(address, port)
        behind = {port: application.listen("127.0.0.1") for port in captured}
        pod = Pod(
            metadata["uid"],
            metadata["name"],
            metadata["namespace"],
            labels,
            address,
            application,
            None if container is None else self._proxy(item, container, address),
        )
        for manifest in _told(pod, item["spec"]["serviceAccountName"], behind):
            self._objects.apply(manifest)
        self._pods[pod.uid] = pod
        self._keep(pod, item)

    def _missing(self, item: Manifest) -> str:
        """Say what a pod waits for, as a kubelet's reason; empty when all is there."""
        namespace = item["metadata"]["namespace"]
        if _unpullable(item):
            return "ErrImagePull"
        container = said.proxy(item)
        if container is None:
            return ""
        if not self._objects.find("v1", "ConfigMap", ROOT_CERTIFICATE, namespace):
            return "FailedMount"
        # The operator of Service Mesh 2 brings its own.
        cni = self._objects.list(*_CNI) or self._objects.list(*_MESH_2)
        if said.redirected(item) and not cni:
            return "PodInitializing"
        if self._order(item, container, "").istiod not in self._istiods():
            return "ContainerCreating"
        return ""

    def _proxy(self, item: Manifest, container: Manifest, address: str) -> Proxy:
        metadata, order = item["metadata"], self._order(item, container, address)
        identity = Identity(
            metadata["name"],
            metadata["namespace"],
            item["spec"]["serviceAccountName"],
            metadata.get("labels") or {},
            metadata.get("annotations") or {},
        )
        return Proxy(
            identity,
            order,
            address=address,
            istiod=f"{self._istiods()[order.istiod]}:{XDS_PORT}",
            folder=self._folder / metadata["namespace"] / metadata["name"],
        )

    def _order(self, item: Manifest, container: Manifest, address: str) -> Order:
        variables = said.environment(item, container, address)
        return Order(
            [said.expanded(argument, variables) for argument in container.get("args") or ()],
            variables,
        )

    def _keep(self, pod: Pod, item: Manifest) -> None:
        """Start its proxy (again, when it ended), and say whether the pod is ready."""
        pod.labels = item["metadata"].get("labels") or {}
        if pod.sidecar is not None and not pod.sidecar.alive():
            pod.sidecar.start(self._objects.api)
        ready = pod.sidecar is None or pod.sidecar.ready()
        if ready != pod.ready or (item.get("status") or {}).get("phase") != "Running":
            pod.ready = ready
            self._objects.set_status(item, _status(item, pod))

    def _end(self, item: Manifest) -> None:
        """Let a deleted pod drain, and be gone when its proxy has ended."""
        pod = self._pods.get(item["metadata"]["uid"])
        if pod is not None and not pod.ends:
            pod.ends = True
            # Only that: without the rest its proxy would take addresses of others.
            self._objects.delete(_told(pod, "", {})[0])
            if pod.sidecar is not None and pod.sidecar.alive():
                pod.sidecar.terminate()
        if pod is None or pod.sidecar is None or not pod.sidecar.alive():
            self._objects.delete(item, at_once=True)

    def _forget(self, pod: Pod) -> None:
        pod.stop()
        for manifest in _told(pod, "", {}):
            self._objects.delete(manifest)

    def _say_waiting(self, item: Manifest, reason: str) -> None:
        waiting = [
            {
                "name": each["name"],
                "image": each["image"],
                "imageID": "",
                "ready": False,
                "restartCount": 0,
                "state": {"waiting": {"reason": reason}},
            }
            for each in item["spec"]["containers"]
        ]
        if (item.get("status") or {}).get("containerStatuses") != waiting:
            self._objects.set_status(
                item, {"phase": "Pending", "containerStatuses": waiting, **_conditions(ready=False)}
            )


def _unpullable(item: Manifest) -> bool:
    return any(each["image"] == said.UNPULLABLE for each in said.containers(item))


def _status(item: Manifest, pod: Pod) -> Manifest:
    # The address that the pod has here may be nobody's endpoint: this one stands for it.
    address = "10." + pod.address.partition(".")[2]
    return {
        "phase": "Running",
        "podIP": address,
        "podIPs": [{"ip": address}],
        "containerStatuses": [
            {
                "name": each["name"],
                "image": each["image"],
                "imageID": "",
                "ready": pod.ready,
                "restartCount": 0,
                "state": {"running": {}},
            }
            for each in item["spec"]["containers"]
        ],
        **_conditions(ready=pod.ready),
    }


def _conditions(*, ready: bool) -> Manifest:
    said_ready = str(ready)
    return {
        "conditions": [
            {"type": "PodScheduled", "status": "True"},
            {"type": "Initialized", "status": said_ready},
            {"type": "ContainersReady", "status": said_ready},
            {"type": "Ready", "status": said_ready},
        ]
    }


def _told(pod: Pod, account: str, captured: Mapping[int, int]) -> list[Manifest]:
    """Return what Istio is told about a pod, first that it is an endpoint.

    `captured` are its ports that its sidecar takes.
    """
    entry = {
        **_about(pod, "networking.istio.io/v1", "WorkloadEntry"),
        "spec": {
            "address": pod.address,
            "serviceAccount": account,
            # Of a pod without the label Istio takes it that no proxy is there, of an entry with an
            # account that one is.
            "labels": {_TLS_MODE: "disabled", **pod.labels, POD_LABEL: pod.name},
        },
    }
    if pod.sidecar is None:
        return [entry]
    here: Manifest = {"address": pod.address}
    if pod.sidecar.gateway:
        return [entry, _moved(pod, {"context": "GATEWAY"}, here)]
    sidecar = {
        **_about(pod, "networking.istio.io/v1", "Sidecar"),
        "spec": {
            "workloadSelector": {"labels": {POD_LABEL: pod.name}},
            "ingress": [
                {
                    "port": {"number": port, "name": f"http-{port}", "protocol": "HTTP"},
                    "bind": pod.address,
                    "captureMode": "NONE",
                    "defaultEndpoint": f"127.0.0.1:{behind}",
                }
                for port, behind in sorted(captured.items())
            ],
            "egress": [
                {
                    "port": {"number": _CALLED, "name": "http-calls", "protocol": "HTTP"},
                    "bind": pod.address,
                    "captureMode": "NONE",
                    "hosts": ["*/*"],
                }
            ],
        },
    }
    calls = {"context": "SIDECAR_OUTBOUND", "listener": {"portNumber": _CALLED}}
    return [entry, sidecar, _moved(pod, calls, {**here, "port_value": CALLS})]


def _moved(pod: Pod, listeners: Manifest, address: Manifest) -> Manifest:
    """Bind a proxy's listeners elsewhere: a pod has all addresses and ports to itself."""
    value = {"address": {"socket_address": address}}
    patch = {
        "applyTo": "LISTENER",
        "match": listeners,
        "patch": {"operation": "MERGE", "value": value},
    }
    return {
        **_about(pod, "networking.istio.io/v1alpha3", "EnvoyFilter"),
        "spec": {
            "workloadSelector": {"labels": {POD_LABEL: pod.name}},
            "configPatches": [patch],
        },
    }


def _about(pod: Pod, api_version: str, kind: str) -> Manifest:
    metadata = {"name": pod.name, "namespace": pod.namespace}
    return {"apiVersion": api_version, "kind": kind, "metadata": metadata}
