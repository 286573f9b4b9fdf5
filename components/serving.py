"""KnativeServing. Documentation: "Installing and configuring Serverless", step 1."""

from typing import Any

import pulumi

from components.knative import annotations, observability, workloads
from components.resources import Manifest, child_options, declare, protected, ready
from mesh_policy.documented.kinds import SERVING, header
from mesh_policy.documented.names import (
    INGRESS_GATEWAY,
    LOCAL_GATEWAY,
    NET_ISTIO,
    SECRET_FILTER,
    SERVING_NAME,
    SERVING_NAMESPACE,
    SERVING_WORKLOADS,
)
from serverless_mesh.ingress import Ingress
from serverless_mesh.injection import Injection
from serverless_mesh.settings import Knative, Lifecycle


def serving(
    section: Knative, ingress: Ingress, injection: Injection, network_policies: bool = True
) -> Manifest:
    """Return the manifest of KnativeServing with the Istio integration.

    Without `network_policies` it makes none either, as the mesh does not.
    """
    spec: dict[str, Any] = {
        "ingress": {"istio": {"enabled": True}},
        "deployments": workloads(SERVING_WORKLOADS, injection),
        "config": {**_gateways(ingress), **_names(section), **observability(section)},
    }
    if not section.secret_filtering:
        spec["workloads"] = [unfiltered()]
    metadata: dict[str, Any] = {"name": SERVING_NAME, "namespace": SERVING_NAMESPACE}
    if found := annotations(network_policies):
        metadata["annotations"] = found
    return {
        **header(SERVING),
        "metadata": metadata,
        "spec": spec,
    }


def unfiltered() -> dict[str, Any]:
    """Return the workload setting by which net-istio reads every secret.

    Documentation: "Improving net-istio memory usage by using secret filtering for Service Mesh".
    """
    variable = {"name": SECRET_FILTER, "value": "false"}
    return {
        "name": NET_ISTIO,
        "env": [{"container": "controller", "envVars": [variable]}],
    }


def _gateways(ingress: Ingress) -> dict[str, dict[str, str]]:
    """Return where the gateways' Services are."""
    domain = f"{ingress.namespace}.svc.cluster.local"
    return {
        "istio": {
            f"gateway.{SERVING_NAMESPACE}.{INGRESS_GATEWAY}": f"{ingress.service}.{domain}",
            f"local-gateway.{SERVING_NAMESPACE}.{LOCAL_GATEWAY}": f"{LOCAL_GATEWAY}.{domain}",
        }
    }


def _names(section: Knative) -> dict[str, dict[str, str]]:
    """Return how Knative Services are named, where that is not as the operator has it."""
    found: dict[str, dict[str, str]] = {}
    if section.default_domain is not None:
        found["domain"] = {section.default_domain: ""}
    if section.domain_template is not None:
        found["network"] = {"domain-template": section.domain_template}
    return found


class KnativeServing(pulumi.ComponentResource):
    """Knative Serving inside the mesh, ready."""

    def __init__(
        self,
        name: str,
        section: Knative,
        ingress: Ingress,
        injection: Injection,
        lifecycle: Lifecycle,
        network_policies: bool = True,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("serverlessmesh:serving:KnativeServing", name, None, opts)
        manifest = serving(section, ingress, injection, network_policies)
        child = protected(child_options(self, opts), lifecycle.protect)
        declare(SERVING_NAME, ready(manifest, lifecycle.ready_timeout_seconds), child)
        self.register_outputs({})
