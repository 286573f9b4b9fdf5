"""What the traffic tests hold: a mesh with what the project declares, and the client."""

import copy
import subprocess
from base64 import b64encode
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from serverless_mesh.settings import Settings
from stacks import PulumiStack
from toolchain.cluster import ClusterError
from toolchain.mesh.knative_routing import REVISION
from toolchain.mesh.kubelet import Pod
from toolchain.mesh.local import LocalMesh
from toolchain.mesh.objects import MANAGER
from toolchain.mesh.proxy import Proxy
from toolchain.mesh.router import Address

Manifest = dict[str, Any]
GREETING = "Hello Openshift!\n"
WITHIN = 60.0
"""Seconds until a change must have reached traffic; it takes one or two."""

UP_WITHIN = 300.0
"""Seconds for `pulumi up`; it takes half a minute."""

MESHES = ("service_mesh_2", "service_mesh_3")
BOTH = pytest.mark.parametrize("installation", MESHES, indirect=True, scope="module")
"""Marks tests of what both meshes give to Serverless."""

# curl's exit codes.
REFUSED_BY_US = 60
"""The server's certificate is not trusted."""


def put(manifest: Manifest, path: Sequence[str | int], value: object) -> Manifest:
    """Return an object with another value at a path."""
    changed = copy.deepcopy(manifest)
    place: Any = changed
    for key in path[:-1]:
        place = place.setdefault(key, {}) if isinstance(key, str) else place[key]
    place[path[-1]] = value
    return changed


@dataclass(frozen=True)
class Answer:
    """What curl printed and how it ended (0: answered)."""

    code: int
    text: str
    said: str


@dataclass
class Installation:
    """One installation: `domain` is the cluster's, `root` the CA certificate that clients trust."""

    mesh: LocalMesh
    stack: PulumiStack
    settings: Settings
    domain: str
    root: Path
    kubeconfig: Path
    _managers: dict[tuple[str, str], str] = field(default_factory=dict)
    """Whose field manager applied an object of this kind and name."""
    last: Answer | None = None
    """What the last curl said, for the message when waiting was in vain."""

    @property
    def url(self) -> str:
        """The documentation's URL, as the Knative Service's status says it."""
        hello = self.mesh.objects.find("serving.knative.dev/v1", "Service", "hello", "default")
        assert hello is not None
        return str(hello["status"]["url"])

    @property
    def host(self) -> str:
        return self.url.removeprefix("https://")

    @property
    def gateway_pods(self) -> list[Pod]:
        """The pods of the ingress gateway."""
        ingress = self.settings.mesh.ingress
        return self.mesh.kubelet.pods(ingress.namespace, ingress.local_selector)

    @property
    def gateway_pod(self) -> Pod:
        """The one to which the router leads."""
        return self.gateway_pods[0]

    @property
    def gateway_proxy(self) -> Proxy:
        """The proxy in it."""
        assert self.gateway_pod.sidecar is not None
        return self.gateway_pod.sidecar

    @property
    def gateway(self) -> Address:
        """Where the gateway itself answers TLS."""
        return self.gateway_pod.address, 8443

    @property
    def pod(self) -> Pod:
        """The pod behind the documentation's URL."""
        return self.mesh.kubelet.pods("default", {REVISION: "hello-00001"})[-1]

    @property
    def sidecar(self) -> Proxy:
        """The proxy in it."""
        assert self.pod.sidecar is not None
        return self.pod.sidecar

    def renew_gateways(self) -> None:
        """Have the proxies of the ingress gateway start again."""
        for pod in self.gateway_pods:
            assert pod.sidecar is not None
            pod.sidecar.stop()

    def restart(self, namespace: str) -> None:
        """Let the pods of a namespace be made anew, and wait until they are there."""
        before = {pod.uid for pod in self.mesh.kubelet.pods(namespace, {})}
        self.mesh.kubelet.restart(namespace)

        def renewed() -> bool:
            now = self.mesh.kubelet.pods(namespace, {})
            return bool(now) and all(pod.ready and pod.uid not in before for pod in now)

        self.until(renewed, f"the pods of {namespace} are made anew")

    def curl(
        self,
        url: str | None = None,
        *,
        root: Path | None = None,
        through: Address | None = None,
        options: Iterable[str] = (),
    ) -> Answer:
        """Run the documented command; `--connect-to` stands for the DNS entry of the router.

        `through` leads around the router.
        """
        host, port = through or ("127.0.0.1", self.mesh.services.router.port)
        done = subprocess.run(
            [
                "curl",
                "--silent",
                "--show-error",
                "--max-time",
                "10",
                "--cacert",
                str(root or self.root),
                "--connect-to",
                f"::{host}:{port}",
                *options,
                url or self.url,
            ],
            capture_output=True,
            text=True,
            check=False,
        )
        self.last = Answer(done.returncode, done.stdout, done.stderr)
        return self.last

    def up(self, *arguments: str) -> str:
        """Bring the stack up, while the mesh's parts do theirs; return what was said."""
        process = self.stack.start("up", "--yes", *arguments)
        try:
            self.mesh.until(lambda: process.poll() is not None, UP_WITHIN, "`pulumi up` ends")
        finally:
            process.terminate()
            said, _ = process.communicate()
        assert process.returncode == 0, said
        return said

    def apply(self, manifest: Manifest) -> None:
        """Apply an object and let the stand-ins see it.

        One of the stack's is applied in the stack's name, so that its next update finds no
        conflict.
        """
        self.mesh.objects.apply(manifest, self.manager(manifest))
        self.mesh.reconcile()

    def manager(self, manifest: Manifest) -> str:
        """Return who applied an object, at the first look at it; ourselves when nobody did."""
        key = manifest["kind"], manifest["metadata"]["name"]
        if key not in self._managers:
            found = self.find(manifest)
            entries = found["metadata"]["managedFields"] if found else []
            appliers = [item["manager"] for item in entries if item["operation"] == "Apply"]
            self._managers[key] = appliers[0] if appliers else MANAGER
        return self._managers[key]

    def find(self, manifest: Manifest) -> Manifest | None:
        """Return the live object of a manifest, if there is one."""
        names = manifest["metadata"]["name"], manifest["metadata"].get("namespace", "")
        return self.mesh.objects.find(manifest["apiVersion"], manifest["kind"], *names)

    def until(self, reached: Callable[[], bool], what: str) -> None:
        """Reconcile until the condition is reached."""
        try:
            self.mesh.until(reached, WITHIN, what)
        except ClusterError as error:
            pytest.fail(f"{error}; the last curl said {self.last}")

    def settled(self) -> bool:
        """Say whether the gateway's pods are as its Deployment says, and no others are there."""
        place = self.settings.mesh.ingress.namespace
        (found,) = self.mesh.objects.list("apps/v1", "Deployment", namespace=place)
        status, wanted = found.get("status") or {}, found["spec"]["replicas"]
        counts = ("replicas", "updatedReplicas", "availableReplicas")
        return (
            status.get("observedGeneration") == found["metadata"]["generation"]
            and all(status.get(count) == wanted for count in counts)
            # Those that were told to end are not counted there, and may not know of it here yet.
            and len(self.gateway_pods) == wanted
        )

    def answers(self) -> bool:
        """Say whether the documentation's own curl answers."""
        return self.curl() == Answer(0, GREETING, "")

    def secret(self, name: str, data: Mapping[str, str]) -> Manifest:
        """Apply a TLS secret in the gateway's namespace and return its manifest."""
        manifest = {
            "apiVersion": "v1",
            "kind": "Secret",
            "type": "kubernetes.io/tls",
            "metadata": {"name": name, "namespace": self.settings.mesh.ingress.namespace},
            "data": {name: b64encode(text.encode()).decode() for name, text in data.items()},
        }
        self.apply(manifest)
        return manifest
