"""Typed settings of a stack: every key of its stack file, with type, default and meaning.

A stack file is judged as a whole: every error is reported at once, each with its key, what was
found and what the key takes. Nothing is touched before the settings are good.
"""

import difflib
import json
import re
from collections.abc import Container, Mapping
from functools import cache
from typing import Annotated, Any, Final, Literal, Self

import pydantic
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr, model_validator
from pydantic.alias_generators import to_camel

PROJECT: Final = "serverless-mesh"
"""The namespace of the keys in a stack file: `serverless-mesh:appsDomain`."""

DRAIN_OF_SERVING: Final = 30.0
"""Seconds that a Knative Service takes to end gracefully; the proxy's drain must outlast them."""
REQUIRED_EXCLUDED_PORTS: Final = (8444, 8022)
"""Metrics, and the wait-for-drain hook: called from outside the mesh, which can't use mTLS."""

_LABEL: Final = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")
_DURATION: Final = re.compile(r"(?:(\d+)h)?(?:(\d+)m)?(?:(\d+(?:\.\d+)?)s)?")


class SettingsError(Exception):
    """The stack file is wrong; the message lists every error, one a line."""


def _name(value: str) -> str:
    if not _LABEL.fullmatch(value):
        raise ValueError(
            "takes a Kubernetes name: at most 63 lower-case letters, digits and '-', "
            "beginning and ending with a letter or digit"
        )
    return value


def _domain(value: str) -> str:
    labels = value.split(".")
    if len(value) > 250 or len(labels) < 2 or not all(map(_LABEL.fullmatch, labels)):
        raise ValueError(
            "takes a domain of lower-case labels without '*.' or a final dot, "
            "for example apps.openshift.example.com"
        )
    return value


def _drain(value: str) -> str:
    match = _DURATION.fullmatch(value)
    if not value or match is None:
        raise ValueError("takes a duration such as 35s or 1m5s")
    hours, minutes, seconds = (float(part or 0) for part in match.groups())
    if hours * 3600 + minutes * 60 + seconds <= DRAIN_OF_SERVING:
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
    return value


def _server(value: str) -> str:
    host, colon, port = value.partition(":")
    labels = host.split(".")
    good = len(host) <= 253 and all(map(_LABEL.fullmatch, labels))
    if not good or (colon and not (port.isdecimal() and 0 < int(port) < 65536)):
        raise ValueError(
            "takes a bootstrap server as host or host:port, "
            "for example my-cluster-kafka-bootstrap.kafka:9092"
        )
    return value


Name = Annotated[str, AfterValidator(_name)]
Domain = Annotated[str, AfterValidator(_domain)]
Port = Annotated[int, Field(ge=1, le=65535)]
Server = Annotated[str, AfterValidator(_server)]
Text = Annotated[str, Field(min_length=1)]
_MODEL: Final = ConfigDict(
    alias_generator=to_camel, validate_by_name=True, frozen=True, extra="forbid", strict=True
)


class Labelled(BaseModel):
    """An existing secret that gets the label by which net-istio sees it."""

    model_config = _MODEL

    namespace: Name = Field(description="Namespace of the secret.")
    name: Name = Field(description="Name of the secret.")


class MappedDomain(BaseModel):
    """A host outside the wildcard that leads to a Knative Service."""

    model_config = _MODEL

    host: Domain = Field(description="The host, for example shop.example.org.")
    project: Name = Field(description="Project of the Knative Service.")
    service: Name = Field(description="Name of the Knative Service.")
    secret: Name | None = Field(
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
    organization: Annotated[str, Field(min_length=1, max_length=64)] = Field(
        default="Example Inc.", description="Organization (O) in both certificates' subjects."
    )
    ca_common_name: Annotated[str, Field(min_length=1, max_length=64)] | None = Field(
        default=None,
        description=(
            "Common name (CN) of the certificate authority. Left out, the apps domain without its "
            "first two labels: example.com for apps.openshift.example.com."
        ),
    )
    subject_alt_names: tuple[Domain, ...] = Field(
        default=(), description="Further domains in the certificate, besides the wildcard."
    )
    key_bits: Literal[2048, 3072, 4096] = Field(
        default=2048, description="Size of both RSA keys, in bits."
    )
    ca_days: Annotated[int, Field(ge=1, le=36500)] = Field(
        default=365, description="Days for which the certificate authority is valid."
    )
    certificate_days: Annotated[int, Field(ge=1, le=36500)] = Field(
        default=365, description="Days for which the wildcard certificate is valid."
    )
    early_renewal_hours: Annotated[int, Field(ge=0)] = Field(
        default=720,
        description=(
            "Hours before its expiry from which on the next `pulumi up` renews a certificate."
        ),
    )
    wildcard_secret: Name = Field(
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
    ca_certificate: Text | None = Field(
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
    wildcard_certificate: Text | None = Field(
        default=None,
        description="Your own wildcard certificate, in PEM, followed by its intermediate ones.",
    )
    wildcard_key: SecretStr | None = Field(
        default=None,
        description="Private key of wildcardCertificate, in PEM; set it with `--secret`.",
    )
    issuer_name: Text | None = Field(default=None, description="Name of cert-manager's issuer.")
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
    mesh_namespace: Name = Field(
        default="istio-system", description="Namespace of the control plane."
    )
    control_plane_name: Name = Field(
        default="basic", description="Name of the ServiceMeshControlPlane."
    )
    control_plane_profiles: Annotated[tuple[str, ...], Field(min_length=1)] = Field(
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
    excluded_ports: Annotated[tuple[Port, ...], AfterValidator(_excluded)] = Field(
        default=REQUIRED_EXCLUDED_PORTS,
        description=(
            "Inbound ports outside the mesh's mTLS; must include 8444 (metrics) and 8022 (drain)."
        ),
    )
    projects: tuple[Name, ...] = Field(
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
    labelled_secrets: tuple[Labelled, ...] = Field(
        default=(),
        description=(
            "Existing secrets to label with a certificate-uid, so that net-istio sees them: "
            "`[{namespace: shop, name: shop-tls}]`."
        ),
    )
    kafka_bootstrap_servers: tuple[Server, ...] = Field(
        default=(),
        description=(
            "Bootstrap servers of Apache Kafka, `host:port` each. With any, KnativeKafka is "
            "installed; without a port, the documented ones are open to the host."
        ),
    )
    kafka_features: Annotated[
        tuple[Literal["channel", "source", "broker", "sink"], ...], Field(min_length=1)
    ] = Field(
        default=("channel", "source", "broker", "sink"),
        description="What KnativeKafka provides.",
    )
    kafka_partitions: Annotated[int, Field(ge=1)] = Field(
        default=10, description="Partitions of a broker's topics."
    )
    kafka_replication_factor: Annotated[int, Field(ge=1)] = Field(
        default=3, description="Replicas of a broker's topics."
    )
    domain_mappings: tuple[MappedDomain, ...] = Field(
        default=(),
        description=(
            "Hosts outside the wildcard: `[{host: shop.example.org, project: shop, service: "
            "hello, secret: shop-tls}]`."
        ),
    )
    verification_image: Text | None = Field(
        default=None,
        description=(
            "Image of a Knative Service that proves the integration: with it the service is made, "
            "and `serverless-mesh verify` asks it."
        ),
    )
    verification_name: Name = Field(
        default="hello", description="Name of the Knative Service that proves the integration."
    )
    verification_project: Name = Field(
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
    serverless_channel: Text = Field(
        default="stable", description="Channel of the Serverless operator's subscription."
    )
    mesh_channel: Text = Field(
        default="stable", description="Channel of the Service Mesh operator's subscription."
    )
    install_plan_approval: Literal["Automatic", "Manual"] = Field(
        default="Automatic",
        description="Who approves the operators' updates; with Manual, the first install too.",
    )
    catalog_source: Text = Field(
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
    ready_timeout_seconds: Annotated[int, Field(ge=1)] = Field(
        default=600, description="Seconds to wait for each object until it is ready."
    )

    @model_validator(mode="after")
    def _renewed_while_valid(self) -> Self:
        shortest = min(self.ca_days, self.certificate_days) * 24
        if self.early_renewal_hours >= shortest:
            raise ValueError(
                f"earlyRenewalHours takes less than the {shortest} hours for which the "
                f"certificates are valid (caDays, certificateDays), found "
                f"{self.early_renewal_hours}: every update would renew them"
            )
        return self

    @model_validator(mode="after")
    def _certificates_whole(self) -> Self:
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
            raise ValueError(
                f"{', '.join(missing)} must be set with wildcardFrom {self.wildcard_from}"
            )
        useful = {*needed, *(() if self.wildcard_from == "cert-manager" else ("caCertificate",))}
        if idle := [key for key, value in given.items() if value and key not in useful]:
            raise ValueError(f"{', '.join(idle)} has no use with wildcardFrom {self.wildcard_from}")
        return self


def parse(values: Mapping[str, Any], stack_file: str) -> Settings:
    """Judge the values of a stack file, keyed as in the file without the project's prefix.

    Raises:
        SettingsError: with every error at once.
    """
    try:
        # As from JSON: lists become tuples, and nothing else is converted.
        return Settings.model_validate_json(json.dumps(dict(values)))
    except pydantic.ValidationError as error:
        lines = [_line(dict(problem)) for problem in error.errors(include_url=False)]
        count = "1 error" if len(lines) == 1 else f"{len(lines)} errors"
        text = "\n".join(f"  - {line}" for line in lines)
        raise SettingsError(f"{stack_file}: {count} in the settings\n{text}") from None


SECRETS: Final = ("caKey", "wildcardKey")
"""The keys that must be set with `--secret`."""
TEXTS: Final = frozenset({*SECRETS, "caCertificate", "wildcardCertificate"})
"""The keys that take any text, as far as the settings by themselves can tell."""


def refuse_plaintext(plain: Container[str], stack_file: str) -> None:
    """Refuse a private key among the keys whose values stand in plaintext.

    Raises:
        SettingsError: with what to do about it.
    """
    for key in SECRETS:
        if key in plain:
            raise SettingsError(
                f"{PROJECT}:{key} stands in plaintext in {stack_file}. Replace the key, for it may "
                f"have been seen, and set the new one: pulumi config set --secret {PROJECT}:{key} "
                "< new.key"
            )


def from_config(config: Mapping[str, str], stack: str, secrets: Container[str] = ()) -> Settings:
    """Read the settings out of a stack's whole configuration, in which every value is a text.

    `secrets` are the whole keys of the configuration that the engine holds as secrets.

    Raises:
        SettingsError: with every error at once.
    """
    prefix = f"{PROJECT}:"
    plain = {key.removeprefix(prefix) for key in config if key not in secrets and config[key]}
    refuse_plaintext(plain, f"Pulumi.{stack}.yaml")
    values = {
        key.removeprefix(prefix): _typed(key.removeprefix(prefix), text)
        for key, text in config.items()
        # The engine has no optional keys: one that is left out has an empty default.
        if key.startswith(prefix) and text != ""
    }
    return parse(values, f"Pulumi.{stack}.yaml")


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
    except ValueError:
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


def _line(problem: dict[str, Any]) -> str:
    said = str(problem["msg"]).removeprefix("Value error, ")
    if not problem["loc"]:
        return f"{PROJECT}:{said}"
    key = _path(problem["loc"])
    if problem["type"] == "extra_forbidden":
        near = difflib.get_close_matches(key, keys(), 1)
        return f"{PROJECT}:{key} is no setting" + (f"; did you mean {near[0]}?" if near else "")
    said = re.sub(r"^Input should be ", "takes ", said)
    if said == "Field required":
        return f"{PROJECT}:{key} must be set"
    found = "a secret" if key in SECRETS else repr(problem["input"])
    return f"{PROJECT}:{key} {said}, found {found}"


def _path(location: tuple[str | int, ...]) -> str:
    head, *rest = location
    parts = (f"[{part}]" if isinstance(part, int) else f".{part}" for part in rest)
    return str(head) + "".join(parts)


def keys() -> list[str]:
    """List the keys of a stack file, without the project's prefix."""
    return [to_camel(name) for name in Settings.model_fields]
