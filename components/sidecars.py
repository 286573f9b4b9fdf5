"""Sidecar injection into the workloads of the Knative components."""

from collections.abc import Iterable
from typing import Any, Final

ANNOTATIONS: Final = {
    "sidecar.istio.io/inject": "true",
    "sidecar.istio.io/rewriteAppHTTPProbers": "true",
}
"""Injects the proxy, and lets probes, which come from outside the mesh, pass through it."""


def workloads(names: Iterable[str]) -> list[dict[str, Any]]:
    """Return the `workloads` (or `deployments`) of a Knative resource, each with a sidecar."""
    return [{"name": name, "annotations": dict(ANNOTATIONS)} for name in names]
