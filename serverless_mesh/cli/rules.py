"""`serverless-mesh rules`: which rules there are."""

from typing import Final

from mesh_policy.rules import RULES
from serverless_mesh.cli.console import out
from serverless_mesh.cli.help_texts import epilog

EPILOG: Final = epilog("rules", codes="0 listed")


def list_rules() -> None:
    """List the rules: id, severity, whether each write is gated by it, and what it asks for."""
    for rule in RULES:
        gate = ", gates each write" if rule.harmful else ""
        gate += ", of updates only" if rule.of_updates else ""
        out.print(f"{rule.id}  ({rule.severity}{gate})", markup=False)
        out.print(f"  {rule.title}", markup=False)
