"""Which versions of the operators are supported together, as a table."""

import re
from typing import Final, NamedTuple

Version = tuple[int, ...]


class Pair(NamedTuple):
    """A Service Mesh operator's package, and the least versions of it and of Serverless."""

    package: str
    mesh: Version
    serverless: Version

    def __str__(self) -> str:
        mesh, serverless = (".".join(map(str, each)) for each in (self.mesh, self.serverless))
        return f"Service Mesh {mesh} or later with Serverless {serverless} or later"


MESH_2: Final = Pair("servicemeshoperator", (2, 2), (1, 31))
MESH_3: Final = Pair("servicemeshoperator3", (3, 0), (1, 37))
PAIRS: Final = (MESH_2, MESH_3)


def version_of(written: str) -> Version | None:
    """Parse a version such as `v2.4` or `1.31.0-3`; None for what is none."""
    match = re.match(r"v?(\d{1,9})\.(\d{1,9})", written, re.ASCII)
    return tuple(map(int, match.groups())) if match else None
