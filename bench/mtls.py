"""The rules on mutual TLS and istiod, asked about as many meshes as one likes."""

from rich.console import Console

from tests.differential.mtls import compare
from tests.differential.mtls_worlds import mesh
from toolchain.mesh.traffic import IstioTraffic


def run(console: Console, first: int, count: int) -> int:
    """Compare them over the seeds from `first` on; return in how many meshes they differ."""
    differing = 0
    with IstioTraffic() as istio:
        for seed in range(first, first + count):
            found = list(compare(istio, mesh(seed)))
            differing += bool(found)
            for line in found:
                console.print(f"seed {seed}: {line}", markup=False)
    console.print(f"{count} meshes, {differing} with differences")
    return differing
