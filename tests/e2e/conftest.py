"""The real API server, one a session, and stacks of the real engine on it."""

from tests.clusters import cluster, operators, pulumi_stack

__all__ = ["cluster", "operators", "pulumi_stack"]
