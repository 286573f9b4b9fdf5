"""STAND-IN for the Service Mesh operator: runs the mesh that each ServiceMeshControlPlane asks for.

What each field comes to is in `control_plane`; here the processes are started that the operator
would deploy, and the namespaces of the member roll are marked.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from toolchain.mesh.addresses import LoopbackNetwork
from toolchain.mesh.istiod import Istiod
from toolchain.mesh.objects import Manifest, Objects
from toolchain.mesh.plan import GATEWAY, MEMBER_OF, ControlPlane, members
from toolchain.mesh.proxy import Identity, Proxy

CONTROL_PLANES: Final = ("maistra.io/v2", "ServiceMeshControlPlane")
MEMBER_ROLLS: Final = ("maistra.io/v1", "ServiceMeshMemberRoll")
MEMBERS: Final = ("maistra.io/v1", "ServiceMeshMember")
ROOT_CERTIFICATE: Final = "istio-ca-root-cert"
"""The config map through which istiod hands its root certificate to each member."""


@dataclass
class Mesh:
    """One running mesh."""

    plan: ControlPlane
    istiod: Istiod
    gateway: Proxy

    def sidecar(self, identity: Identity, address: str, folder: Path) -> Proxy:
        """Describe a sidecar in this mesh."""
        return Proxy(
            "sidecar",
            identity,
            address=address,
            istiod=self.istiod.xds,
            istiod_name=self.istiod.name,
            proxy_config=self.plan.proxy_config,
            folder=folder,
        )

    def stop(self) -> None:
        """Stop its processes."""
        self.gateway.stop()
        self.istiod.stop()


class ServiceMeshOperator:
    """Keeps the running meshes in step with the custom resources, at each `reconcile`."""

    def __init__(
        self, objects: Objects, network: LoopbackNetwork, kubeconfig: Path, folder: Path
    ) -> None:
        """Start with no mesh."""
        self.meshes: dict[str, Mesh] = {}
        self._objects = objects
        self._network = network
        self._kubeconfig = kubeconfig
        self._folder = folder

    def reconcile(self) -> None:
        """Do what is to be done now; what has to wait for something is done at a later call."""
        plans = {
            plan.namespace: plan
            for resource in self._objects.list(*CONTROL_PLANES)
            if not resource["metadata"].get("deletionTimestamp")
            for plan in (ControlPlane.of(resource),)
        }
        for namespace in self.meshes.keys() - plans.keys():
            self.meshes.pop(namespace).stop()
        for namespace, plan in plans.items():
            running = self.meshes.get(namespace)
            if running is None or running.plan != plan:
                if running is not None:
                    running.stop()
                self.meshes[namespace] = self._deploy(plan)
        self._mark_members()
        for mesh in self.meshes.values():
            # As a Deployment does: a gateway that ended is started anew.
            if not mesh.gateway.alive() and self._has_root_certificate(mesh.plan.namespace):
                mesh.gateway.start(self._objects.api)

    def stop(self) -> None:
        """Stop every mesh."""
        while self.meshes:
            self.meshes.popitem()[1].stop()

    def mesh_of(self, namespace: str) -> Mesh | None:
        """Return the mesh that the namespace is a member of."""
        found = self._objects.find("v1", "Namespace", namespace)
        labels = found["metadata"].get("labels", {}) if found else {}
        return self.meshes.get(labels.get(MEMBER_OF, ""))

    def _deploy(self, plan: ControlPlane) -> Mesh:
        for manifest in plan.objects():
            self._objects.apply(manifest)
        address = self._network.address(f"{plan.namespace}/{GATEWAY}")
        self._objects.apply(_listen_on(address, plan))
        istiod = Istiod(
            plan.namespace,
            self._network.address(f"{plan.namespace}/istiod"),
            self._kubeconfig,
            self._folder / plan.namespace / "istiod",
        )
        istiod.start(plan.mesh_config)
        gateway = Proxy(
            "router",
            Identity(f"{GATEWAY}-0", plan.namespace, plan.gateway_account, plan.gateway_labels),
            address=address,
            istiod=istiod.xds,
            istiod_name=istiod.name,
            proxy_config=plan.proxy_config,
            folder=self._folder / plan.namespace / "gateway",
        )
        return Mesh(plan, istiod, gateway)

    def _mark_members(self) -> None:
        rolls = self._objects.list(*MEMBER_ROLLS)
        single = self._objects.list(*MEMBERS)
        wanted = {
            member: namespace
            for namespace in self.meshes
            for member in members(rolls, single, namespace)
        }
        for item in self._objects.list("v1", "Namespace"):
            name = item["metadata"]["name"]
            mark = item["metadata"].get("labels", {}).get(MEMBER_OF)
            if mark != wanted.get(name):
                self._objects.label("v1", "Namespace", name, MEMBER_OF, wanted.get(name))

    def _has_root_certificate(self, namespace: str) -> bool:
        return self._objects.find("v1", "ConfigMap", ROOT_CERTIFICATE, namespace) is not None


def _listen_on(address: str, plan: ControlPlane) -> Manifest:
    """Bind the gateway to its own address: a pod has 0.0.0.0 to itself, this machine does not."""
    return {
        "apiVersion": "networking.istio.io/v1alpha3",
        "kind": "EnvoyFilter",
        "metadata": {"name": "local-address", "namespace": plan.namespace},
        "spec": {
            "workloadSelector": {"labels": dict(plan.gateway_labels)},
            "configPatches": [
                {
                    "applyTo": "LISTENER",
                    "match": {"context": "GATEWAY"},
                    "patch": {
                        "operation": "MERGE",
                        "value": {"address": {"socket_address": {"address": address}}},
                    },
                }
            ],
        },
    }
