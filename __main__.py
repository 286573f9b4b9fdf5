"""Serverless inside Service Mesh: settings in, components wired, outputs out."""

import pulumi

from cluster import ClusterError, Observed, observe
from components.certificates import CertificateAuthority, WildcardCertificate
from components.control_plane import ServiceMeshControlPlane
from components.eventing import KnativeEventing
from components.gateways import Gateways
from components.member_roll import MemberRoll, members
from components.namespaces import NamespaceError, Namespaces, to_make
from components.serving import KnativeServing
from settings import SettingsError, choose_apps_domain, from_config


def observed() -> Observed:
    """Read the cluster of the stack's Kubernetes provider; a preview can do without one."""
    kubernetes = pulumi.Config("kubernetes")
    try:
        return observe(kubernetes.get("kubeconfig"), kubernetes.get("context"))
    except ClusterError as error:
        if not pulumi.runtime.is_dry_run():
            raise
        pulumi.log.warn(f"{error}. This preview takes every namespace for absent.")
        return Observed()


def after(*done: pulumi.Resource) -> pulumi.ResourceOptions:
    """Order a component after others, each with all that it made."""
    return pulumi.ResourceOptions(depends_on=list(done))


def integrate() -> None:
    """Declare the integration, every edge of its order explicit."""
    settings = from_config(pulumi.runtime.get_config_env(), pulumi.get_stack())
    found = observed()
    domain = choose_apps_domain(settings, found.apps_domain)
    stack = f"{pulumi.get_organization()}/{pulumi.get_project()}/{pulumi.get_stack()}"
    wanted = [settings.mesh_namespace, *members(settings)]

    namespaces = Namespaces("namespaces", to_make(wanted, found.namespaces, stack), stack)
    authority = CertificateAuthority("certificate-authority", settings, domain)
    wildcard = WildcardCertificate(
        "wildcard-certificate", settings, domain, authority, after(namespaces)
    )
    control_plane = ServiceMeshControlPlane("control-plane", settings, after(wildcard))
    member_roll = MemberRoll("member-roll", settings, after(control_plane))
    gateways = Gateways("gateways", settings, after(member_roll))
    serving = KnativeServing("serving", settings, after(gateways))
    KnativeEventing("eventing", settings, after(serving))

    pulumi.export("appsDomain", domain)
    pulumi.export("caCertificatePem", authority.certificate_pem)
    pulumi.export(
        "wildcardSecret", pulumi.Output.concat(settings.mesh_namespace, "/", wildcard.secret_name)
    )
    pulumi.export("controlPlane", f"{settings.mesh_namespace}/{settings.control_plane_name}")
    pulumi.export("members", members(settings))


try:
    integrate()
except (SettingsError, ClusterError, NamespaceError) as error:
    raise pulumi.RunError(str(error)) from None
