"""The rules, one a file; the file's name is the rule's id."""

from typing import Final

from policy.model import Rule
from policy.rules import (
    domain_mapped,
    drain_outlasts_serving,
    excluded_ports,
    gateway_selector,
    ingress_gateway_not_exposed,
    kafka_service_entry,
    knative_gateway_config,
    knative_service_annotations,
    local_gateway_mutual_tls,
    member_roll_complete,
    metrics_reachable,
    network_policies,
    no_conflicting_wildcard_gateway,
    no_plaintext_keys,
    nothing_taken_over,
    nothing_torn_down,
    one_mesh_only,
    operators_ready,
    secret_filtering,
    sidecars_injected,
    strict_mtls,
    wildcard_certificate,
)

RULES: Final[tuple[Rule, ...]] = tuple(
    module.RULE
    for module in (
        no_conflicting_wildcard_gateway,
        ingress_gateway_not_exposed,
        member_roll_complete,
        one_mesh_only,
        strict_mtls,
        drain_outlasts_serving,
        excluded_ports,
        gateway_selector,
        wildcard_certificate,
        local_gateway_mutual_tls,
        knative_gateway_config,
        sidecars_injected,
        knative_service_annotations,
        network_policies,
        secret_filtering,
        kafka_service_entry,
        metrics_reachable,
        domain_mapped,
        operators_ready,
        no_plaintext_keys,
        nothing_taken_over,
        nothing_torn_down,
    )
)
"""In the order in which they are judged and listed."""
