"""The Knative Service that proves the integration. Documentation: "Verifying the integration"."""

from typing import Final

import pulumi

from components.resources import Manifest, child_options, declare, ready
from components.sidecars import ANNOTATIONS
from settings import Settings

PASSTHROUGH: Final = "serving.knative.openshift.io/enablePassthrough"
"""Lets the route pass TLS through, so that the gateway serves the wildcard certificate itself."""


def url(settings: Settings, apps_domain: str) -> str:
    """Return the address of the service."""
    return f"https://{settings.verification_name}-{settings.verification_project}.{apps_domain}"


def service(settings: Settings) -> Manifest:
    """Return the manifest of the Knative Service, with the three documented annotations."""
    return {
        "apiVersion": "serving.knative.dev/v1",
        "kind": "Service",
        "metadata": {
            "name": settings.verification_name,
            "namespace": settings.verification_project,
            "annotations": {PASSTHROUGH: "true"},
        },
        "spec": {
            "template": {
                "metadata": {"annotations": dict(ANNOTATIONS)},
                "spec": {"containers": [{"image": settings.verification_image}]},
            }
        },
    }


class Verification(pulumi.ComponentResource):
    """The Knative Service, ready."""

    def __init__(
        self, name: str, settings: Settings, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("serverlessmesh:verification:Verification", name, None, opts)
        manifest = ready(service(settings), settings.ready_timeout_seconds)
        declare(settings.verification_name, manifest, child_options(self, opts))
        self.register_outputs({})
