"""What the tests check files with that are not the project's own code: actionlint, of workflows."""

from typing import Final

from toolchain.gomodules import Program
from toolchain.log import Log
from toolchain.paths import BIN
from toolchain.steps import Step, ToBuild

ACTIONLINT: Final = BIN / "actionlint"
_PROGRAM: Final = Program(ACTIONLINT, "actionlint", "github.com/rhysd/actionlint/cmd/actionlint")


def actionlint() -> Step:
    """Provide the program that checks GitHub's workflows."""

    def provide(_log: Log) -> ToBuild:
        return ToBuild("in seconds, where a download would be another thing to trust")

    return Step(ACTIONLINT.name, (ACTIONLINT,), _PROGRAM.inputs, provide, _PROGRAM)
