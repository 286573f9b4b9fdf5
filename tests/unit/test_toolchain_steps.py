"""The set-up's steps: done once, done again when their inputs change, clear when they fail."""

from collections.abc import Callable
from pathlib import Path

import pytest
from rich.console import Console

from toolchain import steps
from toolchain.steps import Log, Step, StepFailedError, perform_all


@pytest.fixture(autouse=True)
def work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(steps, "LOGS", tmp_path / "log")
    monkeypatch.setattr(steps, "STAMPS", tmp_path / "stamps")
    return tmp_path


def counting(folder: Path, *inputs: Path | str) -> tuple[Step, list[str]]:
    runs: list[str] = []

    def run(log: Log) -> str:
        log.run(["touch", str(folder / "made")])
        runs.append("run")
        return "made it"

    return Step("counted", (folder / "made",), inputs, run), runs


def running(*command: str) -> Callable[[Log], str]:
    def run(log: Log) -> str:
        log.run(command)
        return "done"

    return run


def test_a_step_runs_once(work: Path) -> None:
    step, runs = counting(work)
    console = Console(quiet=True)
    perform_all([step], console)
    perform_all([step], console)
    assert runs == ["run"]
    assert step.outcome() == "made it"


def test_a_step_runs_again_when_an_input_changes(work: Path) -> None:
    lock = work / "lock"
    lock.write_text("1")
    step, runs = counting(work, lock)
    step.perform()
    lock.write_text("2")
    perform_all([step], Console(quiet=True))
    assert len(runs) == 2


def test_a_step_runs_again_when_what_it_made_is_gone(work: Path) -> None:
    step, runs = counting(work)
    step.perform()
    (work / "made").unlink()
    perform_all([step], Console(quiet=True))
    assert len(runs) == 2


def test_a_failure_names_the_step_the_reason_and_the_log(work: Path) -> None:
    step = Step("broken", (), (), running("sh", "-c", "echo no space; exit 3"))
    with pytest.raises(StepFailedError) as caught:
        step.perform()
    assert "broken: `sh` exited with 3" in str(caught.value)
    assert "no space" in str(caught.value)
    assert str(work / "log" / "broken.log") in str(caught.value)
    assert step.outcome() is None


def test_a_missing_program_is_named() -> None:
    step = Step("broken", (), (), running("no-such-program"))
    with pytest.raises(StepFailedError, match="`no-such-program` is not installed"):
        step.perform()


def test_a_step_that_made_nothing_has_failed(work: Path) -> None:
    step = Step("idle", (work / "never",), (), lambda _: "done")
    with pytest.raises(StepFailedError, match="did not make"):
        step.perform()


def test_steps_before_a_failure_stay_done(work: Path) -> None:
    step, runs = counting(work)
    broken = Step("broken", (), (), running("false"))
    for _ in range(2):
        with pytest.raises(StepFailedError):
            perform_all([step, broken], Console(quiet=True))
    assert runs == ["run"]
