"""Which stack the commands of the Makefile are about."""

from pathlib import Path

import pytest

from toolchain import dev
from toolchain.errors import LocalEnvironmentError
from toolchain.paths import ROOT


@pytest.fixture(autouse=True)
def state(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.setattr(dev, "STATE", tmp_path)
    folder = tmp_path / ".pulumi" / "stacks" / "serverless-mesh"
    folder.mkdir(parents=True)
    return folder


def test_nothing_said_and_nothing_there_is_the_default() -> None:
    assert dev.chosen(None) == dev.Stack("dev")
    assert dev.chosen(None).settings == ROOT / "Pulumi.dev.yaml"


@pytest.mark.parametrize("name", [None, "mesh3"])
def test_the_stack_that_is_there_needs_no_name(state: Path, name: str | None) -> None:
    (state / "mesh3.json").touch()
    assert dev.chosen(name) == dev.Stack("mesh3")


def test_another_one_has_to_wait_for_make_down(state: Path) -> None:
    (state / "dev.json").touch()
    with pytest.raises(LocalEnvironmentError, match=r"holds the stack dev.* make down"):
        dev.chosen("mesh3")


def test_a_stack_needs_its_file() -> None:
    with pytest.raises(LocalEnvironmentError, match=r"Pulumi\.unheard\.yaml"):
        dev.chosen("unheard")
