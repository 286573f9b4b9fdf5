"""istiod: Istio's control plane, one process a revision."""

import json
import subprocess
import urllib.error
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from toolchain import processes
from toolchain.mesh import programs

XDS_PORT: Final = 15012
WEBHOOK_PORT: Final = 15017
_HERE: Final = {
    # Upstream's Envoy lacks Istio's own filters.
    "PILOT_ENABLE_ALPN_FILTER": "false",
    "PILOT_ENABLE_METADATA_EXCHANGE": "false",
    "PILOT_DISABLE_MX_ALPN": "true",
    # A pod's address in its status stands for the real one, which a WorkloadEntry says.
    "PILOT_ENABLE_SERVICEENTRY_SELECT_PODS": "false",
    # The API server calls no validating webhook here, and none is to be patched.
    "VALIDATION_WEBHOOK_CONFIG_NAME": "",
    "TOKEN_ISSUER": "https://kubernetes.default.svc",
}
_OF_A_POD: Final = "KUBECONFIG"
"""The variable that names a file which only a pod has."""


class Istiod:
    """One istiod on one loopback address, with its documented ports.

    It reads its MeshConfig and its injection template from the config maps of its namespace.
    """

    def __init__(
        self, namespace: str, host: str, address: str, kubeconfig: Path, folder: Path
    ) -> None:
        """Describe the istiod in `namespace` that proxies know as `host`."""
        self.address = address
        self.xds = f"{address}:{XDS_PORT}"
        self.webhook = f"https://{address}:{WEBHOOK_PORT}"
        self.log = folder / "istiod.log"
        self._host = host
        self._namespace = namespace
        self._kubeconfig = kubeconfig
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None

    def start(self, environment: Mapping[str, str]) -> None:
        """Start it with the environment of its Deployment."""
        self._folder.mkdir(parents=True, exist_ok=True)
        self._process = processes.start(
            [
                programs.ISTIOD,
                "discovery",
                f"--kubeconfig={self._kubeconfig}",
                f"--namespace={self._namespace}",
                f"--httpAddr={self.address}:8080",
                f"--httpsAddr={self.address}:{WEBHOOK_PORT}",
                f"--grpcAddr={self.address}:15010",
                f"--secureGRPCAddr={self.xds}",
                f"--monitoringAddr={self.address}:15014",
                f"--ctrlz_address={self.address}",
                "--ctrlz_port=9876",
                "--shutdownDuration=1s",
            ],
            self.log,
            env={
                **{name: value for name, value in environment.items() if name != _OF_A_POD},
                **_HERE,
                # The API server asks for the address, the proxies for the name.
                "ISTIOD_CUSTOM_HOST": f"{self._host},{self.address}",
            },
            cwd=self._folder,
        )

    def alive(self) -> bool:
        """Say whether it runs."""
        return self._process is not None and self._process.poll() is None

    def ready(self) -> bool:
        """Ask it as the kubelet does."""
        try:
            with urllib.request.urlopen(f"http://{self.address}:8080/ready", timeout=5) as answer:
                return bool(answer.status == 200)
        except (urllib.error.URLError, OSError):
            return False

    def has(self, proxy_config: Mapping[str, Any]) -> bool:
        """Say whether proxies that are injected from now on start with this configuration."""
        try:
            with urllib.request.urlopen(
                f"http://{self.address}:8080/debug/mesh", timeout=5
            ) as said:
                known = json.load(said)["defaultConfig"]
        except (urllib.error.URLError, OSError):
            return False
        return all(known.get(key) == value for key, value in proxy_config.items())

    def pids(self) -> list[int]:
        """Return the id of its process."""
        return [] if self._process is None else [self._process.pid]

    def stop(self) -> None:
        """Stop it and wait for its end."""
        if self._process is not None:
            processes.stop(self._process)
            self._process = None
