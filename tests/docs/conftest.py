"""The real API server, one a session, and stacks of the real engine on it."""

import pytest


def pytest_configure(config: pytest.Config) -> None:
    """Share the fixtures, and so the API server, with every folder that asks for them."""
    config.pluginmanager.import_plugin("tests.clusters")
