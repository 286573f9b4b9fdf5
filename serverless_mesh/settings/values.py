"""The values that settings take: each a type that says what it takes when it is given another."""

import re
from collections import Counter
from collections.abc import Callable, Hashable
from typing import Annotated, Any, Final, TypeVar

from pydantic import AfterValidator, Field, PlainValidator, WithJsonSchema

from mesh_policy.documented.names import (
    APPLICATION_PORT,
    DEFAULT_MESH_NAMESPACE,
    DRAIN_DURATION,
    DRAIN_OF_SERVING,
    EXCLUDED_PORTS,
    LOCAL_PORT,
    REVISION_PORTS,
    SERVING_INGRESS_NAMESPACE,
)
from mesh_policy.reading import kafka_servers
from mesh_policy.reading.dns_names import is_host, is_label, is_reserved, is_service, is_subdomain
from mesh_policy.reading.durations import seconds
from mesh_policy.reading.go_templates import rendered
from mesh_policy.reading.private_keys import holds_private_key

LABEL_SIZE: Final = 63
HOST_SIZE: Final = 253
_KNATIVE_PORTS: Final = "requests to Knative Services"
_EVENTS: Final = "events, requests to applications, and what the gateways take"
TRAFFIC_PORTS: Final = {
    **dict.fromkeys(REVISION_PORTS, _KNATIVE_PORTS),
    **dict.fromkeys((80, 443, APPLICATION_PORT, 8443), _EVENTS),
    LOCAL_PORT: "what the local gateway takes",
    **dict.fromkeys((*range(15000, 15100), 15443), "the proxies themselves"),
}
"""Ports that are never outside of mTLS, each with what comes in there."""
_ISTIOD: Final = "istiod-"
"""What the operator puts before a control plane's name, for the name of a Service."""
_CA_ONLY: Final = "-cacert"
"""How the name of a secret ends of which Istio serves no certificate, but reads an authority."""
_IMAGE: Final = re.compile(
    r"[a-zA-Z0-9][a-zA-Z0-9.-]*(:[0-9]{1,5})?(/[a-z0-9]+([._-]+[a-z0-9]+)*)+"
    r"(:[a-zA-Z0-9_][a-zA-Z0-9_.-]{0,127})?(@sha256:[0-9a-f]{64})?"
    r"|[a-z0-9]+([._-]+[a-z0-9]+)*(:[a-zA-Z0-9_][a-zA-Z0-9_.-]{0,127})?(@sha256:[0-9a-f]{64})?"
)
_ISTIO_VERSION: Final = re.compile(r"v[0-9]+\.[0-9]+(\.[0-9]+|-latest)")
_LABEL: Final = re.compile(r"([^/=]+/)?[a-zA-Z0-9]([-._a-zA-Z0-9]{0,61}[a-zA-Z0-9])?")
_LABEL_VALUE: Final = re.compile(r"[a-zA-Z0-9]([-._a-zA-Z0-9]{0,61}[a-zA-Z0-9])?")
_WORD: Final = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9._-]*")
_NAMED: Final = 5
"""How many wrong entries of a list an error names."""
_T = TypeVar("_T")


def takes(good: Callable[[str], object], what: str) -> AfterValidator:
    """Return what refuses a text that is not `good`, and says what the setting takes."""

    def check(value: str) -> str:
        if not good(value):
            raise ValueError(f"takes {what}")
        return value

    return AfterValidator(check)


def once(by: Callable[[Any], Hashable] = lambda entry: entry) -> AfterValidator:
    """Return what refuses a list in which an entry stands twice, as `by` tells entries apart."""

    def check(value: tuple[_T, ...]) -> tuple[_T, ...]:
        times = Counter(map(by, value))
        if again := [entry for entry, found in times.items() if found > 1]:
            named = ", ".join(map(str, again[:_NAMED]))
            raise ValueError(f"takes each entry once, and has {named} again")
        return value

    return AfterValidator(check)


def _is_labelled(text: str) -> bool:
    key, _, value = text.partition("=")
    prefix, slash, _ = key.rpartition("/")
    whole = _LABEL.fullmatch(key) and _LABEL_VALUE.fullmatch(value)
    return bool(whole) and (not slash or is_subdomain(prefix))


def _is_alternative(name: str) -> bool:
    domain = name.removeprefix("*.")
    return "." in domain and is_host(domain)


def service_host(template: str, service: str, project: str, domain: str) -> str:
    """Return the host that a template of Go makes; empty where that is not known."""
    fields: dict[str, Any] = {"Name": service, "Namespace": project, "Domain": domain}
    return rendered(template, {**fields, "Labels": {}, "Annotations": {}}) or ""


def _makes_hosts(template: str) -> bool:
    host = service_host(template, "hello", "shop", "apps.example.com")
    return is_host(host) and host.endswith(".apps.example.com") and "hello" in host


def _certificates(value: str) -> str:
    if holds_private_key(value):
        # Certificates are shown to everybody, also where they were set as a secret.
        raise ValueError(
            "takes certificates alone and has a private key in it, which belongs into the setting "
            "privateKey. Where it stood in plaintext, replace it: it may have been seen"
        )
    return value


def _drain(value: str) -> str:
    lasts = seconds(value)
    if lasts is None:
        raise ValueError(f"takes a duration such as {DRAIN_DURATION} or 1m5s")
    if lasts <= DRAIN_OF_SERVING:
        raise ValueError(
            f"takes more than {DRAIN_OF_SERVING:.0f}s: Knative Services end gracefully within "
            "that time, and a proxy that ends earlier drops their requests"
        )
    return value


def _excluded(value: tuple[int, ...]) -> tuple[int, ...]:
    missing = [port for port in EXCLUDED_PORTS if port not in value]
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


def _server(value: Any) -> kafka_servers.Server:
    found = kafka_servers.parse(value) if isinstance(value, str) else None
    if found is None:
        raise ValueError(
            "takes a bootstrap server as host or host:port, for example "
            "my-cluster-kafka-bootstrap.kafka:9092, 10.0.0.5:9092 or [fd00::5]:9092"
        )
    return found


Name = Annotated[
    str,
    takes(
        is_label,
        "a Kubernetes name: at most 63 lower-case letters, digits and '-', "
        "beginning and ending with a letter or digit",
    ),
]
LongName = Annotated[
    str,
    takes(
        is_subdomain,
        "a Kubernetes name: at most 253 lower-case letters, digits, '-' and '.', "
        "each part between dots beginning and ending with a letter or digit",
    ),
]
ServiceName = Annotated[
    Name, takes(is_service, "the name of a Knative Service, which begins with a letter")
]
Project = Annotated[
    Name,
    takes(
        lambda name: not is_reserved(name) and name != DEFAULT_MESH_NAMESPACE,
        "a project, and no namespace of the cluster's or an operator's own, as istio-system, "
        "openshift and what begins with kube-, openshift- or knative-: they can't join the mesh, "
        "or are in it already",
    ),
]
MeshNamespace = Annotated[
    Name,
    takes(
        lambda name: not is_reserved(name),
        "a namespace that is not the cluster's or an operator's own, as openshift and what begins "
        "with kube-, openshift- or knative-: no control plane can be there",
    ),
]
GatewayNamespace = Annotated[
    Name,
    takes(
        lambda name: name == SERVING_INGRESS_NAMESPACE or not is_reserved(name),
        f"{SERVING_INGRESS_NAMESPACE}, or a namespace that is not the cluster's or an operator's "
        "own, as openshift and what begins with kube-, openshift- or knative-",
    ),
]
ControlPlaneName = Annotated[
    Name,
    takes(
        lambda name: len(_ISTIOD + name) <= LABEL_SIZE,
        f"at most {LABEL_SIZE - len(_ISTIOD)} characters: {_ISTIOD}NAME is the name of a Service",
    ),
]
ServedSecret = Annotated[
    LongName,
    takes(
        lambda name: not name.endswith(_CA_ONLY),
        f"a name that does not end in {_CA_ONLY}: of such a secret Istio reads an authority only",
    ),
]
Domain = Annotated[
    str,
    takes(
        lambda name: len(name) <= 250 and "." in name and is_host(name),
        "a domain of lower-case labels without '*.' or a final dot, "
        "for example apps.openshift.example.com",
    ),
]
DomainTemplate = Annotated[
    str,
    takes(
        _makes_hosts,
        "a template of Go that has {{.Name}}, ends with .{{.Domain}} and makes a host, of fields, "
        "index and texts alone, for example {{.Name}}.{{.Namespace}}.{{.Domain}}",
    ),
]
MappedHost = Annotated[
    Domain,
    takes(
        lambda name: not name.endswith(".cluster.local"),
        "a host outside of the cluster, where nothing ends in .cluster.local",
    ),
]
AlternativeName = Annotated[
    str,
    takes(
        _is_alternative,
        "a host or, with '*.' before it, a domain, of lower-case labels without a final dot, "
        "for example shop.example.org or *.shop.example.org",
    ),
]
Server = Annotated[
    kafka_servers.Server,
    PlainValidator(_server),
    WithJsonSchema({"type": "string"}),
]
Image = Annotated[
    str,
    takes(
        lambda text: len(text) <= 512 and _IMAGE.fullmatch(text),
        "an image, for example registry.example.com/team/hello:1.0",
    ),
]
Word = Annotated[
    str,
    takes(_WORD.fullmatch, "a word of letters, digits, '-', '_' and '.'"),
]
IstioVersion = Annotated[
    str,
    takes(
        _ISTIO_VERSION.fullmatch,
        "a version of Istio as v1.27.3, or the newest one of a line as v1.27-latest",
    ),
]
Label = Annotated[
    str,
    takes(_is_labelled, "a label as key=value, for example mesh=serverless"),
]
Line = Annotated[
    str,
    takes(
        lambda text: text.strip() and text.isprintable(),
        "a text on one line, without control characters",
    ),
]
SubjectPart = Annotated[Line, Field(max_length=64)]
Drain = Annotated[str, AfterValidator(_drain)]
Certificates = Annotated[
    str,
    takes(
        lambda text: text.strip() and "".join(text.split()).isprintable(),
        "certificates in PEM",
    ),
    AfterValidator(_certificates),
]
Port = Annotated[int, Field(ge=1, le=65535)]
ExcludedPorts = Annotated[tuple[Port, ...], once(), AfterValidator(_excluded)]
Days = Annotated[int, Field(ge=1, le=36500)]
