"""What the traffic tests hold: a mesh with what the project declares, and the page's client."""

import subprocess
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from mesh.issuer import Issuer
from settings import Settings
from toolchain.cluster import ClusterError
from toolchain.mesh.knative_services import Pod
from toolchain.mesh.local import LocalMesh
from toolchain.mesh.router import Address
from toolchain.mesh.service_mesh_operator import Mesh

Manifest = dict[str, Any]
GREETING = "Hello Openshift!\n"
WITHIN = 60.0
"""Seconds until a change must have reached traffic; it takes one or two."""

# curl's exit codes.
REFUSED_BY_US = 60
"""The server's certificate is not trusted."""


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
    settings: Settings
    domain: str
    issuer: Issuer
    root: Path
    last: Answer | None = None
    """What the last curl said, for the message when waiting was in vain."""

    @property
    def url(self) -> str:
        """The page's URL, as the Knative Service's status says it."""
        hello = self.mesh.objects.find("serving.knative.dev/v1", "Service", "hello", "default")
        assert hello is not None
        return str(hello["status"]["url"])

    @property
    def host(self) -> str:
        return self.url.removeprefix("https://")

    @property
    def control_plane(self) -> Mesh:
        """The running mesh."""
        return self.mesh.operator.meshes[self.settings.mesh_namespace]

    @property
    def gateway(self) -> Address:
        """Where the gateway itself answers TLS."""
        return self.control_plane.gateway.address, 8443

    @property
    def pod(self) -> Pod:
        """The pod behind the page's URL."""
        return self.mesh.services.pods["default", "hello"]

    def curl(
        self,
        url: str | None = None,
        *,
        root: Path | None = None,
        through: Address | None = None,
        options: Iterable[str] = (),
    ) -> Answer:
        """Run the page's command; `--connect-to` stands for the DNS entry that leads to the router.

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

    def apply(self, manifest: Manifest) -> None:
        """Apply an object and let the stand-ins see it."""
        self.mesh.objects.apply(manifest)
        self.mesh.reconcile()

    def until(self, reached: Callable[[], bool], what: str) -> None:
        """Reconcile until the condition is reached."""
        try:
            self.mesh.until(reached, WITHIN, what)
        except ClusterError as error:
            pytest.fail(f"{error}; the last curl said {self.last}")

    def answers(self) -> bool:
        """Tell whether the page's own curl answers."""
        return self.curl() == Answer(0, GREETING, "")

    def secret(self, name: str, data: Mapping[str, str]) -> Manifest:
        """Apply a TLS secret in the mesh's namespace, as its manifest is returned."""
        manifest = {
            "apiVersion": "v1",
            "kind": "Secret",
            "type": "kubernetes.io/tls",
            "metadata": {"name": name, "namespace": self.settings.mesh_namespace},
            "stringData": dict(data),
        }
        self.mesh.objects.apply(manifest)
        return manifest
