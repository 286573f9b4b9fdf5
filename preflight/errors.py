"""The one root of all that is refused before anything is touched."""

from serverless_mesh.errors import ServerlessMeshError


class PreflightError(ServerlessMeshError):
    """The cluster is not what the settings need; the message says what is and what to do."""


class ClusterError(PreflightError):
    """The cluster can't be read; the message says what was tried and what to do."""
