"""The ServiceMeshMemberRoll. Documentation: "Installing and configuring Service Mesh", step 2.

The members of a roll are one list with one owner. In a mesh of others each namespace joins by a
ServiceMeshMember of its own instead, so that nobody's members are touched.
"""

from collections.abc import Container
from typing import Any, Final

import pulumi

from components.names import EVENTING_NAMESPACE, MEMBER_ROLL, SERVING_NAMESPACE
from components.resources import (
    Manifest,
    child_options,
    declare,
    declare_patch,
    ready,
    register,
    retained,
    token,
)
from policy import state
from policy.values import at, strings, text
from settings import Settings

ROLL_KIND: Final = {"apiVersion": "maistra.io/v1", "kind": "ServiceMeshMemberRoll"}


def members(settings: Settings) -> list[str]:
    """Return the members: both Knative namespaces first, then the projects, none twice."""
    proving = [settings.verification_project] if settings.verification_image else []
    return list(
        dict.fromkeys([SERVING_NAMESPACE, EVENTING_NAMESPACE, *settings.projects, *proving])
    )


def member_roll(settings: Settings) -> Manifest:
    """Return the manifest of the member roll."""
    return {
        **ROLL_KIND,
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


def listed_members(exported: Any) -> frozenset[str]:
    """Return the members that the stack's own roll lists in an exported stack.

    Those of a roll that was only imported, and not updated since, are of others.
    """
    return frozenset(
        name
        for resource in state.resources(exported)
        if text(resource.get("type")) == token(ROLL_KIND) and not resource.get("importID")
        for name in strings(at(resource.get("inputs"), "spec", "members"))
    )


class MemberRoll(pulumi.ComponentResource):
    """The membership of every namespace, configured.

    In a mesh of others, a membership that is there is adopted, by the provider `adopting`; those in
    the namespaces `shared`, which somebody else holds too, stay when a namespace leaves the stack.
    """

    def __init__(
        self,
        name: str,
        settings: Settings,
        adopting: pulumi.ProviderResource,
        shared: Container[str] = (),
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("serverlessmesh:member_roll:MemberRoll", name, None, opts)
        child, timeout = child_options(self, opts), settings.ready_timeout_seconds
        if settings.existing_mesh:
            adopted = pulumi.ResourceOptions.merge(child, pulumi.ResourceOptions(provider=adopting))
            for namespace in members(settings):
                manifest = member(settings, namespace)
                kept = retained(adopted, namespace in shared)
                joined = register(f"{namespace}-member", manifest, kept)
                # A membership that stays must not keep what only the wait for it has added.
                del manifest["spec"]
                after = pulumi.ResourceOptions(depends_on=[joined])
                waiting = pulumi.ResourceOptions.merge(child, after)
                declare_patch(f"{namespace}-member-ready", ready(manifest, timeout), waiting)
        else:
            manifest = ready(member_roll(settings), timeout)
            kept = retained(child, settings.protect)
            declare(f"{MEMBER_ROLL}-members", manifest, kept)
        self.register_outputs({"members": members(settings)})
