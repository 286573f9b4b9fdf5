"""A local Kubernetes API server: etcd, kube-apiserver and kube-controller-manager, the real ones.

Everything listens on 127.0.0.1, lives in one folder and ends with the process that started it.
Admission webhooks are switched off: the services behind them are never served here, and the API
server would look their names up outside the machine.
"""

import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

import urllib3
import yaml
from kubernetes import client, config

from toolchain import processes
from toolchain.kubernetes import ETCD, definition_files
from toolchain.paths import BIN
from toolchain.pki import KeyPair, LocalAuthority

READY_WITHIN: Final = 60.0
"""Seconds until a part must answer; on two busy cores it takes a few."""
_ADMIN: Final = ("local-admin", ("system:masters",))


class ClusterError(Exception):
    """The local API server can't be started; the message says which part, and where its log is."""


class Cluster:
    """The local API server of one folder: started by `start` or `with`, data kept between starts.

    `kubeconfig` belongs to an administrator; `kubeconfig_for` makes one for anybody else. The
    addresses stay the same while the object lives, also when the API server is restarted.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.kubeconfig = folder / "kubeconfig"
        self._authority = LocalAuthority(folder / "pki")
        self._server = self._authority.server()
        self._service_accounts = self._authority.signing_key("service-accounts")
        self._etcd_port = processes.free_port()
        self.port = processes.free_port()
        self._children: dict[str, subprocess.Popen[bytes]] = {}

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def start(self) -> None:
        """Start every part and wait until the API server serves every custom resource definition.

        Raises:
            ClusterError: a part ends or does not answer in time.
        """
        try:
            self._start("etcd", self._etcd())
            self.start_api_server()
            self._write_kubeconfig(self.kubeconfig, self._authority.client(*_ADMIN))
            self._start("kube-controller-manager", self._controller_manager())
            self._serve_definitions()
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """Stop every part, the last started first."""
        for name in reversed(list(self._children)):
            processes.stop(self._children.pop(name))

    def start_api_server(self) -> None:
        """Start the API server (again) at its address and wait until it is ready.

        Raises:
            ClusterError: it ends or does not answer in time.
        """
        self._start("kube-apiserver", self._api_server())
        with urllib3.PoolManager(ca_certs=str(self._authority.pair.certificate)) as pool:

            def ready() -> bool:
                try:
                    answer = pool.request("GET", f"{self.url}/readyz", timeout=2, retries=False)
                except urllib3.exceptions.HTTPError:
                    return False
                return answer.status == 200

            self._wait("kube-apiserver", ready)

    def kill_api_server(self) -> None:
        """End the API server at once, as a crash would."""
        process = self._children.pop("kube-apiserver")
        process.kill()
        process.wait()

    @property
    def url(self) -> str:
        """The API server's address."""
        return f"https://127.0.0.1:{self.port}"

    def client(self) -> client.ApiClient:
        """Make an API client for the administrator."""
        return config.new_client_from_config(config_file=str(self.kubeconfig))

    def kubeconfig_for(self, user: str, *groups: str) -> Path:
        """Make a kubeconfig for a user; what it may do is up to the RBAC objects in the cluster."""
        path = self.folder / f"kubeconfig-{user}"
        self._write_kubeconfig(path, self._authority.client(user, groups))
        return path

    def _start(self, name: str, arguments: list[str | Path]) -> None:
        self._children[name] = processes.start(arguments, self._log(name))

    def _log(self, name: str) -> Path:
        return self.folder / "log" / f"{name}.log"

    def _etcd(self) -> list[str | Path]:
        address = f"http://127.0.0.1:{self._etcd_port}"
        peers = f"http://127.0.0.1:{processes.free_port()}"
        return [
            ETCD,
            f"--data-dir={self.folder / 'etcd'}",
            f"--listen-client-urls={address}",
            f"--advertise-client-urls={address}",
            f"--listen-peer-urls={peers}",
            f"--initial-advertise-peer-urls={peers}",
            f"--initial-cluster=default={peers}",
            # A crash of the whole machine may lose the last writes; nothing here is worth the wait.
            "--unsafe-no-fsync",
            "--log-level=warn",
        ]

    def _api_server(self) -> list[str | Path]:
        return [
            BIN / "kube-apiserver",
            f"--etcd-servers=http://127.0.0.1:{self._etcd_port}",
            "--bind-address=127.0.0.1",
            "--advertise-address=127.0.0.1",
            "--endpoint-reconciler-type=none",
            f"--secure-port={self.port}",
            f"--tls-cert-file={self._server.certificate}",
            f"--tls-private-key-file={self._server.key}",
            f"--client-ca-file={self._authority.pair.certificate}",
            "--authorization-mode=RBAC",
            "--service-cluster-ip-range=10.0.0.0/16",
            "--service-account-issuer=https://kubernetes.default.svc",
            f"--service-account-key-file={self._service_accounts}",
            f"--service-account-signing-key-file={self._service_accounts}",
            "--api-audiences=https://kubernetes.default.svc,istio-ca",
            "--allow-privileged=true",
            "--disable-admission-plugins="
            "ServiceAccount,MutatingAdmissionWebhook,ValidatingAdmissionWebhook",
            "--v=0",
        ]

    def _controller_manager(self) -> list[str | Path]:
        return [
            BIN / "kube-controller-manager",
            f"--kubeconfig={self.kubeconfig}",
            "--leader-elect=false",
            "--bind-address=127.0.0.1",
            f"--secure-port={processes.free_port()}",
            f"--root-ca-file={self._authority.pair.certificate}",
            f"--service-account-private-key-file={self._service_accounts}",
            "--v=0",
        ]

    def _serve_definitions(self) -> None:
        with self.client() as api:
            extensions = client.ApiextensionsV1Api(api)
            served = {
                definition.metadata.name: definition
                for definition in extensions.list_custom_resource_definition().items
            }
            names: set[str] = set()
            for file in definition_files():
                for definition in yaml.load_all(file.read_text("utf-8"), yaml.CSafeLoader):
                    if not definition or definition["kind"] != "CustomResourceDefinition":
                        continue
                    name = definition["metadata"]["name"]
                    names.add(name)
                    # The vendors' files carry a webhook conversion that nothing answers here.
                    definition["spec"].pop("conversion", None)
                    if name in served:
                        version = served[name].metadata.resource_version
                        definition["metadata"]["resourceVersion"] = version
                        extensions.replace_custom_resource_definition(name, definition)
                    else:
                        extensions.create_custom_resource_definition(definition)

            def established() -> bool:
                return names <= {
                    definition.metadata.name
                    for definition in extensions.list_custom_resource_definition().items
                    if any(
                        condition.type == "Established" and condition.status == "True"
                        for condition in definition.status.conditions or ()
                    )
                }

            self._wait("kube-apiserver", established)

    def _wait(self, name: str, ready: Callable[[], bool]) -> None:
        deadline = time.monotonic() + READY_WITHIN
        while not ready():
            code = self._children[name].poll()
            if code is not None or time.monotonic() > deadline:
                said = "does not answer" if code is None else f"ended with exit code {code}"
                raise ClusterError(f"{name} {said}. Its log: {self._log(name)}")
            time.sleep(0.1)

    def _write_kubeconfig(self, path: Path, identity: KeyPair) -> None:
        name = "local"
        content: dict[str, Any] = {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [
                {
                    "name": name,
                    "cluster": {
                        "server": self.url,
                        "certificate-authority": str(self._authority.pair.certificate),
                    },
                }
            ],
            "users": [
                {
                    "name": identity.certificate.stem,
                    "user": {
                        "client-certificate": str(identity.certificate),
                        "client-key": str(identity.key),
                    },
                }
            ],
            "contexts": [
                {
                    "name": name,
                    "context": {"cluster": name, "user": identity.certificate.stem},
                }
            ],
            "current-context": name,
        }
        path.write_text(yaml.safe_dump(content, sort_keys=False), encoding="utf-8")
