"""The names of the pack's policies beside those of its rules, as the engine reports by them."""

from typing import Final

GATE: Final = "-gate"
"""What follows the rule's id in the name of the policy that checks each object."""
OBSERVED: Final = "observed-cluster"
WARNINGS: Final = "warnings"
UNDETERMINED: Final = "undetermined"
EXEMPTED: Final = "exempted"
