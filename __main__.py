"""Serverless inside Service Mesh: settings in, components wired, outputs out."""

from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cache
from typing import Final

import pulumi

from cluster import Cluster, ClusterError, Observed
from components import brought, hooks, prerequisites, verification
from components.certificates import CertificateAuthority, WildcardCertificate
from components.control_plane import ControlPlaneError, ServiceMeshControlPlane
from components.domain_mappings import DomainMappings
from components.eventing import KnativeEventing
from components.gateways import Gateways
from components.kafka import KnativeKafka
from components.labelled_secrets import LabelledSecrets
from components.member_roll import MemberRoll, listed_members, members
from components.namespaces import Namespaces
from components.operators import Operators
from components.prerequisites import PrerequisiteError
from components.provider import (
    KubernetesProvider,
    MovedError,
    check_same_cluster,
    same_cluster,
)
from components.serving import KnativeServing
from policy import state
from settings import Settings, SettingsError, choose_apps_domain, from_config

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
        return cluster, cluster.observe(prerequisites.question(settings))
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
    stack = f"{pulumi.get_organization()}/{pulumi.get_project()}/{pulumi.get_stack()}"
    exported = cache(lambda: state.export(stack))
    domain = choose_apps_domain(settings, found.apps_domain)
    try:
        prerequisites.check(settings, found, lambda: listed_members(exported()))
    except PrerequisiteError:
        # What another cluster lacks is not what is wrong.
        check_same_cluster(exported(), found.identity)
        raise
    for announcement in prerequisites.announcements(settings, found):
        pulumi.log.warn(announcement)
    brought.check(settings, domain, found.certificate, datetime.now(UTC))
    stays = same_cluster(exported, found.identity)
    kubernetes = KubernetesProvider("kubernetes", config, secrets, found.identity, stays)
    adopting = KubernetesProvider("adopting", config, secrets, found.identity, stays, adopting=True)
    if cluster is not None:
        hooks.attach(cluster.find, lambda: {each.ref for each in state.owned(exported())})

    def after(*done: pulumi.Resource | None) -> pulumi.ResourceOptions:
        """Order a component after others (those that there are), each with all that it made."""
        there = [each for each in done if each is not None]
        return pulumi.ResourceOptions(depends_on=there, provider=kubernetes)

    namespaces = Namespaces(
        "namespaces",
        prerequisites.namespaces(settings),
        pulumi.ResourceOptions(provider=adopting),
    )
    operators = (
        Operators("operators", settings, adopting, after(namespaces))
        if settings.install_operators
        else None
    )
    authority = (
        CertificateAuthority("certificate-authority", settings, domain)
        if settings.wildcard_from == "authority"
        else None
    )
    wildcard = WildcardCertificate(
        "wildcard-certificate", settings, domain, authority, after(namespaces)
    )
    labelled = (
        LabelledSecrets("labelled-secrets", settings, after())
        if settings.labelled_secrets
        else None
    )
    control_plane = ServiceMeshControlPlane(
        "control-plane", settings, found.control_plane, after(wildcard, operators)
    )
    shared = {name for name, joined in found.memberships.items() if joined.shared}
    member_roll = MemberRoll("member-roll", settings, adopting, shared, after(control_plane))
    gateways = Gateways("gateways", settings, after(member_roll))
    serving = KnativeServing("serving", settings, after(gateways, labelled))
    eventing = KnativeEventing("eventing", settings, after(serving))
    kafka = (
        KnativeKafka("kafka", settings, after(eventing))
        if settings.kafka_bootstrap_servers
        else None
    )
    if settings.domain_mappings:
        DomainMappings("domain-mappings", settings, after(serving))
    if settings.verification_image is not None:
        verification.Verification("verification", settings, after(eventing, kafka))
        pulumi.export("verificationUrl", verification.url(settings, domain))

    pulumi.export("appsDomain", domain)
    if wildcard.authority_pem is not None:
        pulumi.export("caCertificatePem", wildcard.authority_pem)
    pulumi.export("wildcardSecret", f"{settings.mesh_namespace}/{settings.wildcard_secret}")
    pulumi.export("controlPlane", f"{settings.mesh_namespace}/{settings.control_plane_name}")
    pulumi.export("members", members(settings))


try:
    integrate()
except (
    SettingsError,
    ClusterError,
    ControlPlaneError,
    MovedError,
    PrerequisiteError,
) as error:
    raise pulumi.RunError(str(error)) from None
