"""Hosts outside the wildcard. Documentation: "Integrating Service Mesh with OpenShift Serverless".

Each is claimed for its project, so that no other project can map it.
"""

from typing import Any

import pulumi

from components.resources import Manifest, child_options, declare, ready
from settings import MappedDomain, Settings


def claim(mapped: MappedDomain) -> Manifest:
    """Return the claim of a host for its project."""
    return {
        "apiVersion": "networking.internal.knative.dev/v1alpha1",
        "kind": "ClusterDomainClaim",
        "metadata": {"name": mapped.host},
        "spec": {"namespace": mapped.project},
    }


def domain_mapping(mapped: MappedDomain) -> Manifest:
    """Return the mapping of a host to a Knative Service, with its own certificate if it has one."""
    service = {"apiVersion": "serving.knative.dev/v1", "kind": "Service", "name": mapped.service}
    spec: dict[str, Any] = {"ref": service}
    if mapped.secret is not None:
        spec["tls"] = {"secretName": mapped.secret}
    return {
        "apiVersion": "serving.knative.dev/v1beta1",
        "kind": "DomainMapping",
        "metadata": {"name": mapped.host, "namespace": mapped.project},
        "spec": spec,
    }


class DomainMappings(pulumi.ComponentResource):
    """The mapped hosts, ready."""

    def __init__(
        self, name: str, settings: Settings, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("serverlessmesh:domain_mappings:DomainMappings", name, None, opts)
        child = child_options(self, opts)
        for mapped in settings.domain_mappings:
            claimed = declare(f"{mapped.host}-claim", claim(mapped), child)
            manifest = ready(domain_mapping(mapped), settings.ready_timeout_seconds)
            after = pulumi.ResourceOptions(depends_on=[claimed])
            declare(mapped.host, manifest, pulumi.ResourceOptions.merge(child, after))
        self.register_outputs({})
