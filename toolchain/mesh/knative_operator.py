"""The Knative operator: installs Knative as KnativeServing and KnativeEventing say.

Its controllers are the real ones; `toolchain/go/knative-operator/main.go` starts them.
"""

import subprocess
from pathlib import Path
from typing import Final

from toolchain import processes
from toolchain.mesh import programs
from toolchain.mesh.objects import Objects

NAMESPACE: Final = "knative-operator"
_CONFIGURATIONS: Final = ("config-logging", "config-observability", "config-leader-election")


class KnativeOperator:
    """The operator's process; the pods that it deploys are simulated."""

    def __init__(self, objects: Objects, kubeconfig: Path, folder: Path) -> None:
        """Describe the operator."""
        self._objects = objects
        self._kubeconfig = kubeconfig
        self.log = folder / "knative-operator.log"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it with its configuration's defaults."""
        self._objects.apply(
            {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}}
        )
        for name in _CONFIGURATIONS:
            self._objects.apply(
                {
                    "apiVersion": "v1",
                    "kind": "ConfigMap",
                    "metadata": {"name": name, "namespace": NAMESPACE},
                }
            )
        self._process = processes.start(
            [
                programs.KNATIVE_OPERATOR,
                f"--kubeconfig={self._kubeconfig}",
                # Its default of 5 requests a second would make the installation take a minute.
                "--kube-api-qps=200",
                "--kube-api-burst=400",
            ],
            self.log,
            env={
                "KO_DATA_PATH": str(programs.KODATA),
                "SYSTEM_NAMESPACE": NAMESPACE,
                "POD_NAME": "knative-operator-0",
                "CONFIG_LOGGING_NAME": "config-logging",
                "CONFIG_OBSERVABILITY_NAME": "config-observability",
                "KUBERNETES_MIN_VERSION": "v1.26.0",
                "METRICS_DOMAIN": "knative.dev/operator",
                "HOME": str(self.log.parent),
            },
        )

    def pids(self) -> list[int]:
        """Return the id of its process."""
        return [] if self._process is None else [self._process.pid]

    def stop(self) -> None:
        """Stop it."""
        if self._process is not None:
            processes.stop(self._process)
            self._process = None
