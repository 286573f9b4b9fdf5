"""Hosts outside the wildcard. Documentation: "Integrating Service Mesh with OpenShift Serverless".

Each is claimed for its project, so that no other project can map it.
"""

from collections.abc import Iterable
from typing import Any

import pulumi

from components.resources import Manifest, child_options, declare, ready
from mesh_policy.documented.kinds import DOMAIN_CLAIM, DOMAIN_MAPPING, KNATIVE_SERVICE, header
from mesh_policy.documented.names import PASSTHROUGH
from serverless_mesh.settings import Lifecycle, MappedDomain


def claim(mapped: MappedDomain) -> Manifest:
    """Return the claim of a host for its project."""
    return {
        **header(DOMAIN_CLAIM),
        "metadata": {"name": mapped.host},
        "spec": {"namespace": mapped.project},
    }


def domain_mapping(mapped: MappedDomain) -> Manifest:
    """Return the mapping of a host to a Knative Service, with its own certificate if it has one.

    Without one the gateway's has to be for it, to which only a route that passes TLS through leads.
    """
    metadata: dict[str, Any] = {"name": mapped.host, "namespace": mapped.project}
    spec: dict[str, Any] = {"ref": {**header(KNATIVE_SERVICE), "name": mapped.service}}
    if mapped.secret is None:
        metadata["annotations"] = {PASSTHROUGH: "true"}
    else:
        spec["tls"] = {"secretName": mapped.secret}
    return {**header(DOMAIN_MAPPING), "metadata": metadata, "spec": spec}


class DomainMappings(pulumi.ComponentResource):
    """The mapped hosts, ready."""

    def __init__(
        self,
        name: str,
        mappings: Iterable[MappedDomain],
        lifecycle: Lifecycle,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("serverlessmesh:domain_mappings:DomainMappings", name, None, opts)
        child = child_options(self, opts)
        for mapped in mappings:
            claimed = declare(f"{mapped.host}-claim", claim(mapped), child)
            manifest = ready(domain_mapping(mapped), lifecycle.ready_timeout_seconds)
            after = pulumi.ResourceOptions(depends_on=[claimed])
            declare(mapped.host, manifest, pulumi.ResourceOptions.merge(child, after))
        self.register_outputs({})
