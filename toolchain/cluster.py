"""A local Kubernetes API server: etcd, kube-apiserver and kube-controller-manager, the real ones.

Everything listens on 127.0.0.1, lives in one folder and ends with the process that started it.
Mutating webhooks are called, which is how Istio injects; validating ones are switched off: the
services behind them are never served here, and the API server would look their names up outside
the machine. For the same reason no mutating webhook may name a Service here.
"""

import hashlib
import json
import shutil
import subprocess
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

import urllib3
import yaml
from kubernetes import client, config

from toolchain import processes
from toolchain.errors import LocalEnvironmentError
from toolchain.kubernetes import ETCD, definition_files
from toolchain.paths import BIN
from toolchain.pki import KeyPair, LocalAuthority

READY_WITHIN: Final = 60.0
"""Seconds until a part must answer; on two busy cores it takes a few."""
APPS_DOMAIN: Final = "apps.openshift.example.com"
"""The domain under which the local cluster would serve applications: the documentation's."""
_DATA: Final = "etcd"
"""The folder of what etcd keeps."""
_SERVED: Final = "definitions.json"
"""The file that says which definitions are served already."""
_DEFINITIONS: Final = ("apiextensions.k8s.io", "v1", "customresourcedefinitions")
_INGRESSES: Final = ("config.openshift.io", "v1", "ingresses")
_ADMIN: Final = ("local-admin", ("system:masters",))


class ClusterError(LocalEnvironmentError):
    """The local API server can't be started; the message says which part, and where its log is."""


class Cluster:
    """The local API server of one folder: started by `start` or `with`, data kept between starts.

    `kubeconfig` belongs to an administrator; `kubeconfig_for` makes one for anybody else. The
    addresses stay the same while the object lives, also when the API server is restarted.
    """

    def __init__(self, folder: Path, *api_server_flags: str) -> None:
        self.folder = folder
        self._api_server_flags = api_server_flags
        self.kubeconfig = folder / "kubeconfig"
        self._authority = LocalAuthority(folder / "pki")
        self._server = self._authority.server()
        self._service_accounts = self._authority.signing_key("service-accounts")
        self._etcd_port = processes.free_port()
        self._served = folder / _SERVED
        self.port = self._kept_port()
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
            self._create_openshift()
            # It answers nobody: that it refuses its flags shows only by its end.
            self._wait("kube-controller-manager", lambda: True)
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

    def pids(self) -> list[int]:
        """Return the ids of the processes that run."""
        return [process.pid for process in self._children.values()]

    def client(self) -> client.ApiClient:
        """Make an API client for the administrator."""
        configuration = client.Configuration()
        config.load_kube_config(str(self.kubeconfig), client_configuration=configuration)
        return client.ApiClient(configuration)

    def kubeconfig_for(self, user: str, *groups: str) -> Path:
        """Make a kubeconfig for a user; what it may do is up to the RBAC objects in the cluster."""
        path = self.folder / f"kubeconfig-{user}"
        self._write_kubeconfig(path, self._authority.client(user, groups))
        return path

    def _kept_port(self) -> int:
        """Return the port of an earlier start while it is free, so that kubeconfigs stay good."""
        kept = self.folder / "port"
        port = int(kept.read_text("utf-8")) if kept.exists() else 0
        if not port or not processes.is_free(port):
            port = processes.free_port()
            kept.write_text(str(port), encoding="utf-8")
        return port

    def _start(self, name: str, arguments: list[str | Path]) -> None:
        self._children[name] = processes.start(arguments, self._log(name))

    def _log(self, name: str) -> Path:
        return self.folder / "log" / f"{name}.log"

    def _etcd(self) -> list[str | Path]:
        address = f"http://127.0.0.1:{self._etcd_port}"
        peers = f"http://127.0.0.1:{processes.free_port()}"
        return [
            ETCD,
            f"--data-dir={self.folder / _DATA}",
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
            "--disable-admission-plugins=ServiceAccount,ValidatingAdmissionWebhook",
            "--v=0",
            *self._api_server_flags,
        ]

    def _controller_manager(self) -> list[str | Path]:
        return [
            BIN / "kube-controller-manager",
            f"--kubeconfig={self.kubeconfig}",
            "--leader-elect=false",
            "--bind-address=127.0.0.1",
            f"--secure-port={processes.free_port()}",
            # Istio would take the addresses of simulated pods for endpoints.
            "--controllers=*,-endpointslice-controller,-endpointslice-mirroring-controller",
            # It looks at a namespace that goes only after half the grace of the pods in it, which
            # is minutes for Knative's; pods that no node runs are gone at once.
            "--namespace-sync-period=1s",
            f"--root-ca-file={self._authority.pair.certificate}",
            f"--service-account-private-key-file={self._service_accounts}",
            "--v=0",
        ]

    def _serve_definitions(self) -> None:
        digest = _definitions_digest()
        known = json.loads(self._served.read_text("utf-8")) if self._served.exists() else {}
        with self.client() as api:
            objects = client.CustomObjectsApi(api)
            served = {item["metadata"]["name"]: item for item in _items(objects, _DEFINITIONS)}
            names = set(known.get("names", ()))
            # To write them anew costs the API server more than the rest of its start.
            if known.get("digest") != digest or not names <= served.keys():
                names = _write_definitions(objects, served)
            self._wait("kube-apiserver", lambda: names <= _established(objects))
        self._served.write_text(json.dumps({"digest": digest, "names": sorted(names)}), "utf-8")

    def _create_openshift(self) -> None:
        """Create the objects that every OpenShift cluster has and that the program reads."""
        with self.client() as api:
            objects = client.CustomObjectsApi(api)
            if not _items(objects, _INGRESSES):
                body = {
                    "apiVersion": "config.openshift.io/v1",
                    "kind": "Ingress",
                    "metadata": {"name": "cluster"},
                    "spec": {"domain": APPS_DOMAIN},
                }
                objects.create_cluster_custom_object(*_INGRESSES, body=body)

    def _wait(self, name: str, ready: Callable[[], bool]) -> None:
        deadline = time.monotonic() + READY_WITHIN
        while (code := self._children[name].poll()) is not None or not ready():
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
                        # Between processes of one machine it costs more than it saves.
                        "disable-compression": True,
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


def copy_data(kept: Path, folder: Path) -> None:
    """Give a cluster that has not been started yet the data of a stopped one."""
    folder.mkdir(exist_ok=True)
    shutil.copytree(kept / _DATA, folder / _DATA)
    shutil.copy(kept / _SERVED, folder / _SERVED)


def _write_definitions(
    objects: client.CustomObjectsApi, served: Mapping[str, dict[str, Any]]
) -> set[str]:
    """Write every definition, over those that are `served` under its name; return the names."""
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
                version = served[name]["metadata"]["resourceVersion"]
                definition["metadata"]["resourceVersion"] = version
                objects.replace_cluster_custom_object(*_DEFINITIONS, name=name, body=definition)
            else:
                objects.create_cluster_custom_object(*_DEFINITIONS, body=definition)
    return names


def _definitions_digest() -> str:
    """Return what tells the definitions from those of another version."""
    found = hashlib.sha256()
    for file in definition_files():
        found.update(file.read_bytes())
    return found.hexdigest()


def _items(objects: client.CustomObjectsApi, kind: tuple[str, str, str]) -> list[dict[str, Any]]:
    answer = objects.list_cluster_custom_object(*kind)
    assert isinstance(answer, dict)
    return list(answer["items"])


def _established(objects: client.CustomObjectsApi) -> set[str]:
    """Return the names of the definitions that are served."""
    return {
        item["metadata"]["name"]
        for item in _items(objects, _DEFINITIONS)
        if any(
            condition["type"] == "Established" and condition["status"] == "True"
            for condition in item.get("status", {}).get("conditions") or ()
        )
    }
