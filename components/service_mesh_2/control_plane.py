"""The ServiceMeshControlPlane. Documentation: "Installing and configuring Service Mesh", step 1.

A control plane that others own is patched: the stack holds just the fields that Serverless needs.
"""

from collections.abc import Sequence

import pulumi

from components.resources import (
    Manifest,
    child_options,
    declare,
    declare_patch,
    ready,
    retained,
)
from mesh_policy.documented.kinds import CONTROL_PLANE, header
from mesh_policy.reading.values import changed
from serverless_mesh.control_plane import needed
from serverless_mesh.settings import Lifecycle, ServiceMesh2


def control_plane(section: ServiceMesh2) -> Manifest:
    """Return the manifest of the control plane, with the documented configuration."""
    return changed(patch(section), ("spec", "profiles"), list(section.profiles))


def patch(section: ServiceMesh2, excluded_ports: Sequence[int] | None = None) -> Manifest:
    """Return the stack's share of an existing control plane.

    `excluded_ports` is the value that the others have, where it is to be held together with them.
    """
    about = {"name": section.name, "namespace": section.namespace}
    manifest: Manifest = {**header(CONTROL_PLANE), "metadata": about}
    for field in needed(section, excluded_ports):
        manifest = changed(manifest, field.path, field.value)
    return manifest


class ServiceMeshControlPlane(pulumi.ComponentResource):
    """The control plane, ready."""

    def __init__(
        self,
        name: str,
        section: ServiceMesh2,
        lifecycle: Lifecycle,
        excluded_ports: Sequence[int] | None = None,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("serverlessmesh:control_plane:ServiceMeshControlPlane", name, None, opts)
        child, timeout = child_options(self, opts), lifecycle.ready_timeout_seconds
        if section.existing:
            declare_patch(section.name, ready(patch(section, excluded_ports), timeout), child)
        else:
            kept = retained(child, lifecycle.protect)
            declare(section.name, ready(control_plane(section), timeout), kept)
        self.register_outputs({})
