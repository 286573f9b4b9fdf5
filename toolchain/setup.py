"""The set-up: what `make up` needs, and how several parts are provided side by side."""

import sys
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from functools import partial

from toolchain import gomodules, kubernetes, pulumi
from toolchain.display import Display
from toolchain.downloads import Vendors
from toolchain.log import Log, StepFailedError
from toolchain.paths import LOGS, WORK
from toolchain.steps import Step, ToBuild


def base(vendors: Vendors) -> tuple[Step, ...]:
    """List what the program, its tests and the local cluster need."""
    return (
        *pulumi.cli(vendors),
        *pulumi.plugins(vendors),
        *kubernetes.programs(vendors),
        kubernetes.definitions(),
    )


def perform_all(steps: Iterable[Step]) -> None:
    """Perform the steps that are not done yet, side by side, and show each.

    What has to be built is built in one go for each go.mod, one after the other: side by side they
    would compile the same packages twice, and one of them keeps all the cores busy. When a step has
    failed by then, nothing is built.

    Raises:
        StepFailedError: naming every step that failed, each shown with its reason as it did; the
            others are done.
    """
    todo = [step for step in steps if step.outcome() is None]
    if not todo:
        return
    WORK.mkdir(exist_ok=True)
    failures: list[str] = []
    with Display(sys.stdout) as display, ThreadPoolExecutor(len(todo)) as pool:

        def shown(name: str, work: Callable[[], str | ToBuild]) -> ToBuild | None:
            display.start(name)
            try:
                said = work()
            except StepFailedError as error:
                failures.append(name)
                display.end(name, f"failed: {error}", mark="✗")
                return None
            if isinstance(said, ToBuild):
                display.end(name, f"to be built: {said.reason}", mark="·")
                return said
            display.end(name, said)
            return None

        begun = {step.name: pool.submit(shown, step.name, step.begin) for step in todo}
        buildable = [step for step in todo if step.program is not None]
        wait(begun[step.name] for step in buildable)
        by_module: dict[str, list[Step]] = {}
        for step in buildable:
            if step.program is not None and begun[step.name].result() is not None:
                by_module.setdefault(step.program.module, []).append(step)
        for module, group in () if failures else by_module.items():
            names = ", ".join(step.name for step in group)
            shown(f"go build of {names}", partial(_build, module, group))
    for future in begun.values():
        # What is no failure of a step is a fault of ours, and shows as one.
        future.result()
    if failures:
        raise StepFailedError(f"not set up, for the reasons above: {', '.join(sorted(failures))}")


def _build(module: str, steps: Sequence[Step]) -> str:
    """Build the programs of steps that share a go.mod; those that can be built are done then.

    Raises:
        StepFailedError: with the reason and the log.
    """
    log = Log(LOGS / f"go-build-{module}.log")
    log.path.write_text("", encoding="utf-8")
    programs = {step.name: step.program for step in steps if step.program is not None}
    try:
        gomodules.build(list(programs.values()), log)
    except StepFailedError as error:
        raise StepFailedError(f"{error}\nThe whole log: {log.path}") from None
    finally:
        for step in steps:
            program = programs[step.name]
            if program.target.exists():
                step.finish(program.provenance)
    return "done"
