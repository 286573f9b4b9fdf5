"""What every command's help ends with: examples, and the exit codes."""

from typing import Final

EXIT_CODES: Final = "0 all well, 1 something is wrong, 2 could not look, or not at everything"
"""What the exit codes of all commands mean; they stay as they are."""


def epilog(*examples: str, codes: str = EXIT_CODES) -> str:
    """Return the end of a command's help; each example is what follows `serverless-mesh`."""
    shown = [f"serverless-mesh {example}" for example in examples]
    # Typer makes a paragraph of what has an empty line around it.
    return "\n\n".join(["Examples:", *shown, f"Exit codes: {codes}."])
