"""What Knative's resources have in common: sidecars, annotations, metrics."""

from collections.abc import Iterable
from typing import Any, Final

from mesh_policy.documented.names import (
    INJECT,
    METRICS_BACKEND,
    NO_NETWORK_POLICIES,
    REWRITE_PROBES,
)
from serverless_mesh.settings import Knative

SIDECAR: Final = {INJECT: "true", REWRITE_PROBES: "true"}
"""The annotations that inject the proxy, and let probes pass through it."""


def workloads(names: Iterable[str]) -> list[dict[str, Any]]:
    """Return the `workloads` (or `deployments`) of a Knative resource, each with a sidecar."""
    return [{"name": name, "annotations": dict(SIDECAR)} for name in names]


def annotations(network_policies: bool) -> dict[str, str]:
    """Return the annotations: no network policies of Serverless where Service Mesh makes none.

    Documentation: "Disabling the default network policies".
    """
    return {} if network_policies else {NO_NETWORK_POLICIES: "true"}


def observability(section: Knative) -> dict[str, dict[str, str]]:
    """Return the configuration by which metrics stay on under mTLS.

    Documentation: "Enabling Knative Serving and Knative Eventing metrics when using Service Mesh
    with mTLS".
    """
    return {"observability": {METRICS_BACKEND: "prometheus"}} if section.metrics else {}
