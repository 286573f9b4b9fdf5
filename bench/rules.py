"""The rules over more and more Gateways: do they stay linear?"""

import gc
import time
from typing import Final

from rich.console import Console
from rich.table import Table

from bench.gateways import gateways
from mesh_policy.reading.objects import Given
from mesh_policy.rule import evaluate
from mesh_policy.rules import RULES
from mesh_policy.world import World

COUNTS: Final = (1_000, 10_000, 100_000)
VARIANTS: Final = {"1 host each": (1, COUNTS), "100 hosts each": (100, (100, 1_000, 10_000))}
REPEATS: Final = 3


def run(console: Console) -> None:
    """Check worlds that grow by tens; the best of some runs counts."""
    table = Table(title=f"{len(RULES)} rules over Gateways (growth per decade: 10 is linear)")
    for column in ("Gateways", "hosts", "findings", "CPU seconds", "hosts per second", "growth"):
        table.add_column(column, justify="right")
    for hosts, counts in VARIANTS.values():
        before = 0.0
        for count in counts:
            seconds, findings = min(_judged(count, hosts) for _ in range(REPEATS))
            table.add_row(
                f"{count:,}",
                f"{count * hosts:,}",
                f"{findings:,}",
                f"{seconds:.3f}",
                f"{count * hosts / seconds:,.0f}",
                f"{seconds / before:.1f}" if before else "",
            )
            before = seconds
        table.add_section()
    console.print(table)


def _judged(count: int, hosts: int) -> tuple[float, int]:
    """Return the CPU seconds from the objects to the last finding, and the number of findings."""
    given = [Given(body) for body in gateways(count, hosts)]
    # As in `serverless-mesh check`; otherwise what the bench itself keeps is looked through too.
    gc.collect()
    gc.disable()
    try:
        start = time.process_time()
        findings = sum(1 for _ in evaluate(RULES, World.of(given)))
        return time.process_time() - start, findings
    finally:
        gc.enable()
