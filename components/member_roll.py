"""The ServiceMeshMemberRoll. Documentation: "Installing and configuring Service Mesh", step 2."""

import pulumi

from components.children import child_options
from components.custom_resource import Manifest, declare, ready
from components.names import EVENTING_NAMESPACE, MEMBER_ROLL, SERVING_NAMESPACE
from settings import Settings


def members(settings: Settings) -> list[str]:
    """Return the members: both Knative namespaces first, then the projects, none twice."""
    return list(dict.fromkeys([SERVING_NAMESPACE, EVENTING_NAMESPACE, *settings.projects]))


def member_roll(settings: Settings) -> Manifest:
    """Return the manifest of the member roll."""
    return {
        "apiVersion": "maistra.io/v1",
        "kind": "ServiceMeshMemberRoll",
        "metadata": {"name": MEMBER_ROLL, "namespace": settings.mesh_namespace},
        "spec": {"members": members(settings)},
    }


class MemberRoll(pulumi.ComponentResource):
    """The member roll, with every member configured."""

    def __init__(
        self, name: str, settings: Settings, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("serverlessmesh:member_roll:MemberRoll", name, None, opts)
        manifest = ready(member_roll(settings), settings.ready_timeout_seconds)
        declare(f"{MEMBER_ROLL}-members", manifest, child_options(self, opts))
        self.register_outputs({"members": members(settings)})
