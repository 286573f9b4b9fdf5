"""KnativeServing. Documentation: "Installing and configuring Serverless", step 1."""

from typing import Any, Final

import pulumi

from components.knative import annotations, observability
from components.names import (
    DEFAULT_MESH_NAMESPACE,
    INGRESS_GATEWAY,
    INGRESS_SERVICE,
    LOCAL_GATEWAY,
    SERVING_NAMESPACE,
)
from components.resources import Manifest, child_options, declare, protected, ready
from components.sidecars import workloads
from settings import Settings

WITH_SIDECAR: Final = ("activator", "autoscaler")
"""Serving's data plane."""


def serving(settings: Settings) -> Manifest:
    """Return the manifest of KnativeServing with the Istio integration."""
    spec: dict[str, Any] = {
        "ingress": {"istio": {"enabled": True}},
        "deployments": workloads(WITH_SIDECAR),
    }
    if config := {**_gateways(settings), **observability(settings)}:
        spec["config"] = config
    if not settings.secret_filtering:
        spec["workloads"] = [unfiltered()]
    metadata: dict[str, Any] = {"name": "knative-serving", "namespace": SERVING_NAMESPACE}
    if found := annotations(settings):
        metadata["annotations"] = found
    return {
        "apiVersion": "operator.knative.dev/v1beta1",
        "kind": "KnativeServing",
        "metadata": metadata,
        "spec": spec,
    }


def unfiltered() -> dict[str, Any]:
    """Return the workload setting by which net-istio reads every secret.

    Documentation: "Improving net-istio memory usage by using secret filtering for Service Mesh".
    """
    variable = {"name": "ENABLE_SECRET_INFORMER_FILTERING_BY_CERT_UID", "value": "false"}
    return {
        "name": "net-istio-controller",
        "env": [{"container": "controller", "envVars": [variable]}],
    }


def _gateways(settings: Settings) -> dict[str, dict[str, str]]:
    """Return where the gateways' Services are, where Knative would not look for them."""
    if settings.mesh_namespace == DEFAULT_MESH_NAMESPACE:
        return {}
    domain = f"{settings.mesh_namespace}.svc.cluster.local"
    return {
        "istio": {
            f"gateway.{SERVING_NAMESPACE}.{INGRESS_GATEWAY}": f"{INGRESS_SERVICE}.{domain}",
            f"local-gateway.{SERVING_NAMESPACE}.{LOCAL_GATEWAY}": f"{LOCAL_GATEWAY}.{domain}",
        }
    }


class KnativeServing(pulumi.ComponentResource):
    """Knative Serving inside the mesh, ready."""

    def __init__(
        self, name: str, settings: Settings, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("serverlessmesh:serving:KnativeServing", name, None, opts)
        manifest = ready(serving(settings), settings.ready_timeout_seconds)
        child = protected(child_options(self, opts), settings.protect)
        declare("knative-serving", manifest, child)
        self.register_outputs({})
