"""The rules on mutual TLS hold against istiod's own code, over meshes drawn from fixed seeds."""

from collections.abc import Iterator

import pytest

from tests.differential.mtls import asked, compare
from tests.differential.mtls_worlds import mesh
from toolchain.mesh.traffic import IstioTraffic

SEEDS = range(16)


@pytest.fixture(scope="module")
def istio() -> Iterator[IstioTraffic]:
    with IstioTraffic() as running:
        yield running


@pytest.mark.parametrize("seed", SEEDS)
def test_the_rules_and_istiod_agree(istio: IstioTraffic, seed: int) -> None:
    assert not list(compare(istio, mesh(seed)))


def test_the_meshes_are_good_and_bad(istio: IstioTraffic) -> None:
    """Or else agreeing would be easy."""
    found = [asked(istio, mesh(seed)) for seed in SEEDS[:12]]
    assert {bool(each.open) for each in found} == {True, False}
    assert {bool(each.weak) for each in found} == {True, False}
