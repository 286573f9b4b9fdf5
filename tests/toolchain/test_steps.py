"""The set-up's steps: done once, done again when their inputs change, clear when they fail."""

from collections.abc import Callable
from pathlib import Path

import pytest

from toolchain import gomodules, setup, steps
from toolchain.gomodules import Program
from toolchain.log import Log, StepFailedError
from toolchain.setup import perform_all
from toolchain.steps import Step, ToBuild


@pytest.fixture(autouse=True)
def work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for module in (steps, setup):
        monkeypatch.setattr(module, "LOGS", tmp_path / "log")
    monkeypatch.setattr(setup, "WORK", tmp_path)
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
    perform_all([step])
    perform_all([step])
    assert runs == ["run"]
    assert step.outcome() == "made it"


def test_a_step_runs_again_when_an_input_changes(work: Path) -> None:
    lock = work / "lock"
    lock.write_text("1")
    step, runs = counting(work, lock)
    perform_all([step])
    lock.write_text("2")
    perform_all([step])
    assert len(runs) == 2


def test_a_step_runs_again_when_what_it_made_is_gone(work: Path) -> None:
    step, runs = counting(work)
    perform_all([step])
    (work / "made").unlink()
    perform_all([step])
    assert len(runs) == 2


def test_a_failure_names_the_step_the_reason_and_the_log(
    work: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    step = Step("broken", (), (), running("sh", "-c", "echo no space; exit 3"))
    with pytest.raises(StepFailedError, match="broken"):
        perform_all([step])
    said = capsys.readouterr().out
    assert "✗ broken: failed: `sh` exited with 3" in said
    assert "no space" in said
    assert str(work / "log" / "broken.log") in said
    assert step.outcome() is None


def test_a_missing_program_is_named() -> None:
    step = Step("broken", (), (), running("no-such-program"))
    with pytest.raises(StepFailedError, match="`no-such-program` is not installed"):
        step.begin()


def test_a_step_that_made_nothing_has_failed(work: Path) -> None:
    step = Step("idle", (work / "never",), (), lambda _: "done")
    with pytest.raises(StepFailedError, match="did not make"):
        step.begin()


def test_the_others_are_done_when_one_fails(work: Path) -> None:
    step, runs = counting(work)
    broken = [Step(name, (), (), running("false")) for name in ("first", "last")]
    for _ in range(2):
        with pytest.raises(StepFailedError, match="for the reasons above: first, last"):
            perform_all([broken[0], step, broken[1]])
    assert runs == ["run"]


def test_steps_run_side_by_side(work: Path) -> None:
    fifo = work / "fifo"
    # Each end of a pipe waits for the other.
    read = Step("read", (), (), running("timeout", "20", "cat", str(fifo)))
    write = Step("write", (), (), running("timeout", "20", "sh", "-c", f"echo > {fifo}"))
    running("mkfifo", str(fifo))(Log(work / "log.txt"))
    perform_all([read, write])
    assert read.outcome() == write.outcome() == "done"


def buildable(work: Path, name: str, module: str) -> Step:
    program = Program(work / "bin" / name, module, f"vendor.example/{name}")
    return Step(name, (program.target,), (), lambda _: ToBuild("no vendor"), program)


def test_what_shares_a_go_mod_is_built_at_once(work: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    built: list[list[str]] = []

    def build(programs: list[Program], log: Log) -> None:
        built.append([program.target.name for program in programs])
        for program in programs:
            program.target.parent.mkdir(exist_ok=True)
            program.target.touch()

    monkeypatch.setattr(gomodules, "build", build)
    todo = [buildable(work, *pair) for pair in (("a", "one"), ("b", "two"), ("c", "one"))]
    perform_all(todo)
    assert built == [["a", "c"], ["b"]]
    assert [step.outcome() for step in todo] == [
        f"built from vendor.example/{name}" for name in "abc"
    ]


def test_nothing_is_built_after_a_failure(work: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_: Log) -> str:
        raise StepFailedError("its checksum is wrong")

    program = Program(work / "bin" / "wrong", "one", "vendor.example/wrong")
    wrong = Step("wrong", (program.target,), (), refuse, program)
    monkeypatch.setattr(gomodules, "build", lambda *_: pytest.fail("it was built"))
    with pytest.raises(StepFailedError, match=r"reasons above: wrong$"):
        perform_all([buildable(work, "good", "one"), wrong])


def test_a_fault_of_ours_is_not_hidden(work: Path) -> None:
    def fault(_: Log) -> str:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        perform_all([Step("faulty", (), (), fault)])


def test_a_failed_build_keeps_what_could_be_built(
    work: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def build(programs: list[Program], log: Log) -> None:
        programs[0].target.parent.mkdir()
        programs[0].target.touch()
        raise StepFailedError("`go` exited with 1")

    monkeypatch.setattr(gomodules, "build", build)
    good, bad = (buildable(work, name, "one") for name in ("good", "bad"))
    with pytest.raises(StepFailedError, match="go build of good, bad"):
        perform_all([good, bad])
    assert "`go` exited with 1" in capsys.readouterr().out
    assert good.outcome() is not None
    assert bad.outcome() is None
