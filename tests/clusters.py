"""The real API server, one a session, and stacks of the real engine on it."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness import PulumiStack, StackFactory, make_stack, playing_operators
from tests.emptying import Emptying
from toolchain.cluster import Cluster
from toolchain.paths import BIN


def pytest_configure() -> None:
    """Let programs in Go collect garbage rarely: the tests' ones end soon, and there are many."""
    os.environ.setdefault("GOGC", "300")


@pytest.fixture(scope="session")
def emptying(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Emptying]:
    """The session's cluster, for who leaves more in it than is easily taken away."""
    if not (BIN / "kube-apiserver").exists():
        pytest.fail("the local environment is not set up: run `make setup` (or `make test`)")
    with Cluster(tmp_path_factory.mktemp("cluster")) as running:
        yield Emptying(running)


@pytest.fixture(scope="session")
def cluster(emptying: Emptying) -> Cluster:
    return emptying.cluster


@pytest.fixture(scope="module")
def operators(cluster: Cluster) -> Iterator[None]:
    """The operators' stand-in, which sets the Ready conditions that a stack waits for."""
    with playing_operators(cluster):
        yield


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
