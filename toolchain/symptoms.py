"""What a user sees when a rule is broken: the generated part of the troubleshooting page."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from mesh_policy.rule import Rule
from serverless_mesh.cli.rule_reference import plain
from serverless_mesh.cli.verification import Link

_BEGIN: Final = (
    "<!-- Below: generated from toolchain/symptoms.py and the rules by `make docs`. -->\n"
)
_END: Final = "<!-- Above: generated. -->\n"


@dataclass(frozen=True)
class Symptom:
    """What is seen, the link at which `serverless-mesh verify` stops, and the rules behind it."""

    seen: str
    rules: tuple[str, ...]
    link: Link | None = None


SYMPTOMS: Final = (
    Symptom(
        "The router answers with its own certificate",
        ("knative-service-annotations",),
        Link.ROUTE,
    ),
    Symptom(
        "Clients refuse the certificate",
        ("wildcard-certificate", "domain-names-covered", "domain-mapped"),
        Link.CERTIFICATE,
    ),
    Symptom(
        "Another team's certificate, or status 404 with it",
        ("no-conflicting-wildcard-gateway", "certificate-on-one-gateway"),
        Link.CERTIFICATE,
    ),
    Symptom(
        "The connection is refused or reset in the TLS handshake",
        (
            "wildcard-certificate",
            "gateway-selector",
            "gateway-reads-secret",
            "gateway-service",
            "namespaces-discovered",
        ),
        Link.GATEWAY,
    ),
    Symptom(
        "Status 404 by the gateway",
        ("knative-gateway-config", "ingress-class", "domain-names-covered", "member-roll-complete"),
        Link.GATEWAY,
    ),
    Symptom(
        "Status 503, or calls inside the mesh are cut off",
        (
            "destination-rule-keeps-mtls",
            "sidecars-injected",
            "network-policies",
            "local-gateway-mutual-tls",
        ),
        Link.SERVICE,
    ),
    Symptom(
        "A request ends too early",
        ("drain-outlasts-serving", "long-requests-consistent", "excluded-ports"),
        Link.SERVICE,
    ),
    Symptom(
        "The gateway's pods have the image `auto` and never start",
        ("gateway-injected", "injection-revision"),
    ),
    Symptom(
        "Pods start without a sidecar, or hang at their start",
        (
            "sidecars-injected",
            "injection-revision",
            "member-roll-complete",
            "istio-cni-ready",
            "namespaces-discovered",
            "ambient-not-supported",
        ),
    ),
    Symptom(
        "A Knative Service does not become ready",
        (
            "knative-gateway-config",
            "ingress-class",
            "gateway-service",
            "sidecars-injected",
            "network-policies",
        ),
    ),
    Symptom(
        "Nothing of Knative can be created or changed: its webhook fails",
        ("webhooks-not-injected",),
    ),
    Symptom("A mapped domain is not served", ("domain-mapped", "secret-filtering")),
    Symptom(
        "Events are not delivered, or Kafka can't be reached",
        ("kafka-service-entry", "network-policies", "sidecars-injected"),
    ),
    Symptom("Metrics are missing", ("metrics-reachable", "excluded-ports", "network-policies")),
    Symptom(
        "Plaintext is taken, or the gateway is reached around the cluster's routes",
        (
            "strict-mtls",
            "local-gateway-mutual-tls",
            "ingress-gateway-not-exposed",
            "no-plaintext-keys",
        ),
    ),
    Symptom(
        "The operators do nothing, or a version is refused",
        ("operators-ready", "operator-group-single", "istio-version-supported", "one-mesh-only"),
    ),
    Symptom(
        "The preview stops because of what the update would do to others",
        ("nothing-taken-over", "nothing-torn-down"),
    ),
)


def with_symptoms(page: str, rules: Iterable[Rule]) -> str:
    """Return the page with what is generated in it made anew."""
    before, _, rest = page.partition(_BEGIN)
    _, _, after = rest.partition(_END)
    known = {rule.id: rule for rule in rules}
    made = "\n".join(line for each in SYMPTOMS for line in _section(each, known))
    return f"{before}{_BEGIN}\n{made}\n{_END}{after}"


def _section(symptom: Symptom, rules: Mapping[str, Rule]) -> Iterator[str]:
    yield f"### {symptom.seen}"
    yield ""
    if symptom.link is not None:
        yield f"`serverless-mesh verify` stops at: {symptom.link}."
        yield ""
    yield "| rule | what to do |"
    yield "|---|---|"
    for each in symptom.rules:
        yield f"| [{each}](rules.md#{each}) | {plain(rules[each].remedy)} |"
    yield ""
