"""Typed settings of a stack: every key of its stack file, with type, default and meaning.

A stack file is judged as a whole: every error is reported at once, each with its key, what was
found and what the key takes. Nothing is touched before the settings are good.
"""

import difflib
import json
import re
from collections import Counter
from collections.abc import Callable, Container, Hashable, Iterator, Mapping
from functools import cache
from typing import Annotated, Any, Final, Literal, Self, TypeVar

import pydantic
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr, model_validator
from pydantic.alias_generators import to_camel

from policy import kafka_servers
from policy.durations import seconds
from policy.naming import is_host, is_label, is_reserved, is_service, is_subdomain
from policy.printing import printable
from policy.private_keys import holds_private_key

PROJECT: Final = "serverless-mesh"
"""The namespace of the keys in a stack file: `serverless-mesh:appsDomain`."""

DRAIN_OF_SERVING: Final = 30.0
"""Seconds that a Knative Service takes to end gracefully; the proxy's drain must outlast them."""
REQUIRED_EXCLUDED_PORTS: Final = (8444, 8022)
"""Metrics, and the wait-for-drain hook: called from outside the mesh, which can't use mTLS."""

_KNATIVE_PORTS: Final = "requests to Knative Services"
_EVENTS: Final = "events, requests to applications, and what the gateways take"
TRAFFIC_PORTS: Final = {
    **dict.fromkeys((8012, 8013, 8112), _KNATIVE_PORTS),
    **dict.fromkeys((80, 443, 8080, 8443), _EVENTS),
    8081: "what the local gateway takes",
    **dict.fromkeys((*range(15000, 15100), 15443), "the proxies themselves"),
}
"""Ports that are never outside of mTLS, each with what comes in there."""
_LABEL_SIZE: Final = 63
_HOST_SIZE: Final = 253
_ISTIOD: Final = "istiod-"
"""What the operator puts before a control plane's name, for the name of a Service."""
_CA_ONLY: Final = "-cacert"
"""How the name of a secret ends of which Istio serves no certificate, but reads an authority."""
_IMAGE: Final = re.compile(
    r"[a-zA-Z0-9][a-zA-Z0-9.-]*(:[0-9]{1,5})?(/[a-z0-9]+([._-]+[a-z0-9]+)*)+"
    r"(:[a-zA-Z0-9_][a-zA-Z0-9_.-]{0,127})?(@sha256:[0-9a-f]{64})?"
    r"|[a-z0-9]+([._-]+[a-z0-9]+)*(:[a-zA-Z0-9_][a-zA-Z0-9_.-]{0,127})?(@sha256:[0-9a-f]{64})?"
)
_WORD: Final = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9._-]*")
_LONGEST: Final = 100
_NAMED: Final = 5
"""How many wrong entries of a list an error names."""
_T = TypeVar("_T")


class SettingsError(Exception):
    """The stack file is wrong; the message lists every error, one a line."""


def _takes(good: Callable[[str], object], what: str) -> AfterValidator:
    """Return what refuses a text that is not `good`, and says what the setting takes."""

    def check(value: str) -> str:
        if not good(value):
            raise ValueError(f"takes {what}")
        return value

    return AfterValidator(check)


def _once(by: Callable[[Any], Hashable] = lambda entry: entry) -> AfterValidator:
    """Return what refuses a list in which an entry stands twice, as `by` tells entries apart."""

    def check(value: tuple[_T, ...]) -> tuple[_T, ...]:
        times = Counter(map(by, value))
        if again := [entry for entry, found in times.items() if found > 1]:
            named = ", ".join(map(str, again[:_NAMED]))
            raise ValueError(f"takes each entry once, and has {named} again")
        return value

    return AfterValidator(check)


def _is_alternative(name: str) -> bool:
    domain = name.removeprefix("*.")
    return "." in domain and is_host(domain)


def _certificates(value: str) -> str:
    if holds_private_key(value):
        # Certificates are shown to everybody, also where they were set as a secret.
        raise ValueError(
            "takes certificates alone and has a private key in it, which belongs into a setting of "
            "its own (caKey, wildcardKey). Where it stood in plaintext, replace it: it may have "
            "been seen"
        )
    return value


def _drain(value: str) -> str:
    lasts = seconds(value)
    if lasts is None:
        raise ValueError("takes a duration such as 35s or 1m5s")
    if lasts <= DRAIN_OF_SERVING:
        raise ValueError(
            f"takes more than {DRAIN_OF_SERVING:.0f}s: Knative Services end gracefully within "
            "that time, and a proxy that ends earlier drops their requests"
        )
    return value


def _excluded(value: tuple[int, ...]) -> tuple[int, ...]:
    missing = [port for port in REQUIRED_EXCLUDED_PORTS if port not in value]
    if missing:
        raise ValueError(
            f"takes ports that include {' and '.join(map(str, missing))}: Kubernetes and cluster "
            "monitoring call them from outside the mesh"
        )
    if open_ports := [port for port in value if port in TRAFFIC_PORTS]:
        first, named = open_ports[0], ", ".join(map(str, open_ports[:_NAMED]))
        raise ValueError(
            f"takes no port of the mesh's own traffic, as {named}: on "
            f"{first} come {TRAFFIC_PORTS[first]}, which would be let in without mTLS"
        )
    return value


Name = Annotated[
    str,
    _takes(
        is_label,
        "a Kubernetes name: at most 63 lower-case letters, digits and '-', "
        "beginning and ending with a letter or digit",
    ),
]
LongName = Annotated[
    str,
    _takes(
        is_subdomain,
        "a Kubernetes name: at most 253 lower-case letters, digits, '-' and '.', "
        "each part between dots beginning and ending with a letter or digit",
    ),
]
ServiceName = Annotated[
    Name, _takes(is_service, "the name of a Knative Service, which begins with a letter")
]
Project = Annotated[
    Name,
    _takes(
        lambda name: not is_reserved(name) and name != "istio-system",
        "a project, and no namespace of the cluster's or an operator's own, as istio-system, "
        "openshift and what begins with kube-, openshift- or knative-: they can't join the mesh, "
        "or are in it already",
    ),
]
MeshNamespace = Annotated[
    Name,
    _takes(
        lambda name: not is_reserved(name),
        "a namespace that is not the cluster's or an operator's own, as openshift and what begins "
        "with kube-, openshift- or knative-: no control plane can be there",
    ),
]
ControlPlaneName = Annotated[
    Name,
    _takes(
        lambda name: len(_ISTIOD + name) <= _LABEL_SIZE,
        f"at most {_LABEL_SIZE - len(_ISTIOD)} characters: {_ISTIOD}NAME is the name of a Service",
    ),
]
ServedSecret = Annotated[
    LongName,
    _takes(
        lambda name: not name.endswith(_CA_ONLY),
        f"a name that does not end in {_CA_ONLY}: of such a secret Istio reads an authority only",
    ),
]
Domain = Annotated[
    str,
    _takes(
        lambda name: len(name) <= 250 and "." in name and is_host(name),
        "a domain of lower-case labels without '*.' or a final dot, "
        "for example apps.openshift.example.com",
    ),
]
MappedHost = Annotated[
    Domain,
    _takes(
        lambda name: not name.endswith(".cluster.local"),
        "a host outside of the cluster, where nothing ends in .cluster.local",
    ),
]
AlternativeName = Annotated[
    str,
    _takes(
        _is_alternative,
        "a host or, with '*.' before it, a domain, of lower-case labels without a final dot, "
        "for example shop.example.org or *.shop.example.org",
    ),
]
Server = Annotated[
    str,
    _takes(
        kafka_servers.parse,
        "a bootstrap server as host or host:port, for example "
        "my-cluster-kafka-bootstrap.kafka:9092, 10.0.0.5:9092 or [fd00::5]:9092",
    ),
]
Image = Annotated[
    str,
    _takes(
        lambda text: len(text) <= 512 and _IMAGE.fullmatch(text),
        "an image, for example registry.example.com/team/hello:1.0",
    ),
]
Word = Annotated[
    str,
    _takes(_WORD.fullmatch, "a word of letters, digits, '-', '_' and '.'"),
]
Line = Annotated[
    str,
    _takes(
        lambda text: text.strip() and text.isprintable(),
        "a text on one line, without control characters",
    ),
]
SubjectPart = Annotated[Line, Field(max_length=64)]
Certificates = Annotated[
    str,
    _takes(
        lambda text: text.strip() and "".join(text.split()).isprintable(),
        "certificates in PEM",
    ),
    AfterValidator(_certificates),
]
Port = Annotated[int, Field(ge=1, le=65535)]
Days = Annotated[int, Field(ge=1, le=36500)]
_MODEL: Final = ConfigDict(
    alias_generator=to_camel, validate_by_name=True, frozen=True, extra="forbid", strict=True
)


class Labelled(BaseModel):
    """An existing secret that gets the label by which net-istio sees it."""

    model_config = _MODEL

    namespace: Name = Field(description="Namespace of the secret.")
    name: LongName = Field(description="Name of the secret.")


class MappedDomain(BaseModel):
    """A host outside the wildcard that leads to a Knative Service."""

    model_config = _MODEL

    host: MappedHost = Field(description="The host, for example shop.example.org.")
    project: Project = Field(description="Project of the Knative Service.")
    service: ServiceName = Field(description="Name of the Knative Service.")
    secret: ServedSecret | None = Field(
        default=None, description="Secret with the host's certificate, in the service's project."
    )


class Settings(BaseModel):
    """The settings of one stack; field names are the keys in camel case."""

    model_config = _MODEL

    apps_domain: Domain | None = Field(
        default=None,
        description=(
            "Domain of the cluster's applications, which the wildcard certificate covers. Left "
            "out, it is read from the cluster (`ingresses.config.openshift.io/cluster`); given, it "
            "must be the same as there."
        ),
    )
    organization: SubjectPart = Field(
        default="Example Inc.", description="Organization (O) in both certificates' subjects."
    )
    ca_common_name: SubjectPart | None = Field(
        default=None,
        description=(
            "Common name (CN) of the certificate authority. Left out, the apps domain without its "
            "first two labels: example.com for apps.openshift.example.com."
        ),
    )
    subject_alt_names: Annotated[tuple[AlternativeName, ...], _once()] = Field(
        default=(),
        description=(
            "Further names in the certificate, besides the wildcard: hosts, and domains as "
            "`*.shop.example.org`."
        ),
    )
    key_bits: Literal[2048, 3072, 4096] = Field(
        default=2048, description="Size of both RSA keys, in bits."
    )
    ca_days: Days = Field(
        default=365, description="Days for which the certificate authority is valid."
    )
    certificate_days: Days = Field(
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
    wildcard_secret: ServedSecret = Field(
        default="wildcard-certs",
        description="Name of the secret with the wildcard certificate, in the mesh's namespace.",
    )
    wildcard_from: Literal["authority", "pem", "secret", "cert-manager"] = Field(
        default="authority",
        description=(
            "Where the wildcard certificate comes from. `authority`: made here and signed by the "
            "certificate authority, which is made here too unless caCertificate and caKey bring "
            "one. `pem`: wildcardCertificate and wildcardKey. `secret`: the secret wildcardSecret "
            "is there already. `cert-manager`: a Certificate of the issuer issuerName."
        ),
    )
    ca_certificate: Certificates | None = Field(
        default=None,
        description=(
            "Certificate of your own authority, in PEM. With wildcardFrom `pem` or `secret`, the "
            "certificate's chain must end at it."
        ),
    )
    ca_key: SecretStr | None = Field(
        default=None,
        description="Private key of your own authority, in PEM; set it with `--secret`.",
    )
    wildcard_certificate: Certificates | None = Field(
        default=None,
        description="Your own wildcard certificate, in PEM, followed by its intermediate ones.",
    )
    wildcard_key: SecretStr | None = Field(
        default=None,
        description="Private key of wildcardCertificate, in PEM; set it with `--secret`.",
    )
    issuer_name: LongName | None = Field(default=None, description="Name of cert-manager's issuer.")
    issuer_kind: Literal["ClusterIssuer", "Issuer"] = Field(
        default="ClusterIssuer",
        description="Kind of cert-manager's issuer; an Issuer is in the mesh's namespace.",
    )
    existing_mesh: bool = Field(
        default=False,
        description=(
            "Whether the control plane is there already and others own it: only what Serverless "
            "needs is patched into it, members join by a ServiceMeshMember each, and destroying "
            "the stack takes away only that."
        ),
    )
    allow_mesh_changes: tuple[
        Literal["mtls", "networkPolicies", "identity", "drain", "gatewayLabels", "excludedPorts"],
        ...,
    ] = Field(
        default=(),
        description=(
            "With existingMesh, the changes of the control plane that its owners have agreed to. "
            "Each reaches every member; the preview says which are needed and what they do."
        ),
    )
    mesh_namespace: MeshNamespace = Field(
        default="istio-system", description="Namespace of the control plane."
    )
    control_plane_name: ControlPlaneName = Field(
        default="basic", description="Name of the ServiceMeshControlPlane."
    )
    control_plane_profiles: Annotated[tuple[Word, ...], Field(min_length=1), _once()] = Field(
        default=("default",), description="Profiles of the control plane."
    )
    identity_type: Literal["Kubernetes", "ThirdParty", "Manual"] | None = Field(
        default=None,
        description=(
            "Identity type of the control plane; Red Hat OpenShift Service on AWS needs "
            "ThirdParty. Left out, the operator decides."
        ),
    )
    termination_drain_duration: Annotated[str, AfterValidator(_drain)] = Field(
        default="35s",
        description="How long a proxy drains before it ends; must be more than Serving's 30s.",
    )
    excluded_ports: Annotated[tuple[Port, ...], _once(), AfterValidator(_excluded)] = Field(
        default=REQUIRED_EXCLUDED_PORTS,
        description=(
            "Inbound ports outside the mesh's mTLS; must include 8444 (metrics) and 8022 (drain), "
            "and none by which the mesh's own traffic comes in (80, 443, 8012, 8013, 8080, 8081, "
            "8112, 8443, and the proxies' from 15000 on)."
        ),
    )
    projects: Annotated[tuple[Project, ...], _once()] = Field(
        default=(),
        description=(
            "Projects (namespaces) that join the mesh besides knative-serving and "
            "knative-eventing; made when absent, adopted when present."
        ),
    )
    manage_network_policy: bool = Field(
        default=True,
        description=(
            "Whether Service Mesh makes network policies. Where it does not, Serverless must not "
            "either: both Knative resources are annotated so."
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
        tuple[Labelled, ...], _once(lambda secret: f"{secret.namespace}/{secret.name}")
    ] = Field(
        default=(),
        description=(
            "Existing secrets to label with a certificate-uid, so that net-istio sees them: "
            "`[{namespace: shop, name: shop-tls}]`. The Kubernetes plugin takes the whole of each, "
            "with its key, into the stack's state, encrypted like every secret of it; where that "
            "must not be, have their owners set the label, or switch secretFiltering off."
        ),
    )
    kafka_bootstrap_servers: Annotated[tuple[Server, ...], _once(kafka_servers.parse)] = Field(
        default=(),
        description=(
            "Bootstrap servers of Apache Kafka, `host:port` or `[IPv6]:port` each. With any, "
            "KnativeKafka is installed; without a port, the documented ones are open to the host."
        ),
    )
    kafka_features: Annotated[
        tuple[Literal["channel", "source", "broker", "sink"], ...], Field(min_length=1), _once()
    ] = Field(
        default=("channel", "source", "broker", "sink"),
        description="What KnativeKafka provides.",
    )
    kafka_partitions: Annotated[int, Field(ge=1, le=10000)] = Field(
        default=10, description="Partitions of a broker's topics."
    )
    kafka_replication_factor: Annotated[int, Field(ge=1, le=1000)] = Field(
        default=3, description="Replicas of a broker's topics."
    )
    domain_mappings: Annotated[tuple[MappedDomain, ...], _once(lambda mapped: mapped.host)] = Field(
        default=(),
        description=(
            "Hosts outside the wildcard: `[{host: shop.example.org, project: shop, service: "
            "hello, secret: shop-tls}]`."
        ),
    )
    verification_image: Image | None = Field(
        default=None,
        description=(
            "Image of a Knative Service that proves the integration: with it the service is made, "
            "and `serverless-mesh verify` asks it."
        ),
    )
    verification_name: ServiceName = Field(
        default="hello", description="Name of the Knative Service that proves the integration."
    )
    verification_project: Project = Field(
        default="default",
        description=(
            "Project of the Knative Service that proves the integration; it joins the mesh."
        ),
    )
    install_operators: bool = Field(
        default=False,
        description=(
            "Whether to subscribe to the operators of Serverless and Service Mesh, and wait for "
            "them. Otherwise they must be there. Destroying the stack ends the subscriptions; the "
            "operators stay until they are uninstalled."
        ),
    )
    serverless_channel: Word = Field(
        default="stable", description="Channel of the Serverless operator's subscription."
    )
    mesh_channel: Word = Field(
        default="stable", description="Channel of the Service Mesh operator's subscription."
    )
    install_plan_approval: Literal["Automatic", "Manual"] = Field(
        default="Automatic",
        description="Who approves the operators' updates; with Manual, the first install too.",
    )
    catalog_source: LongName = Field(
        default="redhat-operators",
        description="Catalog with both operators, in the namespace openshift-marketplace.",
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

    @model_validator(mode="after")
    def _fitting_together(self) -> Self:
        if problems := [*self._certificate_problems(), *self._namespace_problems()]:
            raise ValueError("\n".join(problems))
        return self

    def _namespace_problems(self) -> Iterator[str]:
        proving = [self.verification_project] if self.verification_image else []
        joining = [*self.projects, *proving]
        if self.mesh_namespace in joining:
            yield (
                f"meshNamespace takes a namespace of its own, found {self.mesh_namespace}, which "
                "is among the projects that join the mesh: a control plane's own can't"
            )
        host = f"{self.verification_name}-{self.verification_project}"
        if len(host) > _LABEL_SIZE:
            yield (
                f"verificationName and verificationProject take {_LABEL_SIZE} characters together "
                f"with the '-' between them, found {len(host)}: the service's host begins with "
                f"{host}, and no label of DNS is longer"
            )
        elif self.apps_domain and len(f"{host}.{self.apps_domain}") > _HOST_SIZE:
            yield (
                f"appsDomain takes at most {_HOST_SIZE - len(host) - 1} characters after the "
                f"verification's {host}., found {len(self.apps_domain)}: no name of DNS is longer "
                f"than {_HOST_SIZE}"
            )
        own = (self.mesh_namespace, self.wildcard_secret)
        if self.wildcard_from != "secret" and own in [
            (secret.namespace, secret.name) for secret in self.labelled_secrets
        ]:
            yield (
                f"labelledSecrets takes secrets of others, found {'/'.join(own)}, which this stack "
                "makes, with the label"
            )

    def _certificate_problems(self) -> Iterator[str]:
        made = self.wildcard_from == "authority" and self.ca_key is None
        if made and self.certificate_days > self.ca_days:
            yield (
                f"certificateDays takes at most the {self.ca_days} of caDays, found "
                f"{self.certificate_days}: no client takes a certificate whose authority expired"
            )
        shortest = min(self.ca_days, self.certificate_days) * 24
        if self.early_renewal_hours >= shortest:
            yield (
                f"earlyRenewalHours takes less than the {shortest} hours for which the "
                f"certificates are valid (caDays, certificateDays), found "
                f"{self.early_renewal_hours}: every update would renew them"
            )
        kinds: dict[str, dict[str, object]] = {
            "authority": {"caKey": self.ca_certificate, "caCertificate": self.ca_key},
            "pem": {"wildcardCertificate": True, "wildcardKey": True},
            "secret": {},
            "cert-manager": {"issuerName": True},
        }
        needed = kinds[self.wildcard_from]
        given = {
            "caCertificate": self.ca_certificate,
            "caKey": self.ca_key,
            "wildcardCertificate": self.wildcard_certificate,
            "wildcardKey": self.wildcard_key,
            "issuerName": self.issuer_name,
        }
        if missing := [key for key, by in needed.items() if by and not given[key]]:
            yield f"{', '.join(missing)} must be set with wildcardFrom {self.wildcard_from}"
        useful = {*needed, *(() if self.wildcard_from == "cert-manager" else ("caCertificate",))}
        if idle := [key for key, value in given.items() if value and key not in useful]:
            yield f"{', '.join(idle)} has no use with wildcardFrom {self.wildcard_from}"


def parse(values: Mapping[str, Any], stack_file: str, secrets: Container[str] = ()) -> Settings:
    """Judge the values of a stack file, keyed as in the file without the project's prefix.

    No error shows the value of a key that is among the `secrets`.

    Raises:
        SettingsError: with every error at once.
    """
    known = set(keys())
    ours = {str(key): value if key in known else None for key, value in values.items()}
    if unread := [key for key, value in ours.items() if not _is_json(value)]:
        raise _wrong(stack_file, [f"{PROJECT}:{key} {_UNREADABLE}" for key in unread])
    try:
        # As from JSON: lists become tuples, and nothing else is converted.
        return Settings.model_validate_json(json.dumps(ours, ensure_ascii=False))
    except pydantic.ValidationError as error:
        problems = error.errors(include_url=False)
        lines = [line for problem in problems for line in _lines(dict(problem), secrets)]
        raise _wrong(stack_file, lines) from None


_UNREADABLE: Final = (
    "has something in it that no setting takes: half a character, a number without end, or a "
    "nesting without end"
)


def _is_json(value: object) -> bool:
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except (TypeError, ValueError, RecursionError):
        return False
    return True


def _wrong(stack_file: str, lines: list[str]) -> SettingsError:
    count = "1 error" if len(lines) == 1 else f"{len(lines)} errors"
    text = "\n".join(f"  - {printable(line)}" for line in lines)
    return SettingsError(f"{printable(stack_file)}: {count} in the settings\n{text}")


SECRETS: Final = ("caKey", "wildcardKey")
"""The keys that must be set with `--secret`."""
TEXTS: Final = frozenset({*SECRETS, "caCertificate", "wildcardCertificate"})
"""The keys that take any text, as far as the settings by themselves can tell."""


def refuse_plaintext(plain: Mapping[str, Any], stack_file: str) -> None:
    """Refuse private keys among the values that stand in plaintext, by their whole keys.

    Raises:
        SettingsError: with all of them and what to do about it.
    """
    whole = {f"{PROJECT}:{key}" for key in SECRETS}
    lines = [
        f"  - {_named(key)} stands in plaintext and is a private key, or holds one"
        for key, value in plain.items()
        if (key in whole and value not in ("", None)) or holds_private_key([key, value])
    ]
    if lines:
        raise SettingsError(
            "\n".join([f"{printable(stack_file)}: private keys in plaintext", *lines])
            + "\nReplace each key, for it may have been seen, and set the new one as a secret: "
            f"pulumi config set --secret {PROJECT}:caKey < new.key"
        )


def _named(key: str) -> str:
    return "a setting" if holds_private_key(key) else printable(key)


def from_config(config: Mapping[str, str], stack: str, secrets: Container[str] = ()) -> Settings:
    """Read the settings out of a stack's whole configuration, in which every value is a text.

    `secrets` are the whole keys of the configuration that the engine holds as secrets.

    Raises:
        SettingsError: with every error at once.
    """
    prefix = f"{PROJECT}:"
    plain = {
        key: [text, _typed(key.removeprefix(prefix), text)]
        for key, text in config.items()
        if key not in secrets and text != ""
    }
    refuse_plaintext(plain, f"Pulumi.{stack}.yaml")
    values = {
        key.removeprefix(prefix): _typed(key.removeprefix(prefix), text)
        for key, text in config.items()
        # The engine has no optional keys: one that is left out has an empty default.
        if key.startswith(prefix) and text != ""
    }
    hidden = {key.removeprefix(prefix) for key in config if key in secrets}
    return parse(values, f"Pulumi.{stack}.yaml", hidden)


def choose_apps_domain(settings: Settings, found: str | None) -> str:
    """Choose between the setting and the domain `found` in the cluster, which must not differ.

    Raises:
        SettingsError: there is neither, or they differ.
    """
    key = f"{PROJECT}:appsDomain"
    if settings.apps_domain is None and found is None:
        raise SettingsError(
            f"{key} is not set and the cluster has no ingresses.config.openshift.io/cluster to "
            f"read it from; set it: pulumi config set {key} apps.openshift.example.com"
        )
    if settings.apps_domain is not None and found not in (None, settings.apps_domain):
        raise SettingsError(
            f"{key} is {settings.apps_domain}, but the cluster's own domain "
            f"(ingresses.config.openshift.io/cluster) is {found}: the wildcard certificate would "
            "match no route. Leave the setting out, or see that this is the cluster you mean"
        )
    return settings.apps_domain or found or ""


def _typed(key: str, text: str) -> object:
    """Undo the engine's making every value a text, by the type that the key takes."""
    if key in _texts():
        return text
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text


@cache
def _texts() -> frozenset[str]:
    """Return the keys that take a text."""
    properties = Settings.model_json_schema()["properties"]
    return frozenset(
        key
        for key, schema in properties.items()
        if any(option.get("type") == "string" for option in schema.get("anyOf", [schema]))
    )


def _lines(problem: dict[str, Any], secrets: Container[str]) -> list[str]:
    said = str(problem["msg"]).removeprefix("Value error, ")
    if problem["type"] == "json_invalid":
        return [f"{PROJECT}: a setting {_UNREADABLE}"]
    if not problem["loc"]:
        return [f"{PROJECT}:{line}" for line in said.splitlines()]
    key, first = _path(problem["loc"]), problem["loc"][0]
    if problem["type"] == "extra_forbidden":
        near = difflib.get_close_matches(key, keys(), 1)
        return [f"{PROJECT}:{key} is no setting" + (f"; did you mean {near[0]}?" if near else "")]
    said = re.sub(r"^Input should be ", "takes ", said)
    if said == "Field required":
        return [f"{PROJECT}:{key} must be set"]
    hidden = first in SECRETS or first in secrets
    return [f"{PROJECT}:{key} {said}, found {'a secret' if hidden else _shown(problem['input'])}"]


def _shown(value: object) -> str:
    if holds_private_key(value):
        return "a private key"
    shown = repr(value)
    return shown if len(shown) <= _LONGEST else f"{shown[:_LONGEST]}…"


def _path(location: tuple[str | int, ...]) -> str:
    head, *rest = location
    parts = (f"[{part}]" if isinstance(part, int) else f".{part}" for part in rest)
    return str(head) + "".join(parts)


def keys() -> list[str]:
    """List the keys of a stack file, without the project's prefix."""
    return [to_camel(name) for name in Settings.model_fields]
