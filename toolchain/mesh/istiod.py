"""istiod: Istio's control plane, one process a mesh."""

import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import yaml

from toolchain import processes
from toolchain.mesh import programs

XDS_PORT: Final = 15012
_ENVIRONMENT: Final = {
    # Upstream's Envoy lacks Istio's own filters.
    "PILOT_ENABLE_ALPN_FILTER": "false",
    "PILOT_ENABLE_METADATA_EXCHANGE": "false",
    "PILOT_DISABLE_MX_ALPN": "true",
    # No webhook is ever called here, and none is to be patched.
    "INJECTION_WEBHOOK_CONFIG_NAME": "",
    "VALIDATION_WEBHOOK_CONFIG_NAME": "",
}


class Istiod:
    """One mesh's istiod on one loopback address, with its documented ports."""

    def __init__(
        self, namespace: str, address: str, kubeconfig: Path, folder: Path, revision: str = ""
    ) -> None:
        """Describe the istiod of the mesh whose control plane is in `namespace`.

        Without a `revision` it is the default one. Its injector needs a ConfigMap in the namespace.
        """
        self.name = f"istiod.{namespace}.svc"
        self.xds = f"{address}:{XDS_PORT}"
        self.log = folder / "istiod.log"
        self.webhook = f"https://{address}:15017/inject"
        self.ready = f"http://{address}:8080/ready"
        self._revision = revision
        self._namespace = namespace
        self._address = address
        self._kubeconfig = kubeconfig
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None

    def start(self, mesh_config: Mapping[str, Any]) -> None:
        """Start it with Istio's MeshConfig, completed with its address."""
        self._folder.mkdir(parents=True, exist_ok=True)
        file = self._folder / "mesh.yaml"
        complete = {
            **mesh_config,
            "defaultConfig": {
                **mesh_config.get("defaultConfig", {}),
                "discoveryAddress": self.xds,
            },
            # Telemetry needs Istio's own Envoy, too.
            "defaultProviders": {},
        }
        file.write_text(yaml.safe_dump(complete), encoding="utf-8")
        self._process = processes.start(
            [
                programs.ISTIOD,
                "discovery",
                f"--kubeconfig={self._kubeconfig}",
                f"--meshConfig={file}",
                f"--namespace={self._namespace}",
                f"--httpAddr={self._address}:8080",
                f"--httpsAddr={self._address}:15017",
                f"--grpcAddr={self._address}:15010",
                f"--secureGRPCAddr={self.xds}",
                f"--monitoringAddr={self._address}:15014",
                f"--ctrlz_address={self._address}",
                "--ctrlz_port=9876",
                "--clusterID=Kubernetes",
                "--shutdownDuration=1s",
            ],
            self.log,
            env={
                **_ENVIRONMENT,
                "POD_NAME": "istiod-0",
                "POD_NAMESPACE": self._namespace,
                # The API server calls the injector's webhook by its address.
                "ISTIOD_CUSTOM_HOST": f"{self.name},{self._address}",
                "REVISION": self._revision,
                "TOKEN_ISSUER": "https://kubernetes.default.svc",
            },
            cwd=self._folder,
        )

    def pids(self) -> list[int]:
        """Return the id of its process."""
        return [] if self._process is None else [self._process.pid]

    def stop(self) -> None:
        """Stop it and wait for its end."""
        if self._process is not None:
            processes.stop(self._process)
            self._process = None
