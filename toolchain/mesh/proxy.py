"""A data plane proxy: Istio's agent with Envoy under it, as the pod's container says."""

import json
import os
import shutil
import signal
import subprocess
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from kubernetes import client

from toolchain import processes
from toolchain.mesh import programs

TOKEN_LIFETIME: Final = 48 * 3600
"""Seconds; a kubelet would renew the token, here it outlives the cluster."""
ROOT_CERTIFICATE: Final = "istio-ca-root-cert"
"""The config map through which istiod hands its root certificate to each namespace."""
_ISTIOD: Final = "istiod.istio-system.svc:15012"
"""Whom the agent asks when its configuration does not say."""
_STATUS_PORT: Final = "status.sidecar.istio.io/port"


@dataclass(frozen=True)
class Identity:
    """Who the proxy is: what a kubelet would mount into its pod."""

    name: str
    namespace: str
    service_account: str
    labels: Mapping[str, str]
    annotations: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Order:
    """What a container says: its arguments and its variables."""

    arguments: Sequence[str]
    environment: Mapping[str, str]

    @property
    def istiod(self) -> str:
        """The name of the istiod that the proxy asks for its configuration."""
        config = json.loads(self.environment["PROXY_CONFIG"])
        return str(config.get("discoveryAddress", _ISTIOD)).partition(":")[0]


class Proxy:
    """One agent and its Envoy, bound to one loopback address, in a folder of its own.

    Its arguments and variables are the container's. Replaced are only what another machine would
    have: the addresses of istiod, the paths of Envoy and of its bootstrap, the port of its
    administration, and the way in which traffic is redirected.
    """

    def __init__(
        self, identity: Identity, order: Order, *, address: str, istiod: str, folder: Path
    ) -> None:
        """Describe a proxy; `istiod` is the host and port at which the one asked for answers."""
        self.identity = identity
        self.address = address
        self.log = folder / "proxy.log"
        self.workload_certificates = folder / "certificates"
        self.order = order
        self._folder = folder
        self._istiod = istiod
        self._admin_port = processes.free_port()
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def gateway(self) -> bool:
        """Whether it stands for itself, rather than beside an application."""
        return "router" in self.order.arguments

    def start(self, api: client.ApiClient) -> None:
        """Mount what a kubelet would mount, and start the agent."""
        shutil.rmtree(self._folder, ignore_errors=True)
        self.workload_certificates.mkdir(parents=True)
        self._mount(api)
        config = {
            **json.loads(self.order.environment["PROXY_CONFIG"]),
            "discoveryAddress": self._istiod,
            "binaryPath": str(programs.envoy()),
            "proxyBootstrapTemplatePath": str(self._bootstrap()),
            # From its own folder: sockets are made in it, whose paths may not be long.
            "configPath": "./envoy",
            "proxyAdminPort": self._admin_port,
            "concurrency": 1,
        }
        environment = {
            **self.order.environment,
            "CA_ADDR": self._istiod,
            "ISTIOD_SAN": self.order.istiod,
            "OUTPUT_CERTS": str(self.workload_certificates),
            "PROXY_CONFIG": json.dumps(config),
            # No traffic is redirected: sidecars listen on the pod's ports themselves.
            "ISTIO_META_INTERCEPTION_MODE": "NONE",
        }
        self._process = processes.start(
            [programs.AGENT, *self.order.arguments], self.log, env=environment, cwd=self._folder
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

    def ready(self) -> bool:
        """Say whether it has its configuration and serves."""
        return self.admin("/ready").strip() == "LIVE"

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
        roots = core.read_namespaced_config_map(ROOT_CERTIFICATE, self.identity.namespace)
        assert roots.data is not None
        self._file("var/run/secrets/istio/root-cert.pem").write_text(
            roots.data["root-cert.pem"], encoding="utf-8"
        )
        # The status port is off: the agent's server of probes would listen on every address.
        annotations = {**self.identity.annotations, _STATUS_PORT: "0"}
        for name, values in (("labels", self.identity.labels), ("annotations", annotations)):
            self._file(f"etc/istio/pod/{name}").write_text(
                "".join(f"{key}={json.dumps(value)}\n" for key, value in values.items()),
                encoding="utf-8",
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
