"""The local cluster in the background: which one is started."""

import sys
from pathlib import Path

import pytest

from toolchain import daemon
from toolchain.errors import LocalEnvironmentError
from toolchain.mesh.programs import FOLDER

pytestmark = [pytest.mark.e2e, pytest.mark.mesh]


@pytest.mark.parametrize("had", [True, False])
def test_data_that_had_a_mesh_have_one_again(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, had: bool
) -> None:
    if had:
        (tmp_path / FOLDER).mkdir()
    monkeypatch.setattr(daemon, "CLUSTER", tmp_path)
    monkeypatch.setattr(daemon, "_LOG", tmp_path / "cluster.log")
    # Says with what it would have been started, and ends.
    monkeypatch.setattr(sys, "executable", "echo")
    with pytest.raises(LocalEnvironmentError, match="toolchain serve") as caught:
        daemon.start()
    assert ("--mesh" in str(caught.value)) is had
