"""KnativeEventing. Documentation: "Installing and configuring Serverless", step 3."""

from typing import Any, Final

import pulumi

from components.knative import annotations, observability
from components.names import EVENTING_NAMESPACE
from components.resources import Manifest, child_options, declare, protected, ready
from components.sidecars import workloads
from settings import Settings

WITH_SIDECAR: Final = (
    "pingsource-mt-adapter",
    "imc-dispatcher",
    "mt-broker-ingress",
    "mt-broker-filter",
)


def eventing(settings: Settings) -> Manifest:
    """Return the manifest of KnativeEventing with the Istio integration."""
    metadata: dict[str, Any] = {"name": "knative-eventing", "namespace": EVENTING_NAMESPACE}
    if found := annotations(settings):
        metadata["annotations"] = found
    return {
        "apiVersion": "operator.knative.dev/v1beta1",
        "kind": "KnativeEventing",
        "metadata": metadata,
        "spec": {
            "config": {"features": {"istio": "enabled"}, **observability(settings)},
            "workloads": workloads(WITH_SIDECAR),
        },
    }


class KnativeEventing(pulumi.ComponentResource):
    """Knative Eventing inside the mesh, ready."""

    def __init__(
        self, name: str, settings: Settings, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("serverlessmesh:eventing:KnativeEventing", name, None, opts)
        manifest = ready(eventing(settings), settings.ready_timeout_seconds)
        child = protected(child_options(self, opts), settings.protect)
        declare("knative-eventing", manifest, child)
        self.register_outputs({})
