"""Typed settings of a stack: every key of its stack file, with type, default and meaning.

A stack file is judged as a whole: every error is reported at once, each with its key, what was
found and what the key takes. Nothing is touched before the settings are good.
"""

import difflib
import json
import re
from collections.abc import Mapping
from typing import Annotated, Any, Final, Literal, Self

import pydantic
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator
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


Name = Annotated[str, AfterValidator(_name)]
Domain = Annotated[str, AfterValidator(_domain)]
Port = Annotated[int, Field(ge=1, le=65535)]


class Settings(BaseModel):
    """The settings of one stack; field names are the keys in camel case."""

    model_config = ConfigDict(
        alias_generator=to_camel, validate_by_name=True, frozen=True, extra="forbid", strict=True
    )

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


def from_config(config: Mapping[str, str], stack: str) -> Settings:
    """Read the settings out of a stack's whole configuration, in which every value is a text.

    Raises:
        SettingsError: with every error at once.
    """
    prefix = f"{PROJECT}:"
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
    schema = Settings.model_json_schema()["properties"].get(key, {})
    if any(option.get("type") == "string" for option in schema.get("anyOf", [schema])):
        return text
    try:
        return json.loads(text)
    except ValueError:
        return text


def _line(problem: dict[str, Any]) -> str:
    said = str(problem["msg"]).removeprefix("Value error, ")
    if not problem["loc"]:
        return f"{PROJECT}:{said}"
    key = _path(problem["loc"])
    if problem["type"] == "extra_forbidden":
        near = difflib.get_close_matches(key, keys(), 1)
        return f"{PROJECT}:{key} is no setting" + (f"; did you mean {near[0]}?" if near else "")
    said = re.sub(r"^Input should be ", "takes ", said)
    return f"{PROJECT}:{key} {said}, found {problem['input']!r}"


def _path(location: tuple[str | int, ...]) -> str:
    head, *rest = location
    return str(head) + "".join(f"[{part}]" for part in rest if isinstance(part, int))


def keys() -> list[str]:
    """List the keys of a stack file, without the project's prefix."""
    return [to_camel(name) for name in Settings.model_fields]
