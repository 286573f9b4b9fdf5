"""The real API server, one a session, and stacks of the real engine on it."""

import fcntl
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from kubernetes.dynamic import DynamicClient

from harness import FreshCluster, playing_operators
from tests.emptying import Emptying
from toolchain.cluster import Cluster, copy_data
from toolchain.paths import BIN


def pytest_configure() -> None:
    """Let programs in Go collect garbage rarely: the tests' ones end soon, and there are many."""
    os.environ.setdefault("GOGC", "300")


@pytest.fixture(scope="session")
def fresh_cluster(tmp_path_factory: pytest.TempPathFactory) -> FreshCluster:
    """Makes clusters that nobody has used, in a folder and with flags for the API server.

    To make the definitions served is most of a start, so one cluster does it for all of the run.
    """
    if not (BIN / "kube-apiserver").exists():
        pytest.fail("the local environment is not set up: run `make setup` (or `make test`)")
    base = tmp_path_factory.getbasetemp()
    run = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
    kept = run / "definitions-served"
    with (run / "definitions-served.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not kept.exists():
            folder = tmp_path_factory.mktemp("first")
            with Cluster(folder):
                pass
            folder.rename(kept)

    def fresh(folder: Path, *api_server_flags: str) -> Cluster:
        copy_data(kept, folder)
        return Cluster(folder, *api_server_flags)

    return fresh


@pytest.fixture(scope="session")
def emptying(
    fresh_cluster: FreshCluster, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Emptying]:
    """The session's cluster, started when the first test asks for it."""
    with fresh_cluster(tmp_path_factory.mktemp("cluster")) as running:
        yield Emptying(running)


@pytest.fixture(scope="module")
def cluster(emptying: Emptying) -> Iterator[Cluster]:
    """The session's cluster, emptied after the file's tests."""
    with emptying.afterwards() as running:
        yield running


@pytest.fixture(scope="module")
def operators(cluster: Cluster) -> Iterator[None]:
    """The operators' stand-in, which sets the Ready conditions that a stack waits for."""
    with playing_operators(cluster):
        yield


@pytest.fixture(scope="module")
def played(emptying: Emptying) -> Iterator[Emptying]:
    """The session's cluster for tests that empty it each, with the operators' stand-in beside."""
    with playing_operators(emptying.cluster):
        yield emptying


@pytest.fixture
def emptied(played: Emptying) -> Iterator[Cluster]:
    """The session's cluster with the stand-in, emptied after the test."""
    with played.afterwards() as running:
        yield running


@pytest.fixture
def unused(fresh_cluster: FreshCluster, tmp_path: Path) -> Iterator[Cluster]:
    """A cluster that nobody has used, with the stand-in, for one test."""
    with fresh_cluster(tmp_path / "cluster") as running, playing_operators(running):
        yield running


@pytest.fixture(scope="module")
def own(cluster: Cluster, operators: None) -> Cluster:
    """The cluster with the operators' stand-in beside it."""
    return cluster


@pytest.fixture
def get(own: Cluster) -> Iterator[Any]:
    """Reads one object: `get(version, kind, name, namespace)`."""
    with own.client() as api:
        objects = DynamicClient(api)

        def read(version: str, kind: str, name: str, namespace: str | None = None) -> Any:
            found = objects.resources.get(api_version=version, kind=kind)
            return found.get(name=name, namespace=namespace).to_dict()

        yield read
