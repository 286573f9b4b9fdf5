"""Why changes matter for traffic: pods that restart, certificates that end, who joins and leaves.

One function a kind says what the consumers of the object do when it changes.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Final

from mesh_policy.documented.kinds import (
    CERTIFICATE,
    CONTROL_PLANE,
    DEPLOYMENT,
    DESTINATION_RULE,
    DISRUPTION_BUDGET,
    DOMAIN_MAPPING,
    ENVOY_FILTER,
    EVENTING,
    GATEWAY,
    ISTIO,
    ISTIO_CNI,
    ISTIO_REVISION_TAG,
    KAFKA,
    KNATIVE_SERVICE,
    MEMBER,
    MEMBER_ROLL,
    NAMESPACE,
    OPERATOR_GROUP,
    PEER_AUTHENTICATION,
    ROLE,
    ROLE_BINDING,
    SECRET,
    SERVICE,
    SERVICE_ENTRY,
    SERVING,
    SUBSCRIPTION,
    VIRTUAL_SERVICE,
    Kind,
)
from mesh_policy.findings import Ref
from serverless_mesh.cli.report import mesh_effects, workload_effects
from serverless_mesh.cli.report.drift import as_seen
from serverless_mesh.cli.report.effects import Effect, Told, Weight
from serverless_mesh.cli.report.preview import Change, Operation

_SIGNED: Final = ("tls:index/locallySignedCert:LocallySignedCert",)
_AUTHORITY: Final = ("tls:index/selfSignedCert:SelfSignedCert",)
_PRIVATE_KEY: Final = ("tls:index/privateKey:PrivateKey",)


def effects(changes: Iterable[Change]) -> list[Effect]:
    """Say what a preview's changes do to traffic, the heaviest first."""
    found: list[Effect] = []
    for change in changes:
        if change.operation in _CHANGING or _reaches(change):
            found += _of(as_seen(change))
    return sorted(dict.fromkeys(found), key=lambda each: each.weight)


_CHANGING: Final = (Operation.UPDATE, Operation.REPLACE, Operation.DELETE)


def _reaches(change: Change) -> bool:
    """Say whether something new reaches what is there already."""
    joins = change.kind in (MEMBER, MEMBER_ROLL, PEER_AUTHENTICATION)
    return change.operation is Operation.CREATE and (joins or change.is_patch)


def _of(change: Change) -> Iterator[Effect]:
    if change.is_provider and change.operation is not Operation.UPDATE:
        say = "its cluster or its version is another: what it made before is made anew or let go"
        yield Effect(Weight.NOTICE, change.title, say)
        return
    told = _by_type(change) if change.ref is None else _by_kind(change, change.ref)
    for weight, says in told:
        yield Effect(weight, change.title, says)


def _by_type(change: Change) -> Told:
    if change.operation is Operation.DELETE:
        return
    if change.type in _AUTHORITY:
        yield (
            Weight.OUTAGE,
            "is a new certificate authority: clients that trust only the old one refuse every "
            "Knative Service until they get the new certificate",
        )
    elif change.type in _PRIVATE_KEY:
        yield (
            Weight.NOTICE,
            "is a new private key: what is signed by it, or with it, is made anew",
        )
    elif change.type in _SIGNED:
        yield (
            Weight.NOTICE,
            "is renewed: gateways serve the new certificate to new connections, without a restart; "
            "open connections stay",
        )


def _by_kind(change: Change, ref: Ref) -> Told:
    if change.operation is Operation.DELETE and change.retained:
        if not change.is_patch:
            yield Weight.NOTICE, "stays in the cluster; the stack only lets go of it"
        return
    if change.operation is Operation.REPLACE and ref.kind != SECRET and _is_busy(ref.kind):
        yield Weight.OUTAGE, _replaced(change)
    if ref.kind in _ABOUT:
        yield from _ABOUT[ref.kind](change)
    elif ref.kind not in _APART:
        yield Weight.NOTICE, "is of a kind of which this report can't tell what that does"


def _is_busy(kind: Kind) -> bool:
    return kind in _ABOUT and kind not in (ROLE, ROLE_BINDING, SUBSCRIPTION)


def _replaced(change: Change) -> str:
    if change.deleted_first is False:
        return "is made anew, and the old one is deleted after it"
    return "is deleted and made anew: in between it is missing"


_ABOUT: Final[Mapping[Kind, Callable[[Change], Told]]] = {
    SECRET: workload_effects.secret,
    CERTIFICATE: workload_effects.certificate,
    SERVING: workload_effects.serving,
    EVENTING: workload_effects.eventing,
    KAFKA: workload_effects.eventing,
    NAMESPACE: mesh_effects.namespace,
    MEMBER_ROLL: mesh_effects.roll,
    MEMBER: mesh_effects.member,
    SERVICE: workload_effects.service,
    DEPLOYMENT: workload_effects.deployment,
    CONTROL_PLANE: mesh_effects.control_plane,
    ISTIO: mesh_effects.control_plane,
    ISTIO_REVISION_TAG: mesh_effects.tag,
    ISTIO_CNI: mesh_effects.cni,
    PEER_AUTHENTICATION: mesh_effects.authentication,
    GATEWAY: mesh_effects.gateway,
    DOMAIN_MAPPING: workload_effects.hosts,
    KNATIVE_SERVICE: workload_effects.knative_service,
    DESTINATION_RULE: mesh_effects.routing,
    SERVICE_ENTRY: mesh_effects.routing,
    VIRTUAL_SERVICE: mesh_effects.routing,
    ENVOY_FILTER: mesh_effects.envoy_filter,
    ROLE: workload_effects.right,
    ROLE_BINDING: workload_effects.right,
    SUBSCRIPTION: workload_effects.subscription,
}
_APART: Final = frozenset({DISRUPTION_BUDGET, OPERATOR_GROUP})
"""What traffic never depends on."""
