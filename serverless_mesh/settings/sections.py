"""The settings of a stack as a tree: a section for each component, and what they take together.

Field names are the keys of the stack file in camel case.
"""

from collections.abc import Iterator, Sequence
from typing import Annotated, Any, ClassVar, Final, Literal, NamedTuple, Self

from pydantic import BaseModel, ConfigDict, Discriminator, Field, SecretStr, Tag, model_validator
from pydantic.alias_generators import to_camel

from mesh_policy.documented.names import (
    AUTOSCALING_PORT,
    DEFAULT_MESH_NAMESPACE,
    DEFAULT_REVISION,
    DEPLOYED_INGRESS,
    DOMAIN_TEMPLATE,
    DRAIN_DURATION,
    ENABLED,
    EVENTING_NAMESPACE,
    EXCLUDED_PORTS,
    GATEWAY_SELECTOR,
    INJECT,
    INJECTION,
    REVISION,
    REWRITE_PROBES,
    SERVING_INGRESS_NAMESPACE,
    SERVING_NAMESPACE,
)
from mesh_policy.documented.variants import SERVICE_MESH_2, SERVICE_MESH_3, Variant
from serverless_mesh.ingress import Ingress, LocalTls
from serverless_mesh.injection import Injection
from serverless_mesh.settings.values import (
    HOST_SIZE,
    LABEL_SIZE,
    AlternativeName,
    Certificates,
    ControlPlaneName,
    Days,
    Domain,
    DomainTemplate,
    Drain,
    ExcludedPorts,
    GatewayNamespace,
    Image,
    IstioVersion,
    Label,
    LongName,
    MappedHost,
    MeshNamespace,
    Name,
    Project,
    ServedSecret,
    Server,
    ServiceName,
    SubjectPart,
    Word,
    once,
    service_host,
)

PROJECT: Final = "serverless-mesh"
"""The namespace of the keys in a stack file: `serverless-mesh:appsDomain`."""


class Section(BaseModel):
    """Keys that belong together."""

    model_config = ConfigDict(
        alias_generator=to_camel, validate_by_name=True, frozen=True, extra="forbid", strict=True
    )

    @model_validator(mode="after")
    def _fitting_together(self) -> Self:
        if problems := list(self._problems()):
            raise ValueError("\n".join(problems))
        return self

    def _problems(self) -> Iterator[str]:
        """List what is wrong with the values together, each of which is good alone."""
        yield from ()


class MeshSection(Section):
    """What a mesh of either version has."""

    variant: ClassVar[Variant]

    namespace: MeshNamespace = Field(
        default=DEFAULT_MESH_NAMESPACE, description="Namespace of the control plane."
    )
    drain_duration: Drain = Field(
        default=DRAIN_DURATION,
        description="How long a proxy drains before it ends; must be more than Serving's 30s.",
    )
    excluded_ports: ExcludedPorts = Field(
        default=tuple(EXCLUDED_PORTS),
        description=(
            "Inbound ports outside the mesh's mTLS; must include 8444 (metrics) and 8022 (drain), "
            "and none by which the mesh's own traffic comes in (80, 443, 8012, 8013, 8080, 8081, "
            "8112, 8443, and the proxies' from 15000 on)."
        ),
    )


class ServiceMesh2(MeshSection):
    """A mesh of Service Mesh 2, made or used as it is."""

    variant: ClassVar[Variant] = SERVICE_MESH_2

    version: Literal[2] = Field(
        default=2,
        description="Version of Service Mesh; what else the section takes depends on it.",
    )
    existing: bool = Field(
        default=False,
        description=(
            "Whether the control plane is there already and others own it: only what Serverless "
            "needs is patched into it, members join by a ServiceMeshMember each, and destroying "
            "the stack takes away only that."
        ),
    )
    allow_changes: Annotated[
        tuple[
            Literal[
                "mtls", "networkPolicies", "identity", "drain", "gatewayLabels", "excludedPorts"
            ],
            ...,
        ],
        once(),
    ] = Field(
        default=(),
        description=(
            "With `existing`, the changes of the control plane that its owners have agreed to. "
            "Each reaches every member; the preview says which are needed and what they do."
        ),
    )
    name: ControlPlaneName = Field(
        default="basic", description="Name of the ServiceMeshControlPlane."
    )
    profiles: Annotated[tuple[Word, ...], Field(min_length=1), once()] = Field(
        default=("default",), description="Profiles of the control plane."
    )
    identity_type: Literal["Kubernetes", "ThirdParty", "Manual"] | None = Field(
        default=None,
        description=(
            "Identity type of the control plane; Red Hat OpenShift Service on AWS needs "
            "ThirdParty. Left out, the operator decides."
        ),
    )
    manage_network_policy: bool = Field(
        default=True,
        description=(
            "Whether Service Mesh makes network policies. Where it does not, Serverless must not "
            "either: both Knative resources are annotated so."
        ),
    )
    injection_by: Literal["both", "label", "annotation"] = Field(
        default="both",
        description=(
            "How Knative's pods ask for a sidecar: by label, as newer documentation has it, by "
            "annotation, as older has it, or by both. Each is enough for a member of the mesh; an "
            "imported integration that keeps its own is not rolled out anew."
        ),
    )

    @property
    def ingress(self) -> Ingress:
        """The gateway that the control plane makes."""
        return Ingress(self.namespace)

    @property
    def injection(self) -> Injection:
        """What the injector reads in pods; projects are members of the roll."""
        asks = {INJECT: "true"}
        labels = {} if self.injection_by == "annotation" else asks
        annotations = {} if self.injection_by == "label" else asks
        return Injection(labels, {**annotations, REWRITE_PROBES: "true"})

    @property
    def namespaces(self) -> dict[str, str]:
        """The namespaces that the mesh itself needs, by their keys."""
        return {"namespace": self.namespace}

    def _problems(self) -> Iterator[str]:
        if self.allow_changes and not self.existing:
            yield "allowChanges has no use where existing is not true"


class ServiceMesh3(MeshSection):
    """A mesh of Service Mesh 3, made or used as it is."""

    variant: ClassVar[Variant] = SERVICE_MESH_3
    manage_network_policy: ClassVar[bool] = False
    """Service Mesh 3 makes none, and those of Serverless alone would let nobody of the mesh in."""

    version: Literal[3] = Field(
        description="Version of Service Mesh; what else the section takes depends on it."
    )
    existing: bool = Field(
        default=False,
        description=(
            "Whether the Istio, and with it the IstioCNI, is there already and others own it: "
            "neither is changed. The gateway, its policies and the labels of projects are the "
            "stack's; what the Istio's values lack is asked for before anything is made."
        ),
    )
    name: ControlPlaneName = Field(
        default=DEFAULT_REVISION,
        description=(
            "Name of the Istio. By another name than `default` its revision answers to labels that "
            "name it; the stack labels everything so."
        ),
    )
    istio_version: IstioVersion | None = Field(
        default=None,
        description=(
            "Version of Istio, for example `v1.27-latest`, of those that the cluster's operator "
            "installs; one is refused that its definition does not list. Left out, the operator "
            "chooses its newest once and keeps to it."
        ),
    )
    update_strategy: Literal["InPlace", "RevisionBased"] = Field(
        default="InPlace",
        description=(
            "How the control plane is updated: in its place, or by a new revision beside it, to "
            "which a tag leads. Proxies follow when their pods are restarted."
        ),
    )
    revision_tag: Name | None = Field(
        default=None,
        description=(
            "Tag of the revision, by which everything of the stack is labelled. Left out, there is "
            "one only with RevisionBased, of the Istio's own name; with `existing` it must be "
            "there."
        ),
    )
    cni_namespace: MeshNamespace = Field(
        default="istio-cni", description="Namespace of the IstioCNI."
    )
    existing_cni: bool = Field(
        default=False,
        description=(
            "Whether the IstioCNI `default`, of which a cluster has one, is there already for "
            "another mesh: it is used as it is."
        ),
    )
    excluded_ports: ExcludedPorts = Field(
        default=(*EXCLUDED_PORTS, AUTOSCALING_PORT),
        description=(
            f"{MeshSection.model_fields['excluded_ports'].description} 9090, by which the "
            "autoscaler asks pods for their load, is among them as in Red Hat's own tests."
        ),
    )
    discovery_label: Label | None = Field(
        default=None,
        description=(
            "Label, as `key=value`, of the namespaces that the control plane reads: the stack "
            "labels its namespaces with it, and with an Istio of its own selects by it. Left out, "
            "all are read."
        ),
    )
    gateway_namespace: GatewayNamespace = Field(
        default=SERVING_INGRESS_NAMESPACE,
        description="Namespace of the ingress gateway, and of the wildcard secret.",
    )
    gateway_replicas: Annotated[int, Field(ge=1, le=100)] = Field(
        default=2, description="Pods of the ingress gateway; from two on, one is always kept up."
    )
    gateway_account: Name | None = Field(
        default=None,
        description=(
            "Service account of the gateway's pods, which is there already. Left out, the stack "
            "makes one of their own. With one that other pods of the namespace have, as "
            "`default`, those may read the certificate's key too."
        ),
    )
    local_gateway_tls: Literal["mutual", "plain"] = Field(
        default="mutual",
        description=(
            "How cluster-local addresses of Knative Services are called. `mutual`: by mutual TLS "
            "alone, so that pods without a sidecar are refused. `plain`: as the documentation of "
            "Service Mesh 3 has it, by which any pod of the cluster reaches every cluster-local "
            "service through the gateway, and arrives as the gateway."
        ),
    )
    long_requests: bool = Field(
        default=False,
        description=(
            "Whether proxies let a request be silent for more than five minutes. They then keep "
            "every silent connection, also one that only means to use them up."
        ),
    )

    @property
    def revision(self) -> str:
        """The revision, or tag of one, that injects into the pods of Serverless."""
        return self.revision_tag or self.name

    @property
    def makes_tag(self) -> bool:
        """Whether the stack makes the tag: nothing else answers to that name."""
        tagged = self.update_strategy == "RevisionBased" or self.revision != self.name
        return tagged and not self.existing

    @property
    def injection(self) -> Injection:
        """What the injector reads; of Istio's webhooks each reads labels of its own."""
        default = self.revision == DEFAULT_REVISION
        return Injection(
            {INJECT: "true"} if default else {REVISION: self.revision},
            {REWRITE_PROBES: "true"},
            {INJECTION: ENABLED} if default else {REVISION: self.revision},
        )

    @property
    def ingress(self) -> Ingress:
        """The gateway that the stack deploys."""
        plain = self.local_gateway_tls == "plain"
        return Ingress(
            self.gateway_namespace,
            DEPLOYED_INGRESS,
            local_selector=GATEWAY_SELECTOR,
            local_tls=LocalTls.PLAIN if plain else LocalTls.MUTUAL_BY_RULE,
        )

    @property
    def namespaces(self) -> dict[str, str]:
        """The namespaces that the mesh itself needs, by their keys."""
        cni = {} if self.existing or self.existing_cni else {"cniNamespace": self.cni_namespace}
        places = {"namespace": self.namespace, "gatewayNamespace": self.gateway_namespace}
        return {**places, **cni}

    @property
    def discovery_labels(self) -> dict[str, str]:
        """The label of the namespaces that the control plane reads, where it reads only those."""
        return dict([self.discovery_label.split("=", 1)]) if self.discovery_label else {}

    def _problems(self) -> Iterator[str]:
        if self.existing:
            for key in ("istio_version", "update_strategy"):
                if key in self.model_fields_set:
                    yield f"{to_camel(key)} has no use where existing is true: others own the Istio"
        elif self.update_strategy == "InPlace" and self.revision_tag == self.name:
            yield (
                f"revisionTag takes another name than the revision's own, found {self.name}, which "
                "InPlace gives the revision"
            )
        if len(set(self.namespaces.values())) < len(self.namespaces):
            yield (
                f"{', '.join(self.namespaces)} take a namespace each, found "
                f"{', '.join(self.namespaces.values())}"
            )


def _version(value: Any) -> Any:
    """Return the version of a mesh: 2, where nothing says otherwise."""
    if isinstance(value, dict):
        return str(value.get("version", 2))
    return str(value.variant.version) if isinstance(value, MeshSection) else None


Mesh = Annotated[
    Annotated[ServiceMesh2, Tag("2")] | Annotated[ServiceMesh3, Tag("3")], Discriminator(_version)
]
DISCRIMINATORS: Final = {"_version()": "version", "_source()": "from"}
"""The keys by which sections of several forms are told apart, by the names of their functions."""


class CertificateSection(Section):
    """What every source of the wildcard certificate has."""

    secret: ServedSecret = Field(
        default="wildcard-certs",
        description="Name of the secret with the wildcard certificate, in the gateway's namespace.",
    )


class Issued(CertificateSection):
    """What a certificate is asked to be that is made for the stack."""

    organization: SubjectPart = Field(
        default="Example Inc.", description="Organization (O) in the certificates' subjects."
    )
    subject_alt_names: Annotated[tuple[AlternativeName, ...], once()] = Field(
        default=(),
        description=(
            "Further names in the certificate, besides the wildcard: hosts, and domains as "
            "`*.shop.example.org`."
        ),
    )
    key_bits: Literal[2048, 3072, 4096] = Field(
        default=2048, description="Size of each RSA key that is made, in bits."
    )
    days: Days = Field(
        default=365,
        description=(
            "Days for which the wildcard certificate is valid; no more than caDays, where the "
            "authority is made here."
        ),
    )
    early_renewal_hours: Annotated[int, Field(ge=0, le=36500 * 24)] = Field(
        default=720,
        description=(
            "Hours before its expiry from which on the next `pulumi up` renews a certificate."
        ),
    )

    @property
    def valid_days(self) -> int:
        """The days after which the first certificate expires."""
        return self.days

    def names(self, domain: str) -> list[str]:
        """Return the names of the wildcard certificate, the wildcard first, none twice."""
        return list(dict.fromkeys([f"*.{domain}", *self.subject_alt_names]))

    def _problems(self) -> Iterator[str]:
        shortest = self.valid_days * 24
        if self.early_renewal_hours >= shortest:
            yield (
                f"earlyRenewalHours takes less than the {shortest} hours for which the "
                f"certificates are valid, found {self.early_renewal_hours}: every update would "
                "renew them"
            )


class FromAuthority(Issued):
    """The certificate is made here and signed by a certificate authority."""

    source: Literal["authority"] = Field(
        default="authority",
        alias="from",
        description=(
            "Where the wildcard certificate comes from. `authority`: made here and signed by the "
            "certificate authority, which is made here too unless caCertificate and privateKey "
            "provide one. `pem`: certificate and privateKey. `secret`: the secret is there "
            "already. `cert-manager`: a Certificate of the issuer."
        ),
    )
    ca_certificate: Certificates | None = Field(
        default=None,
        description=(
            "Certificate of your own authority, in PEM; its key is `serverless-mesh:privateKey`."
        ),
    )
    ca_common_name: SubjectPart | None = Field(
        default=None,
        description=(
            "Common name (CN) of the certificate authority. Left out, the apps domain without its "
            "first two labels: example.com for apps.openshift.example.com."
        ),
    )
    ca_days: Days = Field(
        default=365, description="Days for which the certificate authority is valid."
    )

    @property
    def valid_days(self) -> int:
        """The days after which the first certificate expires."""
        return min(self.days, self.ca_days)

    def _problems(self) -> Iterator[str]:
        yield from super()._problems()
        if self.ca_certificate is None and self.days > self.ca_days:
            yield (
                f"days takes at most the {self.ca_days} of caDays, found {self.days}: no client "
                "takes a certificate whose authority expired"
            )


class Provided(CertificateSection):
    """What a certificate has that others made."""

    ca_certificate: Certificates | None = Field(
        default=None, description="Certificate of an authority at which the chain must end, in PEM."
    )


class FromPem(Provided):
    """The certificate is provided in PEM."""

    source: Literal["pem"] = Field(alias="from", description="A certificate of your own.")
    certificate: Certificates = Field(
        description=(
            "Your own wildcard certificate, in PEM, followed by its intermediate ones; its key is "
            "`serverless-mesh:privateKey`."
        )
    )


class FromSecret(Provided):
    """The certificate is in a secret that others made."""

    source: Literal["secret"] = Field(alias="from", description="A secret that is there already.")


class Issuer(Section):
    """An issuer of cert-manager."""

    name: LongName = Field(description="Name of cert-manager's issuer.")
    kind: Literal["ClusterIssuer", "Issuer"] = Field(
        default="ClusterIssuer",
        description="Kind of cert-manager's issuer; an Issuer is in the gateway's namespace.",
    )


class FromCertManager(Issued):
    """The certificate is issued by cert-manager."""

    source: Literal["cert-manager"] = Field(
        alias="from", description="A Certificate of cert-manager."
    )
    issuer: Issuer = Field(description="The issuer.")


def _source(value: Any) -> Any:
    """Return where a certificate comes from: made here, where nothing says otherwise."""
    if isinstance(value, dict):
        return value.get("from", "authority")
    return getattr(value, "source", None)


Certificate = Annotated[
    Annotated[FromAuthority, Tag("authority")]
    | Annotated[FromPem, Tag("pem")]
    | Annotated[FromSecret, Tag("secret")]
    | Annotated[FromCertManager, Tag("cert-manager")],
    Discriminator(_source),
]


class LabelledSecret(Section):
    """An existing secret that gets the label by which net-istio sees it."""

    namespace: Name = Field(description="Namespace of the secret.")
    name: LongName = Field(description="Name of the secret.")


class Knative(Section):
    """What Serving and Eventing have in common."""

    eventing: bool = Field(
        default=True,
        description=(
            "Whether Eventing is installed besides Serving, and knative-eventing joins the mesh."
        ),
    )
    default_domain: Domain | None = Field(
        default=None,
        description=(
            "Domain of Knative Services, which the wildcard certificate covers then. Left out, it "
            "is the domain of the cluster's applications. Its wildcard in DNS must lead to the "
            "cluster's router."
        ),
    )
    domain_template: DomainTemplate | None = Field(
        default=None,
        description=(
            "How the host of a Knative Service is made of its name: a template of Go. Left out, it "
            f"is `{DOMAIN_TEMPLATE}`, which the wildcard certificate covers; of another one the "
            "certificate must cover the hosts too, by certificate.subjectAltNames if need be."
        ),
    )
    metrics: bool = Field(
        default=False,
        description=(
            "Whether Serving and Eventing keep their metrics for Prometheus, which mTLS disables "
            "otherwise."
        ),
    )
    secret_filtering: bool = Field(
        default=True,
        description=(
            "Whether net-istio reads only secrets that are labelled with a certificate-uid; the "
            "wildcard secret is."
        ),
    )
    labelled_secrets: Annotated[
        tuple[LabelledSecret, ...], once(lambda secret: f"{secret.namespace}/{secret.name}")
    ] = Field(
        default=(),
        description=(
            "Existing secrets to label with a certificate-uid, so that net-istio sees them: "
            "`[{namespace: shop, name: shop-tls}]`. The Kubernetes plugin takes the whole of each, "
            "with its key, into the stack's state, encrypted like every secret of it; where that "
            "must not be, have their owners set the label, or switch secretFiltering off."
        ),
    )

    def host(self, service: str, project: str, domain: str) -> str:
        """Return the host of a Knative Service under the domain of Knative Services."""
        return service_host(self.domain_template or DOMAIN_TEMPLATE, service, project, domain)


class Kafka(Section):
    """KnativeKafka and the way to its brokers."""

    bootstrap_servers: Annotated[tuple[Server, ...], Field(min_length=1), once()] = Field(
        description=(
            "Bootstrap servers of Apache Kafka, `host:port` or `[IPv6]:port` each; without a port, "
            "the documented ones are open to the host."
        ),
    )
    features: Annotated[
        tuple[Literal["channel", "source", "broker", "sink"], ...], Field(min_length=1), once()
    ] = Field(
        default=("channel", "source", "broker", "sink"),
        description="What KnativeKafka provides.",
    )
    partitions: Annotated[int, Field(ge=1, le=10000)] = Field(
        default=10, description="Partitions of a broker's topics."
    )
    replication_factor: Annotated[int, Field(ge=1, le=1000)] = Field(
        default=3, description="Replicas of a broker's topics."
    )


class MappedDomain(Section):
    """A host outside the wildcard that leads to a Knative Service."""

    host: MappedHost = Field(description="The host, for example shop.example.org.")
    project: Project = Field(description="Project of the Knative Service.")
    service: ServiceName = Field(description="Name of the Knative Service.")
    secret: ServedSecret | None = Field(
        default=None,
        description=(
            "Secret with the host's certificate, in the service's project; without one, the "
            "wildcard certificate has to be for the host."
        ),
    )


class Verification(Section):
    """A Knative Service that proves the integration."""

    image: Image = Field(description="Image of the Knative Service.")
    name: ServiceName = Field(default="hello", description="Name of the Knative Service.")
    project: Project = Field(
        default="default", description="Project of the Knative Service; it joins the mesh."
    )


class Operators(Section):
    """Subscriptions to the operators of Serverless and Service Mesh."""

    serverless_channel: Word = Field(
        default="stable", description="Channel of the Serverless operator's subscription."
    )
    mesh_channel: Word = Field(
        default="stable", description="Channel of the Service Mesh operator's subscription."
    )
    approval: Literal["Automatic", "Manual"] = Field(
        default="Automatic",
        description="Who approves the operators' updates; with Manual, the first install too.",
    )
    catalog_source: LongName = Field(
        default="redhat-operators",
        description="Catalog with both operators, in the namespace openshift-marketplace.",
    )


class Lifecycle(NamedTuple):
    """How objects are kept and waited for: see `protect` and `readyTimeoutSeconds`."""

    protect: bool
    ready_timeout_seconds: int


class Settings(Section):
    """The settings of one stack."""

    apps_domain: Domain | None = Field(
        default=None,
        description=(
            "Domain of the cluster's applications, which the wildcard certificate covers. Left "
            "out, it is read from the cluster (`ingresses.config.openshift.io/cluster`); given, it "
            "must be the same as there."
        ),
    )
    projects: Annotated[tuple[Project, ...], once()] = Field(
        default=(),
        description=(
            "Projects (namespaces) that join the mesh besides Knative's own; made when absent, "
            "adopted when present."
        ),
    )
    mesh: Mesh = Field(default=ServiceMesh2(), description="The mesh that Serverless is in.")
    certificate: Certificate = Field(
        default=FromAuthority(),
        description="The wildcard certificate of the gateway; `from` says where it comes from.",
    )
    private_key: SecretStr | None = Field(
        default=None,
        description=(
            "Private key, in PEM, of the certificate that the section `certificate` provides: "
            "caCertificate with `from: authority`, certificate with `from: pem`. Set it with "
            "`--secret`."
        ),
    )
    knative: Knative = Field(
        default=Knative(), description="What Knative Serving and Eventing are told."
    )
    kafka: Kafka | None = Field(
        default=None, description="With this section, KnativeKafka is installed."
    )
    domain_mappings: Annotated[tuple[MappedDomain, ...], once(lambda mapped: mapped.host)] = Field(
        default=(),
        description=(
            "Hosts outside the wildcard: `[{host: shop.example.org, project: shop, service: "
            "hello, secret: shop-tls}]`."
        ),
    )
    verification: Verification | None = Field(
        default=None,
        description=(
            "With this section, a Knative Service is made that proves the integration, and "
            "`serverless-mesh verify` asks it."
        ),
    )
    operators: Operators | None = Field(
        default=None,
        description=(
            "With this section, `{}` at least, the operators of Serverless and Service Mesh are "
            "subscribed to and waited for. Otherwise they must be there. Destroying the stack ends "
            "the subscriptions; the operators stay until they are uninstalled."
        ),
    )
    protect: bool = Field(
        default=True,
        description=(
            "Whether what others depend on is kept whatever happens to the stack: the control "
            "plane, the member roll, Knative's resources, the operators' subscriptions and the "
            "wildcard secret. `pulumi destroy` refuses then; to have it all deleted, set this to "
            "false, run `pulumi up`, then `pulumi destroy`. Namespaces are never deleted."
        ),
    )
    ready_timeout_seconds: Annotated[int, Field(ge=1, le=86400)] = Field(
        default=600, description="Seconds to wait for each object until it is ready."
    )

    @property
    def lifecycle(self) -> Lifecycle:
        """How objects are kept and waited for."""
        return Lifecycle(self.protect, self.ready_timeout_seconds)

    @property
    def members(self) -> list[str]:
        """The members of the mesh: Knative's namespaces, then the projects, none twice."""
        knative = [SERVING_NAMESPACE, *([EVENTING_NAMESPACE] if self.knative.eventing else [])]
        return list(dict.fromkeys([*knative, *self.joining]))

    @property
    def joining(self) -> Sequence[str]:
        """The projects that join the mesh besides Knative's namespaces."""
        proving = [self.verification.project] if self.verification else []
        return list(dict.fromkeys([*self.projects, *proving]))

    def _problems(self) -> Iterator[str]:
        yield from self._key_problems()
        yield from self._namespace_problems()
        if self.verification:
            yield from self._host_problems(self.verification)
        if self.kafka and not self.knative.eventing:
            yield "kafka takes knative.eventing true, found false: it is a part of Eventing"

    def _namespace_problems(self) -> Iterator[str]:
        for key, namespace in self.mesh.namespaces.items():
            if namespace in self.joining:
                yield (
                    f"mesh.{key} takes a namespace of its own, found {namespace}, which is among "
                    "the projects that join the mesh: a control plane's own can't"
                )
        own = (self.mesh.ingress.namespace, self.certificate.secret)
        others = [(secret.namespace, secret.name) for secret in self.knative.labelled_secrets]
        if self.certificate.source != "secret" and own in others:
            yield (
                f"knative.labelledSecrets takes secrets of others, found {'/'.join(own)}, which "
                "this stack makes, with the label"
            )

    def _host_problems(self, verification: Verification) -> Iterator[str]:
        name, project = verification.name, verification.project
        domain = self.knative.default_domain or self.apps_domain
        host = self.knative.host(name, project, domain or "example.com")
        if too_long := [label for label in host.split(".") if len(label) > LABEL_SIZE]:
            yield (
                f"verification.name and verification.project make the label {too_long[0]} of the "
                f"service's host, found {len(too_long[0])} characters: no label of DNS has more "
                f"than {LABEL_SIZE}"
            )
        elif domain and len(host) > HOST_SIZE:
            yield (
                f"verification.name and verification.project make the host {host}, found "
                f"{len(host)} characters: no name of DNS has more than {HOST_SIZE}"
            )

    def _key_problems(self) -> Iterator[str]:
        match self.certificate:
            case FromAuthority(ca_certificate=provided):
                if provided is None and self.private_key is not None:
                    yield (
                        "certificate.caCertificate must be set with privateKey, which is the key "
                        "of that authority"
                    )
                elif provided is not None and self.private_key is None:
                    yield "privateKey must be set with certificate.caCertificate"
            case FromPem():
                if self.private_key is None:
                    yield "privateKey must be set with certificate.from pem"
            case _:
                if self.private_key is not None:
                    yield f"privateKey has no use with certificate.from {self.certificate.source}"
