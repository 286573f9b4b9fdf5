"""What tests on a cluster share: roles, the operators' stand-in, waiting."""

import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml
from kubernetes import client, utils

from toolchain.cluster import Cluster
from toolchain.operators.running import running_operators
from toolchain.paths import ROOT

FreshCluster = Callable[..., Cluster]
"""Makes a cluster that nobody has used, of a folder and flags for the API server."""
PAUSE = 0.1
"""Seconds between two questions about what can't be watched."""


def roles(*files: str) -> Iterator[dict[str, Any]]:
    """Return the objects in files of `deploy/`."""
    for file in files:
        yield from yaml.safe_load_all((ROOT / "deploy" / f"{file}.yaml").read_text("utf-8"))


def grant(api: client.ApiClient, documents: Iterable[dict[str, Any]]) -> None:
    """Create roles, their bindings and namespaces, where they are not there yet."""
    for each in documents:
        try:
            utils.create_from_dict(api, each)
        except utils.FailToCreateError as error:
            if any(cause.status != 409 for cause in error.api_exceptions):
                raise


CERTIFICATES: Any = {
    "apiVersion": "apiextensions.k8s.io/v1",
    "kind": "CustomResourceDefinition",
    "metadata": {"name": "certificates.cert-manager.io"},
    "spec": {
        "group": "cert-manager.io",
        "scope": "Namespaced",
        "names": {"kind": "Certificate", "plural": "certificates"},
        "versions": [
            {
                "name": "v1",
                "served": True,
                "storage": True,
                "schema": {
                    "openAPIV3Schema": {
                        "type": "object",
                        "x-kubernetes-preserve-unknown-fields": True,
                    }
                },
            }
        ],
    },
}
"""A definition of the tests' own: cert-manager's real one is not among the modules."""


def played_cert_manager(objects: client.CustomObjectsApi, running: Any) -> dict[str, Any]:
    """Make the certificate Ready as soon as it is there."""
    place = ("cert-manager.io", "v1", "istio-system", "certificates", "wildcard-certs")
    while running.poll() is None:
        try:
            found: Any = objects.get_namespaced_custom_object(*place)
        except client.ApiException as error:
            if error.status != 404:
                raise
            time.sleep(PAUSE)
            continue
        ready = {"status": {"conditions": [{"type": "Ready", "status": "True"}]}}
        objects.patch_namespaced_custom_object(*place, ready)
        return dict(found)
    raise AssertionError(running.communicate()[0])


def example(name: str) -> Path:
    """Return a stack file of `examples/`."""
    return ROOT / "examples" / f"Pulumi.{name}.yaml"


@contextmanager
def playing_operators(cluster: Cluster) -> Iterator[None]:
    """Run the operators' stand-in, which sets the Ready conditions that a stack waits for."""
    log = cluster.folder / "log" / "operators.log"
    with running_operators(cluster.kubeconfig, log) as process:
        yield
        assert process.poll() is None, "the operators' stand-in ended by itself"


def until(condition: Callable[[], bool], within: float) -> None:
    """Ask again until it is so, for what can't be watched; `within` is in seconds."""
    deadline = time.monotonic() + within
    while not condition():
        assert time.monotonic() < deadline, f"not so after {within} s"
        time.sleep(PAUSE)
