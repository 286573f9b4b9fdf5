"""Which tests share what they set up, and so must run in one process; what makes all cheaper."""

from collections.abc import Iterator
from functools import cache
from typing import Final

import pytest
from typer.main import get_command
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling

_MESH: Final = "tests/e2e/mesh"
COUNTED: Final = "counted"
"""The property by which a test tells, at the end of the run, how much it has compared."""


class _Scheduling(LoadScopeScheduling):
    """Keep a file's tests together, and all tests of the one mesh."""

    def _split_scope(self, nodeid: str) -> str:
        file, _, _ = nodeid.partition("::")
        return _MESH if file.startswith(f"{_MESH}/") else file


# Not the mark xdist_group: pytest 9.2 ignores it without a word (pytest-xdist's issue 1386).
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> _Scheduling:
    """Have `--dist loadscope` mean that."""
    return _Scheduling(config, log)


@pytest.fixture(autouse=True, scope="session")
def _one_command_tree() -> Iterator[None]:
    """Make the command tree once, as a process does, and not for each call of a test."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("typer.testing._get_command", cache(get_command))
        yield


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Show what tests have counted."""
    for report in terminalreporter.getreports("passed"):
        for name, said in report.user_properties:
            if name == COUNTED:
                terminalreporter.write_line(f"{report.nodeid}: {said}")
