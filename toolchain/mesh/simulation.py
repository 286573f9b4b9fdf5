"""Nodes and pods without machines: the scheduler and KWOK, which play the life of both."""

import subprocess
from pathlib import Path
from typing import Final

from toolchain import processes
from toolchain.mesh import programs
from toolchain.mesh.objects import Objects

NODE: Final = "simulated"


class Simulation:
    """The scheduler and KWOK with one node, on which every pod runs and is ready at once."""

    def __init__(self, objects: Objects, kubeconfig: Path, folder: Path) -> None:
        """Describe the simulation."""
        self._objects = objects
        self._kubeconfig = kubeconfig
        self._folder = folder
        self._children: list[subprocess.Popen[bytes]] = []

    def start(self) -> None:
        """Make the node and start both."""
        self._objects.apply(
            {
                "apiVersion": "v1",
                "kind": "Node",
                "metadata": {"name": NODE, "annotations": {"kwok.x-k8s.io/node": "fake"}},
            }
        )
        self._children = [
            processes.start(
                [
                    programs.SCHEDULER,
                    f"--kubeconfig={self._kubeconfig}",
                    "--leader-elect=false",
                    "--bind-address=127.0.0.1",
                    f"--secure-port={processes.free_port()}",
                ],
                self._folder / "kube-scheduler.log",
            ),
            processes.start(
                [
                    programs.KWOK,
                    f"--kubeconfig={self._kubeconfig}",
                    "--manage-all-nodes=true",
                    # Only the stages: no server of KWOK's own, which would listen everywhere.
                    "--server-address=",
                    *(f"--config={stage}" for stage in sorted(programs.STAGES.glob("*.yaml"))),
                ],
                self._folder / "kwok.log",
                env={"HOME": str(self._folder)},
            ),
        ]

    def pids(self) -> list[int]:
        """Return the ids of the processes."""
        return [child.pid for child in self._children]

    def stop(self) -> None:
        """Stop both."""
        while self._children:
            processes.stop(self._children.pop())
