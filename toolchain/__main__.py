"""`python -m toolchain`: what the Makefile calls."""

import sys

from rich.console import Console

from toolchain import kubernetes, pulumi
from toolchain.steps import StepFailedError, perform_all


def setup() -> None:
    c = Console()
    perform_all((pulumi.cli(), *pulumi.plugins(), *kubernetes.programs(), kubernetes.definitions()), c)

if __name__ == "__main__":
    try:
        setup()
    except StepFailedError as e:
        sys.exit(str(e))
