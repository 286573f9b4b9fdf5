"""The ServiceMeshMemberRoll. Documentation: "Installing and configuring Service Mesh", step 2.

The members of a roll are one list with one owner. In a mesh of others each namespace joins by a
ServiceMeshMember of its own instead, so that nobody's members are touched.
"""

from collections.abc import Container, Sequence

import pulumi

from components.resources import (
    Manifest,
    child_options,
    declare,
    declare_patch,
    ready,
    register,
    retained,
)
from mesh_policy.documented.kinds import MEMBER, MEMBER_ROLL, header
from mesh_policy.documented.names import DEFAULT_ROLL
from serverless_mesh.settings import Lifecycle, ServiceMesh2


def member_roll(section: ServiceMesh2, members: Sequence[str]) -> Manifest:
    """Return the manifest of the member roll."""
    return {
        **header(MEMBER_ROLL),
        "metadata": {"name": DEFAULT_ROLL, "namespace": section.namespace},
        "spec": {"members": list(members)},
    }


def member(section: ServiceMesh2, namespace: str) -> Manifest:
    """Return the manifest by which a namespace joins a mesh of others."""
    return {
        **header(MEMBER),
        "metadata": {"name": DEFAULT_ROLL, "namespace": namespace},
        "spec": {"controlPlaneRef": {"namespace": section.namespace, "name": section.name}},
    }


class MemberRoll(pulumi.ComponentResource):
    """The membership of every namespace, configured.

    In a mesh of others, a membership that is there is adopted, by the provider `adopting`; those in
    the namespaces `shared`, which somebody else holds too, stay when a namespace leaves the stack.
    """

    def __init__(
        self,
        name: str,
        section: ServiceMesh2,
        members: Sequence[str],
        adopting: pulumi.ProviderResource,
        lifecycle: Lifecycle,
        shared: Container[str] = (),
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("serverlessmesh:member_roll:MemberRoll", name, None, opts)
        child, timeout = child_options(self, opts), lifecycle.ready_timeout_seconds
        if section.existing:
            adopted = pulumi.ResourceOptions.merge(child, pulumi.ResourceOptions(provider=adopting))
            for namespace in members:
                manifest = member(section, namespace)
                kept = retained(adopted, namespace in shared)
                joined = register(f"{namespace}-member", manifest, kept)
                # A membership that stays must not keep what only the wait for it has added.
                del manifest["spec"]
                after = pulumi.ResourceOptions(depends_on=[joined])
                waiting = pulumi.ResourceOptions.merge(child, after)
                declare_patch(f"{namespace}-member-ready", ready(manifest, timeout), waiting)
        else:
            manifest = ready(member_roll(section, members), timeout)
            kept = retained(child, lifecycle.protect)
            declare(f"{DEFAULT_ROLL}-members", manifest, kept)
        self.register_outputs({"members": list(members)})
