"""Why the first update after an import changes a field: the documentation, or the program."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from mesh_policy.documented import kinds
from mesh_policy.documented.kinds import Kind
from mesh_policy.documented.names import NO_NETWORK_POLICIES, NO_PORT_TRANSLATION
from mesh_policy.documented.sections import (
    CERTIFICATE_SECTION,
    INJECTION_SECTION,
    MESH_SECTION,
    NETWORK_POLICIES_SECTION,
    SERVERLESS_SECTION,
    VERIFICATION_SECTION,
    Section,
)
from serverless_mesh.cli.importing.differences import Change

MARKS: Final = (
    "Each object gets the annotations pulumi.com/patchForce, waitFor, timeoutSeconds or skipAwait, "
    "which say how the stack writes it and waits for it (docs/adr/0005-ownership.md), and loses "
    "kubectl's own note of what it last applied."
)


@dataclass(frozen=True)
class Reason:
    """Why a field changes; `section` None: the program asks for it, not the documentation.

    `restarts` are the pods that are started anew because of it.
    """

    text: str
    section: Section | None = None
    restarts: str = ""


_SIDECARS: Final = Reason(
    "each workload of the data plane gets a sidecar, asked for by label (which newer Istio reads) "
    "and by annotation, with probes that pass through it; the others need no word, since no label "
    "of their namespace has them injected",
    SERVERLESS_SECTION,
    restarts="the operator rolls out the workloads that are named",
)
_POLICIES: Final = (
    f"metadata.annotations.'{NO_NETWORK_POLICIES}'",
    Reason(
        "Serverless makes network policies where Service Mesh does, and none where it does not "
        "(mesh.manageNetworkPolicy)",
        NETWORK_POLICIES_SECTION,
    ),
)
_REASONS: Final[Mapping[Kind, Sequence[tuple[str, Reason]]]] = {
    kinds.CONTROL_PLANE: (("spec.", Reason("what Serverless needs of the mesh", MESH_SECTION)),),
    kinds.MEMBER_ROLL: (
        ("spec.members", Reason("Knative's namespaces and the projects", MESH_SECTION)),
    ),
    kinds.GATEWAY: (
        (
            "spec.",
            Reason(
                "both Gateways select the ingress gateway by knative: ingressgateway, serve 443 "
                "with the secret and 8081 for calls inside the cluster",
                MESH_SECTION,
            ),
        ),
    ),
    kinds.SERVICE: (
        (
            "metadata.labels.knative",
            Reason("by it net-istio finds the gateway's endpoints, to wait until a route is there"),
        ),
        (
            f"metadata.labels.'{NO_PORT_TRANSLATION}'",
            Reason("the mesh leaves the local gateway's port as it is", MESH_SECTION),
        ),
        (
            "spec.",
            Reason("it leads to the gateway's own ports, by the label of its pods", MESH_SECTION),
        ),
    ),
    kinds.SERVING: (
        _POLICIES,
        ("spec.deployments", _SIDECARS),
        ("spec.workloads", _SIDECARS),
        ("spec.config.istio", Reason("where the gateways' Services are", SERVERLESS_SECTION)),
        ("spec.ingress", Reason("Istio is the ingress", SERVERLESS_SECTION)),
    ),
    kinds.EVENTING: (
        _POLICIES,
        ("spec.workloads", _SIDECARS),
        (
            "spec.config.config-features.istio",
            Reason("the same stands under features", SERVERLESS_SECTION),
        ),
        ("spec.config.features", Reason("Eventing is told of Istio", SERVERLESS_SECTION)),
    ),
    kinds.KAFKA: (
        ("spec.workloads", _SIDECARS),
        ("spec.broker.sink", Reason("its definition has the sink at spec.sink")),
        ("spec.sink", Reason("its definition has the sink at spec.sink")),
        ("spec.broker", Reason("what the section kafka says", SERVERLESS_SECTION)),
        ("spec.channel", Reason("what the section kafka says", SERVERLESS_SECTION)),
    ),
    kinds.SERVICE_ENTRY: (("spec.", Reason("the way to the brokers", SERVERLESS_SECTION)),),
    kinds.ISTIO: (
        (
            "spec.values.global.proxy.excludeInboundPorts",
            Reason(
                "metrics and drain (8444, 8022) are asked for from outside of the mesh, and pods "
                "for their load (9090), as in Red Hat's own tests; it counts for pods that start "
                "from then on",
            ),
        ),
        (
            "spec.values.meshConfig.defaultConfig.terminationDrainDuration",
            Reason("sidecars outlive Serving's own draining", MESH_SECTION),
        ),
        ("spec.updateStrategy", Reason("what mesh.updateStrategy says")),
    ),
    kinds.DEPLOYMENT: (
        (
            "spec.template.spec.serviceAccountName",
            Reason(
                "the gateway gets an account of its own, so that no other pod of its namespace "
                "reads the certificate",
                restarts="the gateway's pods, new ones first",
            ),
        ),
        (
            "spec.template.",
            Reason(
                "the pods carry the one label by which both Gateways select them, and ask for "
                "their proxy by it",
                INJECTION_SECTION,
                restarts="the gateway's pods, new ones first",
            ),
        ),
        ("spec.replicas", Reason("what mesh.gatewayReplicas says")),
    ),
    kinds.ROLE: (("rules", Reason("istiod serves what the account may list", MESH_SECTION)),),
    kinds.ROLE_BINDING: (
        ("subjects", Reason("the right is the gateway's account's alone", CERTIFICATE_SECTION)),
    ),
    kinds.PEER_AUTHENTICATION: (("spec.", Reason("strict mutual TLS", MESH_SECTION)),),
    kinds.DESTINATION_RULE: (("spec.", Reason("the local gateway's mutual TLS", MESH_SECTION)),),
    kinds.ENVOY_FILTER: (("spec.", Reason("what mesh.longRequests says")),),
    kinds.KNATIVE_SERVICE: (
        (
            "spec.template.metadata",
            Reason(
                "the service's pods are in the mesh",
                VERIFICATION_SECTION,
                restarts="the service gets a new revision",
            ),
        ),
        ("metadata.annotations", Reason("its Route passes TLS through", VERIFICATION_SECTION)),
    ),
    kinds.DOMAIN_MAPPING: (("", Reason("what the setting domainMappings says")),),
    kinds.DOMAIN_CLAIM: (("spec.", Reason("the host is its project's")),),
}


def reason(kind: Kind, change: Change) -> Reason | None:
    """Return why a field of a kind changes; None: neither asks for it."""
    for prefix, found in _REASONS.get(kind, ()):
        if change.path.startswith(prefix):
            return found
    return None
