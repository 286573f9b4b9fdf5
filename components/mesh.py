"""The one choice between the meshes: what each declares, and how namespaces join it."""

from collections.abc import Callable, Container, Sequence

import pulumi

from components.service_mesh_2.control_plane import ServiceMeshControlPlane
from components.service_mesh_2.member_roll import MemberRoll
from serverless_mesh.settings import Settings

After = Callable[..., pulumi.ResourceOptions]
"""Returns the options of a component that comes after others."""


def declare_mesh(
    settings: Settings,
    adopting: pulumi.ProviderResource,
    after: After,
    *before: pulumi.Resource | None,
    excluded_ports: Sequence[int] | None = None,
    shared: Container[str] = (),
) -> pulumi.ComponentResource:
    """Declare the mesh with its members, and return what comes last of it.

    `excluded_ports` are those of an existing control plane; memberships in the `shared` namespaces
    are kept when they leave the stack.
    """
    section, lifecycle = settings.mesh, settings.lifecycle
    control_plane = ServiceMeshControlPlane(
        "control-plane", section, lifecycle, excluded_ports, after(*before)
    )
    return MemberRoll(
        "member-roll",
        section,
        settings.members,
        adopting,
        lifecycle,
        shared,
        after(control_plane),
    )
