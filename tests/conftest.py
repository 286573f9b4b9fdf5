"""Which tests share what they set up, and so must run in one process."""

from pathlib import Path

import pytest

MESH = Path(__file__).parent / "e2e" / "mesh"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Keep a file's tests together, and all tests of the one mesh."""
    for item in items:
        group = "mesh" if MESH in item.path.parents else str(item.path)
        item.add_marker(pytest.mark.xdist_group(group))
