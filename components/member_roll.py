"""The ServiceMeshMemberRoll. Documentation: "Installing and configuring Service Mesh", step 2.

The members of a roll are one list with one owner. In a mesh of others each namespace joins by a
ServiceMeshMember of its own instead, so that nobody's members are touched.
"""

import pulumi

from components.names import EVENTING_NAMESPACE, MEMBER_ROLL, SERVING_NAMESPACE
from components.resources import Manifest, child_options, declare, ready
from settings import Settings


def members(settings: Settings) -> list[str]:
    """Return the members: both Knative namespaces first, then the projects, none twice."""
    proving = [settings.verification_project] if settings.verification_image else []
    return list(
        dict.fromkeys([SERVING_NAMESPACE, EVENTING_NAMESPACE, *settings.projects, *proving])
    )


def member_roll(settings: Settings) -> Manifest:
    """Return the manifest of the member roll."""
    return {
        "apiVersion": "maistra.io/v1",
        "kind": "ServiceMeshMemberRoll",
        "metadata": {"name": MEMBER_ROLL, "namespace": settings.mesh_namespace},
        "spec": {"members": members(settings)},
    }


def member(settings: Settings, namespace: str) -> Manifest:
    """Return the manifest by which a namespace joins a mesh of others."""
    return {
        "apiVersion": "maistra.io/v1",
        "kind": "ServiceMeshMember",
        # The only name that Service Mesh takes.
        "metadata": {"name": "default", "namespace": namespace},
        "spec": {
            "controlPlaneRef": {
                "namespace": settings.mesh_namespace,
                "name": settings.control_plane_name,
            }
        },
    }


class MemberRoll(pulumi.ComponentResource):
    """The membership of every namespace, configured."""

    def __init__(
        self, name: str, settings: Settings, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("serverlessmesh:member_roll:MemberRoll", name, None, opts)
        child, timeout = child_options(self, opts), settings.ready_timeout_seconds
        if settings.existing_mesh:
            for namespace in members(settings):
                manifest = ready(member(settings, namespace), timeout)
                declare(f"{namespace}-member", manifest, child)
        else:
            manifest = ready(member_roll(settings), timeout)
            declare(f"{MEMBER_ROLL}-members", manifest, child)
        self.register_outputs({"members": members(settings)})
