"""The rules, one a file; the file's name is the rule's id."""

from importlib import import_module
from typing import Final

from mesh_policy.rule import Rule

_FILES: Final = (
    "no_conflicting_wildcard_gateway",
    "ingress_gateway_not_exposed",
    "member_roll_complete",
    "one_mesh_only",
    "strict_mtls",
    "destination_rule_keeps_mtls",
    "drain_outlasts_serving",
    "long_requests_consistent",
    "excluded_ports",
    "gateway_selector",
    "wildcard_certificate",
    "certificate_on_one_gateway",
    "gateway_reads_secret",
    "gateway_service",
    "local_gateway_mutual_tls",
    "knative_gateway_config",
    "ingress_class",
    "injection_revision",
    "namespaces_discovered",
    "istio_cni_ready",
    "istio_version_supported",
    "ambient_not_supported",
    "gateway_injected",
    "sidecars_injected",
    "webhooks_not_injected",
    "knative_service_annotations",
    "network_policies",
    "secret_filtering",
    "kafka_service_entry",
    "metrics_reachable",
    "domain_mapped",
    "domain_names_covered",
    "operators_ready",
    "operator_group_single",
    "no_plaintext_keys",
    "nothing_taken_over",
    "nothing_torn_down",
)
"""In the order in which they are checked and listed. A new rule is a line here."""

RULES: Final[tuple[Rule, ...]] = tuple(import_module(f"{__name__}.{name}").RULE for name in _FILES)
