"""The real API server, one a session, and stacks of the real engine on it."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from kubernetes.dynamic import DynamicClient

from harness import PulumiStack, StackFactory, make_stack, playing_operators
from tests.emptying import Emptying
from toolchain.cluster import Cluster
from toolchain.paths import BIN


def pytest_configure() -> None:
    """Let programs in Go collect garbage rarely: the tests' ones end soon, and there are many."""
    os.environ.setdefault("GOGC", "300")


@pytest.fixture(scope="session")
def emptying(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Emptying]:
    """The session's cluster, started when the first test asks for it."""
    if not (BIN / "kube-apiserver").exists():
        pytest.fail("the local environment is not set up: run `make setup` (or `make test`)")
    with Cluster(tmp_path_factory.mktemp("cluster")) as running:
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


@pytest.fixture
def pulumi_stack(cluster: Cluster, tmp_path: Path) -> Iterator[StackFactory]:
    made: list[PulumiStack] = []

    def make(program: str | None = None, name: str = "test") -> PulumiStack:
        stack = make_stack(
            tmp_path / f"stack-{len(made)}", cluster.kubeconfig, program=program, name=name
        )
        made.append(stack)
        return stack

    yield make
    for stack in reversed(made):
        # Whatever a test leaves behind must not reach the next one.
        stack.run("cancel", "--yes")
        stack.destroy()
