"""Who injects a pod, held against the real API server, Istio's own charts and its injectors.

There is no real consumer of Service Mesh 2's part: its operator and its istiod are served nowhere;
tests/policy/test_injection.py holds what their sources say.
"""

from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from bench.injection import SEED, differences, running
from tests.conftest import COUNTED
from toolchain.mesh import programs

PODS = 300


@pytest.mark.e2e
def test_pods_are_injected_as_the_reading_says(
    tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    if not (programs.ISTIOD.exists() and programs.CHARTS.exists()):
        pytest.fail("not set up: run `make test`, or `python -m toolchain setup --mesh`")
    said: Counter[str | None] = Counter()
    with running(tmp_path) as injection:
        found = differences(injection, PODS, SEED, said)
    record_property(COUNTED, f"{PODS} pods through Istio's injectors: {dict(said)}")
    assert found == []
    # Each of them has been asked, and nobody, too.
    assert said.keys() == {"default", "prod", "picky", None}
    assert sum(said.values()) == PODS
