"""The Knative Service that proves the integration. Documentation: "Verifying the integration"."""

import pulumi

from components.knative import pod_metadata
from components.resources import Manifest, child_options, declare, ready
from mesh_policy.documented.kinds import KNATIVE_SERVICE, header
from mesh_policy.documented.names import PASSTHROUGH
from serverless_mesh import settings
from serverless_mesh.injection import Injection
from serverless_mesh.settings import Lifecycle


def service(section: settings.Verification, injection: Injection) -> Manifest:
    """Return the manifest of the Knative Service: in the mesh, and reached by its own TLS."""
    return {
        **header(KNATIVE_SERVICE),
        "metadata": {
            "name": section.name,
            "namespace": section.project,
            "annotations": {PASSTHROUGH: "true"},
        },
        "spec": {
            "template": {
                "metadata": pod_metadata(injection),
                "spec": {"containers": [{"image": section.image}]},
            }
        },
    }


class Verification(pulumi.ComponentResource):
    """The Knative Service, ready."""

    def __init__(
        self,
        name: str,
        section: settings.Verification,
        injection: Injection,
        lifecycle: Lifecycle,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("serverlessmesh:verification:Verification", name, None, opts)
        manifest = ready(service(section, injection), lifecycle.ready_timeout_seconds)
        declare(section.name, manifest, child_options(self, opts))
        self.register_outputs({})
