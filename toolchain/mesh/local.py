"""Everything of the mesh on one local cluster."""

import logging
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from datetime import UTC, datetime
from types import TracebackType
from typing import Final, Self

import urllib3
from kubernetes import client

from toolchain.cluster import Cluster, ClusterError
from toolchain.mesh.addresses import LoopbackNetwork
from toolchain.mesh.knative_operator import KnativeOperator
from toolchain.mesh.knative_services import KnativeServices
from toolchain.mesh.kubelet import Kubelet
from toolchain.mesh.objects import Objects
from toolchain.mesh.programs import FOLDER
from toolchain.mesh.service_mesh_2 import ServiceMeshOperator
from toolchain.mesh.service_mesh_3 import SailOperator
from toolchain.mesh.simulation import Simulation
from toolchain.operators.running import running_operators

_LOG: Final = logging.getLogger(__name__)
OPERATED_HERE: Final = (
    "Istio",
    "IstioRevisionTag",
    "KnativeEventing",
    "KnativeServing",
    "Pod",
    "Service",
)
"""The kinds that the operators' stand-in leaves to the mesh's parts."""
INTERVAL: Final = 0.5
"""Seconds between two looks at the cluster."""


class LocalMesh:
    """The mesh of one local cluster: started by `with`, brought forward by `reconcile`.

    Everything runs in, or as a child of, the thread that uses it: call it from the main thread.
    """

    def __init__(self, cluster: Cluster) -> None:
        """Describe the mesh of a running cluster; its files lie in the cluster's folder."""
        self._cluster = cluster
        self._exit = ExitStack()
        self._begun = datetime.now(UTC)
        self._renewed = False

    def __enter__(self) -> Self:
        folder = self._cluster.folder / FOLDER
        kubeconfig = self._cluster.kubeconfig
        with ExitStack() as exit_stack:
            api = exit_stack.enter_context(self._cluster.client())
            self.network = exit_stack.enter_context(LoopbackNetwork())
            self.objects = Objects(api)
            self.simulation = Simulation(self.objects, kubeconfig, folder)
            exit_stack.callback(self.simulation.stop)
            self.knative = KnativeOperator(self.objects, kubeconfig, folder)
            exit_stack.callback(self.knative.stop)
            meshes = self.objects, self.network, self._cluster.kubeconfig_for, folder
            self.operator = ServiceMeshOperator(*meshes)
            exit_stack.callback(self.operator.stop)
            self.sail = SailOperator(*meshes)
            exit_stack.callback(self.sail.stop)
            self.kubelet = Kubelet(self.objects, self.network, self.istiods, folder)
            exit_stack.callback(self.kubelet.stop)
            self.services = KnativeServices(self.objects, self.kubelet)
            exit_stack.callback(self.services.stop)
            self.simulation.start()
            self.knative.start()
            self._operators = exit_stack.enter_context(
                running_operators(kubeconfig, folder / "operators.log", OPERATED_HERE)
            )
            self._exit = exit_stack.pop_all()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._exit.close()

    def istiods(self) -> dict[str, str]:
        """Return the address of each istiod by the name under which proxies ask for it."""
        return {**self.operator.istiods(), **self.sail.istiods()}

    def reconcile(self) -> None:
        """Bring the stand-ins in step with the cluster once."""
        self.operator.reconcile()
        self.sail.reconcile()
        if not self._renewed and self.sail.ready():
            # On a cluster that ran without its mesh the gateway was there before istiod.
            self.kubelet.renew(self._begun)
            self._renewed = True
        self.kubelet.reconcile()
        self.services.reconcile()

    def until(self, reached: Callable[[], bool], within: float, what: str) -> None:
        """Reconcile until `reached`; `within` is in seconds.

        Raises:
            ClusterError: it was not reached in time; the message says `what` was waited for.
        """
        begun = time.monotonic()
        due = begun
        while not reached():
            now = time.monotonic()
            if now > begun + within:
                raise ClusterError(f"not within {within:.0f} s: {what}")
            if now >= due:
                self.reconcile()
                due = time.monotonic() + INTERVAL
            time.sleep(0.1)

    def run(self, told: threading.Event, lifetime: float) -> None:
        """Keep the stand-ins in step until told to stop, or for `lifetime` seconds."""
        deadline = time.monotonic() + lifetime
        while time.monotonic() < deadline and not told.wait(INTERVAL):
            try:
                self.reconcile()
            except (client.ApiException, urllib3.exceptions.HTTPError) as error:
                _LOG.warning("trying again: %s", error)

    def pids(self) -> list[int]:
        """Return the ids of all its processes."""
        return [
            self._operators.pid,
            *self.simulation.pids(),
            *self.knative.pids(),
            *self.operator.pids(),
            *self.sail.pids(),
            *self.kubelet.pids(),
        ]
