"""Write what is generated from the code: `make docs`."""

from pathlib import Path

from cli import config, rule_reference
from policy.rules import RULES

ROOT = Path(__file__).resolve().parent.parent


def main() -> None:
    """Write every generated file; a test holds each to the code."""
    project = ROOT / "Pulumi.yaml"
    project.write_text(config.project_file(project.read_text("utf-8")), encoding="utf-8")
    docs = ROOT / "docs"
    (docs / "configuration.md").write_text(config.reference(), encoding="utf-8")
    (docs / "rules.md").write_text(rule_reference.reference(RULES), encoding="utf-8")


if __name__ == "__main__":
    main()
