"""What Knative's resources have in common: sidecars, annotations, metrics."""

from collections.abc import Iterable
from typing import Any

from mesh_policy.documented.names import (
    METRICS_BACKEND,
    METRICS_PROTOCOL,
    NO_NETWORK_POLICIES,
    REQUEST_METRICS_PROTOCOL,
)
from serverless_mesh.injection import Injection
from serverless_mesh.settings import Knative


def pod_metadata(injection: Injection) -> dict[str, dict[str, str]]:
    """Return the labels and annotations by which a pod gets a sidecar, and probes pass through."""
    parts = {"labels": dict(injection.labels), "annotations": dict(injection.annotations)}
    return {name: part for name, part in parts.items() if part}


def workloads(names: Iterable[str], injection: Injection) -> list[dict[str, Any]]:
    """Return the `workloads` (or `deployments`) of a Knative resource, each with a sidecar."""
    return [{"name": name, **pod_metadata(injection)} for name in names]


def annotations(network_policies: bool) -> dict[str, str]:
    """Return the annotations: no network policies of Serverless where Service Mesh makes none.

    Documentation: "Disabling the default network policies".
    """
    return {} if network_policies else {NO_NETWORK_POLICIES: "true"}


def observability(section: Knative) -> dict[str, dict[str, str]]:
    """Return the configuration by which metrics stay on under mTLS.

    Documentation: "Enabling Knative Serving and Knative Eventing metrics when using Service Mesh
    with mTLS". Serverless 1.38 reads other keys than 1.37, and each ignores those of the other.
    """
    keys = (METRICS_BACKEND, METRICS_PROTOCOL, REQUEST_METRICS_PROTOCOL)
    return {"observability": dict.fromkeys(keys, "prometheus")} if section.metrics else {}
