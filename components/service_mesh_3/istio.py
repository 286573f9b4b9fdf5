"""Istio, IstioCNI and a revision's tag.

Documentation: "Integrating Service Mesh 3.x with OpenShift Serverless", the control plane.
"""

from typing import Any

import pulumi

from components.resources import Manifest, child_options, declare, ready, retained
from mesh_policy.documented.kinds import ISTIO, ISTIO_CNI, ISTIO_REVISION_TAG, header
from mesh_policy.documented.names import ISTIO_CNI_NAME
from mesh_policy.documented.variants import SERVICE_MESH_3
from mesh_policy.reading.values import changed
from serverless_mesh.settings import Lifecycle, ServiceMesh3


def istio(section: ServiceMesh3) -> Manifest:
    """Return the manifest of the Istio; one without a version gets the operator's newest."""
    manifest: Manifest = {**header(ISTIO), "metadata": {"name": section.name}}
    values: dict[tuple[str, ...], Any] = {
        ("spec", "namespace"): section.namespace,
        ("spec", "updateStrategy", "type"): section.update_strategy,
        SERVICE_MESH_3.excluded_ports: ",".join(map(str, section.excluded_ports)),
        SERVICE_MESH_3.drain: section.drain_duration,
    }
    if section.istio_version is not None:
        values["spec", "version"] = section.istio_version
    if labels := section.discovery_labels:
        values[SERVICE_MESH_3.discovery_selectors] = [{"matchLabels": labels}]
    for path, value in values.items():
        manifest = changed(manifest, path, value)
    return manifest


def istio_cni(section: ServiceMesh3) -> Manifest:
    """Return the manifest of the IstioCNI, of the same version as the Istio."""
    spec = {"namespace": section.cni_namespace}
    if section.istio_version is not None:
        spec["version"] = section.istio_version
    return {**header(ISTIO_CNI), "metadata": {"name": ISTIO_CNI_NAME}, "spec": spec}


def revision_tag(section: ServiceMesh3) -> Manifest:
    """Return the manifest of the tag, which follows the Istio's active revision."""
    return {
        **header(ISTIO_REVISION_TAG),
        "metadata": {"name": section.revision},
        "spec": {"targetRef": {"kind": ISTIO.name, "name": section.name}},
    }


class Istio(pulumi.ComponentResource):
    """The control plane and what redirects the traffic of pods to their proxies, ready.

    Both are made side by side: a pod that comes before either would keep what it then lacks. They
    stay when the stack lets go of them.
    """

    def __init__(
        self,
        name: str,
        section: ServiceMesh3,
        lifecycle: Lifecycle,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("serverlessmesh:istio:Istio", name, None, opts)
        child, timeout = child_options(self, opts), lifecycle.ready_timeout_seconds
        kept = retained(child, lifecycle.protect)
        if not section.existing:
            plane = declare(section.name, ready(istio(section), timeout), kept)
            if section.makes_tag:
                after = pulumi.ResourceOptions(depends_on=[plane])
                tagged = pulumi.ResourceOptions.merge(kept, after)
                declare(f"{section.revision}-tag", revision_tag(section), tagged)
            if not section.existing_cni:
                declare(f"{ISTIO_CNI_NAME}-cni", ready(istio_cni(section), timeout), kept)
        self.register_outputs({})
