"""STAND-IN for the operator of Service Mesh 2: runs the mesh that a ServiceMeshControlPlane says.

What each field comes to is in `plan`; here the objects are applied that the operator would make,
istiod is started, and the namespaces of the member roll are marked. Istio, its config maps and its
roles are the community's (`istio`), which is newer than that of Service Mesh 2; the webhook that
injects into members is ours, since the community's goes by other labels.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from toolchain.mesh.addresses import LoopbackNetwork
from toolchain.mesh.istio import Istio, KubeconfigFor, render
from toolchain.mesh.objects import Objects
from toolchain.mesh.plan import MEMBER_OF, ControlPlane, members, webhooks

CONTROL_PLANES: Final = ("maistra.io/v2", "ServiceMeshControlPlane")
MEMBER_ROLLS: Final = ("maistra.io/v1", "ServiceMeshMemberRoll")
MEMBERS: Final = ("maistra.io/v1", "ServiceMeshMember")


@dataclass
class Mesh:
    """One running mesh, and what it was made from."""

    istio: Istio
    plan: ControlPlane | None = None
    complete: bool = False
    """Whether the gateway is there, too."""


class ServiceMeshOperator:
    """Keeps the running meshes in step with the custom resources, at each `reconcile`."""

    def __init__(
        self,
        objects: Objects,
        network: LoopbackNetwork,
        kubeconfig_for: KubeconfigFor,
        folder: Path,
    ) -> None:
        """Start with no mesh."""
        self.meshes: dict[str, Mesh] = {}
        self._objects = objects
        self._network = network
        self._kubeconfig_for = kubeconfig_for
        self._folder = folder

    def istiods(self) -> dict[str, str]:
        """Return the address of each istiod by its name."""
        return {mesh.istio.host: mesh.istio.istiod.address for mesh in self.meshes.values()}

    def reconcile(self) -> None:
        """Do what is to be done now; what has to wait for something is done at a later call."""
        plans = {
            plan.namespace: plan
            for resource in self._objects.list(*CONTROL_PLANES)
            if not resource["metadata"].get("deletionTimestamp")
            for plan in (ControlPlane.of(resource),)
        }
        for namespace in self.meshes.keys() - plans.keys():
            self.meshes.pop(namespace).istio.remove()
        for namespace, plan in plans.items():
            mesh = self.meshes.get(namespace)
            if mesh is None:
                mesh = self.meshes[namespace] = Mesh(self._istio(plan))
            if mesh.plan != plan or not mesh.istio.istiod.alive():
                charts = render(namespace, plan.revision, plan.values)
                mesh.istio.bring(webhooks(charts, namespace))
                mesh.plan, mesh.complete = plan, False
            # Injected before, the gateway would start with what was said before.
            if not mesh.complete and mesh.istio.istiod.has(plan.proxy_config):
                for manifest in plan.objects():
                    self._objects.apply(manifest)
                mesh.complete = True
        self._mark_members()

    def stop(self) -> None:
        """Stop every istiod."""
        while self.meshes:
            self.meshes.popitem()[1].istio.stop()

    def pids(self) -> list[int]:
        """Return the ids of all processes."""
        return [pid for mesh in self.meshes.values() for pid in mesh.istio.istiod.pids()]

    def _istio(self, plan: ControlPlane) -> Istio:
        return Istio(
            self._objects,
            self._kubeconfig_for,
            namespace=plan.namespace,
            revision=plan.revision,
            address=self._network.address(f"{plan.namespace}/istiod"),
            folder=self._folder / plan.namespace / "istiod",
        )

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
                label = {"metadata": {"labels": {MEMBER_OF: wanted.get(name)}}}
                self._objects.change(item, label)
