"""One mesh a session, with the project's own program brought up on it."""

import copy
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Protocol

import pytest

from harness import FreshCluster
from mesh.installation import Installation, Manifest
from stacks import make_stack
from tests import stack_files
from toolchain.cluster import APPS_DOMAIN
from toolchain.downloads import Vendors
from toolchain.mesh.local import LocalMesh
from toolchain.mesh.programs import steps

_running = ExitStack()
"""The meshes that are used by one file after the other."""


@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown(item: pytest.Item, nextitem: pytest.Item | None) -> Iterator[None]:
    """End the meshes after the last test of this folder: they are not idle when nobody asks."""
    yield
    if nextitem is None or Path(__file__).parent not in nextitem.path.parents:
        _running.close()


@contextmanager
def install(
    fresh_cluster: FreshCluster,
    folder: Path,
    config: Mapping[str, object],
    domain: str = APPS_DOMAIN,
) -> Iterator[Installation]:
    """Start a cluster with its mesh and bring a stack of the project's own program up there.

    The documentation's Knative Service is the stack's own.
    """
    undone = [step.name for step in steps(Vendors()) if step.outcome() is None]
    if undone:
        pytest.fail(f"not set up: {', '.join(undone)}. Run `make setup` (or `make test`)")
    with fresh_cluster(folder / "cluster") as cluster, LocalMesh(cluster) as mesh:
        mesh.objects.apply(
            {
                "apiVersion": "config.openshift.io/v1",
                "kind": "Ingress",
                "metadata": {"name": "cluster"},
                "spec": {"domain": domain},
            }
        )
        stack = make_stack(folder / "stack", cluster.kubeconfig)
        config = {"verification.image": "openshift/hello-openshift", **config}
        stack.configure(config)
        settings = stack_files.settings(config)
        root = folder / "root.crt"
        installation = Installation(mesh, stack, settings, domain, root, cluster.kubeconfig)
        installation.up()
        root.write_text(stack.outputs()["caCertificatePem"], encoding="utf-8")
        installation.until(installation.answers, "the documentation's curl answers")
        yield installation


@pytest.fixture(scope="session")
def service_mesh_2(
    fresh_cluster: FreshCluster, tmp_path_factory: pytest.TempPathFactory
) -> Installation:
    folder = tmp_path_factory.mktemp("mesh2")
    return _running.enter_context(install(fresh_cluster, folder, {}))


@pytest.fixture(scope="session")
def service_mesh_3(
    fresh_cluster: FreshCluster, tmp_path_factory: pytest.TempPathFactory
) -> Installation:
    folder = tmp_path_factory.mktemp("mesh3")
    return _running.enter_context(install(fresh_cluster, folder, {"mesh.version": 3}))


@pytest.fixture(scope="module")
def installation(request: pytest.FixtureRequest) -> Installation:
    """Give the installation of Service Mesh 2, or the one that a module asks for (`BOTH`)."""
    found = request.getfixturevalue(getattr(request, "param", "service_mesh_2"))
    assert isinstance(found, Installation)
    return found


class Keep(Protocol):
    """Notes an object, to be as it is now after the test; returns it as it can be applied."""

    def __call__(self, api_version: str, kind: str, name: str, namespace: str) -> Manifest: ...


@pytest.fixture
def keep(installation: Installation) -> Iterator[Keep]:
    noted: list[Manifest] = []

    def note(api_version: str, kind: str, name: str, namespace: str) -> Manifest:
        found = installation.mesh.objects.find(api_version, kind, name, namespace)
        assert found is not None
        found.pop("status", None)
        found["metadata"] = {
            key: value
            for key, value in found["metadata"].items()
            if key in {"name", "namespace", "labels", "annotations"}
        }
        installation.manager(found)
        noted.append(found)
        return copy.deepcopy(found)

    yield note
    for manifest in noted:
        installation.apply(manifest)
    installation.until(
        lambda: installation.settled() and installation.answers(),
        "the documentation's curl answers again",
    )
