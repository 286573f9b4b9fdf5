"""The rule on conflicting Gateways beside istiod's own merge, in many clusters."""

import os
from concurrent.futures import ProcessPoolExecutor
from random import Random
from typing import Final

from rich.console import Console
from rich.table import Table

from bench.errors import BenchError
from tests.differential.gateway_worlds import cluster
from tests.differential.gateways import Comparison, added, compare
from toolchain.mesh.traffic import IstioTraffic

CLUSTERS: Final = 20_000
_AT_ONCE: Final = 250
"""Clusters that one process compares, one after the other."""
_SHOWN: Final = 10


def run(console: Console, clusters: int, seed: int) -> None:
    """Compare both, and show what they agree on and where they do not.

    Raises:
        BenchError: they differ somewhere.
    """
    total, last = Comparison(), seed + clusters
    parts = [range(each, min(each + _AT_ONCE, last)) for each in range(seed, last, _AT_ONCE)]
    differing: list[int] = []
    with ProcessPoolExecutor(os.cpu_count()) as pool:
        for done, (found, seeds) in enumerate(pool.map(_compared, parts), 1):
            total = added(total, found)
            differing += seeds
            where = f"; they differ in the clusters of the seeds {seeds}" if seeds else ""
            console.print(f"{min(done * _AT_ONCE, clusters):,} clusters: {total.counts}{where}")
    table = Table(title=f"The rule beside istiod, {clusters:,} clusters of seeds from {seed}")
    for column in ("Gateways", "in conflict", "undetermined", "differing on purpose", "differing"):
        table.add_column(column, justify="right")
    counts = (total.compared, total.conflicts, total.undetermined)
    differences = (len(total.explained), len(total.differences))
    table.add_row(*(f"{each:,}" for each in (*counts, *differences)))
    console.print(table)
    for each in total.differences[:_SHOWN]:
        console.print(f"{each.gateway}: the rule says {each.said}; istiod: {each.is_so}")
    if differing:
        raise BenchError(f"they differ in the clusters of the seeds {differing[:_SHOWN]}")


def _compared(seeds: range) -> tuple[Comparison, list[int]]:
    total = Comparison()
    with IstioTraffic() as istio:
        found = {seed: compare(istio, cluster(Random(seed))) for seed in seeds}
    for each in found.values():
        total = added(total, each)
    return total, [seed for seed, each in found.items() if each.differences]
