"""Serverless inside Service Mesh: settings in, components wired, outputs out."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Final

import pulumi

from components import hooks
from components.certificates import CertificateAuthority, WildcardCertificate
from components.domain_mappings import DomainMappings
from components.eventing import KnativeEventing
from components.gateways import Gateways
from components.kafka import KnativeKafka
from components.labelled_secrets import LabelledSecrets
from components.mesh import declare_mesh
from components.namespaces import Namespaces
from components.operators import Operators
from components.provider import KubernetesProvider, same_cluster
from components.serving import KnativeServing
from components.verification import Verification
from preflight import certificates, existing_mesh, prerequisites
from preflight.cluster import Cluster, Observed
from preflight.errors import ClusterError, PreflightError
from preflight.stack import Stack
from serverless_mesh.errors import ServerlessMeshError
from serverless_mesh.settings import (
    FromAuthority,
    ServiceMesh2,
    Settings,
    choose_domain,
    from_config,
)

RENDERED: Final = "kubernetes:renderYamlToDirectory"
"""The key of a stack whose objects are written to files and not to a cluster."""


def observed(config: Mapping[str, str], settings: Settings) -> tuple[Cluster | None, Observed]:
    """Read the cluster of the stack's Kubernetes provider; a preview can do without one."""
    if config.get(RENDERED):
        return None, Observed()
    try:
        cluster = Cluster.connect(
            config.get("kubernetes:kubeconfig"), config.get("kubernetes:context")
        )
        return cluster, cluster.observe(prerequisites.wanted(settings))
    except ClusterError as error:
        if not pulumi.runtime.is_dry_run():
            raise
        pulumi.log.warn(f"{error}. This preview knows nothing of what the cluster has.")
        return None, Observed()


def integrate() -> None:
    """Declare the integration, every edge of its order explicit."""
    config = pulumi.runtime.get_config_env()
    secrets = {key for key in config if pulumi.runtime.is_config_secret(key)}
    settings = from_config(config, pulumi.get_stack(), secrets)
    cluster, found = observed(config, settings)
    stack = Stack(f"{pulumi.get_organization()}/{pulumi.get_project()}/{pulumi.get_stack()}")
    domain = choose_domain(settings, found.apps_domain)
    try:
        prerequisites.check(settings, found, stack.listed_members)
    except PreflightError:
        # What another cluster lacks is not what is wrong.
        stack.check_same_cluster(found.identity)
        raise
    for announcement in prerequisites.announcements(settings, found):
        pulumi.log.warn(announcement)
    certificates.check(settings, domain, found.certificate, datetime.now(UTC))
    stays = same_cluster(stack, found.identity)
    kubernetes = KubernetesProvider("kubernetes", config, secrets, found.identity, stays)
    adopting = KubernetesProvider("adopting", config, secrets, found.identity, stays, adopting=True)
    if cluster is not None:
        hooks.attach(cluster.find, stack.owned)

    def after(*done: pulumi.Resource | None) -> pulumi.ResourceOptions:
        """Order a component after others (those that there are), each with all that it made."""
        there = [each for each in done if each is not None]
        return pulumi.ResourceOptions(depends_on=there, provider=kubernetes)

    mesh, lifecycle, knative = settings.mesh, settings.lifecycle, settings.knative
    ingress, injection, policies = mesh.ingress, mesh.injection, mesh.manage_network_policy
    namespaces = Namespaces(
        "namespaces",
        prerequisites.namespaces(settings),
        pulumi.ResourceOptions(provider=adopting),
    )
    operators = (
        Operators(
            "operators", settings.operators, mesh.variant, adopting, lifecycle, after(namespaces)
        )
        if settings.operators is not None
        else None
    )
    authority = (
        CertificateAuthority(
            "certificate-authority",
            settings.certificate,
            settings.private_key,
            # Clients trust it: no other domain of Knative Services makes another one of it.
            settings.apps_domain or found.apps_domain or domain,
        )
        if isinstance(settings.certificate, FromAuthority)
        else None
    )
    wildcard = WildcardCertificate(
        "wildcard-certificate",
        settings.certificate,
        settings.private_key,
        ingress,
        domain,
        lifecycle,
        authority,
        after(namespaces),
    )
    labelled = (
        LabelledSecrets("labelled-secrets", knative.labelled_secrets, after())
        if knative.labelled_secrets
        else None
    )
    joined = declare_mesh(
        settings,
        adopting,
        after,
        namespaces,
        wildcard,
        operators,
        excluded_ports=(
            existing_mesh.excluded_ports(mesh, found.control_plane)
            if isinstance(mesh, ServiceMesh2) and mesh.existing
            else None
        ),
        shared={name for name, member in found.memberships.items() if member.shared},
    )
    gateways = Gateways("gateways", ingress, settings.certificate.secret, after(joined))
    serving = KnativeServing(
        "serving", knative, ingress, injection, lifecycle, policies, after(gateways, labelled)
    )
    eventing = (
        KnativeEventing("eventing", knative, injection, lifecycle, policies, after(serving))
        if knative.eventing
        else None
    )
    kafka = (
        KnativeKafka("kafka", settings.kafka, injection, lifecycle, after(eventing))
        if settings.kafka is not None
        else None
    )
    if settings.domain_mappings:
        DomainMappings("domain-mappings", settings.domain_mappings, lifecycle, after(serving))
    if settings.verification:
        Verification(
            "verification",
            settings.verification,
            injection,
            lifecycle,
            after(serving, eventing, kafka),
        )
        proving = settings.verification
        host = knative.host(proving.name, proving.project, domain)
        pulumi.export("verificationUrl", f"https://{host}")

    pulumi.export("domain", domain)
    if wildcard.authority_pem is not None:
        pulumi.export("caCertificatePem", wildcard.authority_pem)
    pulumi.export("wildcardSecret", f"{ingress.namespace}/{settings.certificate.secret}")
    pulumi.export("controlPlane", f"{mesh.namespace}/{mesh.name}")
    pulumi.export("members", settings.members)


try:
    integrate()
except ServerlessMeshError as error:
    raise pulumi.RunError(str(error)) from None
