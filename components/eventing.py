"""KnativeEventing. Documentation: "Installing and configuring Serverless", step 3."""

from typing import Any

import pulumi

from components.knative import annotations, observability, workloads
from components.resources import Manifest, child_options, declare, protected, ready
from mesh_policy.documented.kinds import EVENTING, header
from mesh_policy.documented.names import EVENTING_NAME, EVENTING_NAMESPACE, EVENTING_WORKLOADS
from serverless_mesh.injection import Injection
from serverless_mesh.settings import Knative, Lifecycle


def eventing(section: Knative, injection: Injection, network_policies: bool = True) -> Manifest:
    """Return the manifest of KnativeEventing with the Istio integration.

    Without `network_policies` it makes none either, as the mesh does not.
    """
    metadata: dict[str, Any] = {"name": EVENTING_NAME, "namespace": EVENTING_NAMESPACE}
    if found := annotations(network_policies):
        metadata["annotations"] = found
    return {
        **header(EVENTING),
        "metadata": metadata,
        "spec": {
            "config": {"features": {"istio": "enabled"}, **observability(section)},
            "workloads": workloads(EVENTING_WORKLOADS, injection),
        },
    }


class KnativeEventing(pulumi.ComponentResource):
    """Knative Eventing inside the mesh, ready."""

    def __init__(
        self,
        name: str,
        section: Knative,
        injection: Injection,
        lifecycle: Lifecycle,
        network_policies: bool = True,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("serverlessmesh:eventing:KnativeEventing", name, None, opts)
        manifest = eventing(section, injection, network_policies)
        child = protected(child_options(self, opts), lifecycle.protect)
        declare(EVENTING_NAME, ready(manifest, lifecycle.ready_timeout_seconds), child)
        self.register_outputs({})
