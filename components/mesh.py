"""The one choice between the meshes: what each declares, and how namespaces join it."""

from collections.abc import Callable, Container, Sequence

import pulumi

from components.service_mesh_2.control_plane import ServiceMeshControlPlane
from components.service_mesh_2.member_roll import MemberRoll
from components.service_mesh_3.ingress_gateway import IngressGateway
from components.service_mesh_3.istio import Istio
from components.service_mesh_3.membership import Membership
from components.service_mesh_3.policies import MeshPolicies
from serverless_mesh.settings import ServiceMesh2, ServiceMesh3, Settings

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

    It is declared after all of `before`, and each of these is to be named: a component that
    declares nothing, as an existing Istio, passes on nothing that it waits for.

    Of Service Mesh 2, `excluded_ports` are those of an existing control plane; memberships in the
    `shared` namespaces are kept when they leave the stack.
    """
    match settings.mesh:
        case ServiceMesh2() as section:
            control_plane = ServiceMeshControlPlane(
                "control-plane", section, settings.lifecycle, excluded_ports, after(*before)
            )
            return MemberRoll(
                "member-roll",
                section,
                settings.members,
                adopting,
                settings.lifecycle,
                shared,
                after(control_plane),
            )
        case ServiceMesh3() as section:
            istio = Istio("istio", section, settings.lifecycle, after(*before))
            namespaces = [*section.namespaces.values(), *settings.members]
            membership = Membership(
                "membership", section, namespaces, settings.joining, after(istio, *before)
            )
            policies = MeshPolicies("policies", section, settings.members, after(istio, *before))
            return IngressGateway("ingress-gateway", section, after(membership, policies))
