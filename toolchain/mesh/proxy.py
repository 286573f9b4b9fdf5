"""A data plane proxy: Istio's agent with Envoy under it, as it runs in a pod."""

import json
import os
import shutil
import signal
import subprocess
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

from kubernetes import client

from toolchain import processes
from toolchain.mesh import programs

TOKEN_LIFETIME: Final = 48 * 3600
"""Seconds; a kubelet would renew the token, here it outlives the cluster."""


@dataclass(frozen=True)
class Identity:
    """Who the proxy is: what a kubelet would mount into its pod."""

    name: str
    namespace: str
    service_account: str
    labels: Mapping[str, str]


class Proxy:
    """One agent and its Envoy, bound to one loopback address, in a folder of its own."""

    def __init__(
        self,
        kind: Literal["router", "sidecar"],
        identity: Identity,
        *,
        address: str,
        istiod: str,
        istiod_name: str,
        proxy_config: Mapping[str, Any],
        folder: Path,
    ) -> None:
        """Describe a proxy: `router` for a gateway; `istiod` is host:port, its name the SAN."""
        self.identity = identity
        self.address = address
        self.log = folder / "proxy.log"
        self.workload_certificates = folder / "certificates"
        self._kind = kind
        self._folder = folder
        self._istiod = istiod
        self._istiod_name = istiod_name
        self._config = proxy_config
        self._admin_port = processes.free_port()
        self._process: subprocess.Popen[bytes] | None = None

    def start(self, api: client.ApiClient) -> None:
        """Mount what a kubelet would mount, and start the agent."""
        shutil.rmtree(self._folder, ignore_errors=True)
        self.workload_certificates.mkdir(parents=True)
        self._mount(api)
        config = {
            **self._config,
            "discoveryAddress": self._istiod,
            "binaryPath": str(programs.envoy()),
            "proxyBootstrapTemplatePath": str(self._bootstrap()),
            "configPath": str(self._folder / "envoy"),
            "proxyAdminPort": self._admin_port,
            "concurrency": 1,
        }
        environment = {
            "POD_NAME": self.identity.name,
            "POD_NAMESPACE": self.identity.namespace,
            "SERVICE_ACCOUNT": self.identity.service_account,
            "INSTANCE_IP": self.address,
            "CA_ADDR": self._istiod,
            "ISTIOD_SAN": self._istiod_name,
            "PILOT_CERT_PROVIDER": "istiod",
            "JWT_POLICY": "third-party-jwt",
            "OUTPUT_CERTS": str(self.workload_certificates),
            "PROXY_CONFIG": json.dumps(config),
            "ISTIO_META_CLUSTER_ID": "Kubernetes",
            # No traffic is redirected: sidecars listen on the pod's ports themselves.
            "ISTIO_META_INTERCEPTION_MODE": "NONE",
        }
        domain = f"{self.identity.namespace}.svc.cluster.local"
        self._process = processes.start(
            [programs.AGENT, "proxy", self._kind, f"--domain={domain}"],
            self.log,
            env=environment,
            cwd=self._folder,
        )

    def stop(self) -> None:
        """Stop it at once, without a drain."""
        if self._process is not None:
            # Held, so that it starts no Envoy any more; Envoy would outlive the agent.
            self._process.send_signal(signal.SIGSTOP)
            for pid in self.pids()[1:]:
                os.kill(pid, signal.SIGKILL)
            self._process.kill()
            self._process.wait()
            self._process = None

    def terminate(self) -> None:
        """Ask it to end, as a kubelet does: it drains first. `wait` waits for its end."""
        assert self._process is not None
        self._process.terminate()

    def wait(self, retries: float) -> int:
        """Wait at most `retries` seconds for its end and return its exit code."""
        assert self._process is not None
        return self._process.wait(retries)

    def alive(self) -> bool:
        """Say whether it runs."""
        return self._process is not None and self._process.poll() is None

    def pids(self) -> list[int]:
        """Return the ids of the agent and of Envoy under it."""
        if self._process is None:
            return []
        agent = self._process.pid
        threads = Path(f"/proc/{agent}/task")
        if self._process.poll() is not None:
            return []
        children = [
            int(pid)
            for thread in threads.iterdir()
            for pid in (thread / "children").read_text("utf-8").split()
        ]
        return [agent, *children]

    def admin(self, path: str) -> str:
        """Ask Envoy's administration interface; empty while it does not answer."""
        url = f"http://127.0.0.1:{self._admin_port}{path}"
        try:
            with urllib.request.urlopen(url, timeout=5) as answer:
                return str(answer.read().decode())
        except (urllib.error.URLError, OSError):
            return ""

    def listening(self) -> set[str]:
        """Return the addresses (host:port) that Envoy listens on by istiod's configuration."""
        listeners = json.loads(self.admin("/listeners?format=json") or "{}")
        return {
            f"{address['address']}:{address['port_value']}"
            for listener in listeners.get("listener_statuses", ())
            if (address := listener["local_address"].get("socket_address"))
        }

    def _mount(self, api: client.ApiClient) -> None:
        core = client.CoreV1Api(api)
        request = core.create_namespaced_service_account_token(
            self.identity.service_account,
            self.identity.namespace,
            client.AuthenticationV1TokenRequest(
                spec=client.V1TokenRequestSpec(
                    audiences=["istio-ca"], expiration_seconds=TOKEN_LIFETIME
                )
            ),
        )
        token = self._file("var/run/secrets/tokens/istio-token")
        token.touch(mode=0o600)
        assert request.status is not None
        token.write_text(str(request.status.token), encoding="utf-8")
        roots = core.read_namespaced_config_map("istio-ca-root-cert", self.identity.namespace)
        assert roots.data is not None
        self._file("var/run/secrets/istio/root-cert.pem").write_text(
            roots.data["root-cert.pem"], encoding="utf-8"
        )
        self._file("etc/istio/pod/labels").write_text(
            "".join(f'{key}="{value}"\n' for key, value in self.identity.labels.items()),
            encoding="utf-8",
        )

        # Off: the agent's own probe server would listen on every address of the machine.
        self._file("etc/istio/pod/annotations").write_text(
            'status.sidecar.istio.io/port="0"\n', encoding="utf-8"
        )

    def _bootstrap(self) -> Path:
        """Write Istio's bootstrap template, listening on the proxy's address instead of all."""
        template = programs.BOOTSTRAP.read_text(encoding="utf-8")
        path = self._folder / programs.BOOTSTRAP.name
        path.write_text(template.replace("{{ .wildcard }}", self.address), encoding="utf-8")
        return path

    def _file(self, path: str) -> Path:
        file = self._folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        return file
