"""What changes of Knative, its workloads and what serves them do to traffic."""

from typing import Final

from mesh_policy.reading.values import UNKNOWN, at, items, number, show, text
from serverless_mesh.cli.report.effects import Told, Weight, differs, others
from serverless_mesh.cli.report.preview import Change, Operation

_TLS: Final = "kubernetes.io/tls"
_SAID: Final = {
    *(("spec", "config", key) for key in ("domain", "network", "istio", "observability")),
    *(("spec", key) for key in ("ingress", "workloads", "deployments", "high-availability")),
}
"""What more is said of, where Knative's operator is told it."""


def secret(change: Change) -> Told:
    """Tell of a secret with a certificate."""
    served = at(change.body, "type") == _TLS
    if not served:
        return
    if change.operation is Operation.DELETE:
        yield Weight.OUTAGE, "is deleted: the gateway has no certificate, and HTTPS ends"
    elif change.operation is Operation.REPLACE:
        yield (
            Weight.INTERRUPTION,
            "is deleted and made anew: for a moment the gateway has no certificate, and refuses "
            "new HTTPS connections",
        )
    else:
        yield (
            Weight.NOTICE,
            "gets another content, in place: gateways serve it to new connections within seconds, "
            "and are never without a certificate",
        )


def certificate(change: Change) -> Told:
    """Tell of a Certificate of cert-manager."""
    if change.operation is Operation.DELETE:
        yield Weight.OUTAGE, "is deleted: cert-manager renews the certificate no more"
    elif change.operation is Operation.UPDATE:
        yield Weight.NOTICE, "is issued anew by cert-manager, into the same secret"


def serving(change: Change) -> Told:
    """Tell of KnativeServing."""
    if change.operation is Operation.DELETE:
        yield Weight.OUTAGE, "is deleted: every Knative Service ends"
        return
    for key in ("domain", "network"):
        if differs(change, "spec", "config", key):
            yield (
                Weight.INTERRUPTION,
                f"changes config-{key}: names or routes of Knative Services may change, and net-"
                "istio writes the routes of all of them anew",
            )
    if differs(change, "spec", "config", "istio"):
        yield Weight.INTERRUPTION, "changes the Gateways by which Knative Services are reached"
    if differs(change, "spec", "ingress"):
        yield from _ingress(change)
    yield from _workloads(change, "requests that wait in the activator may be tried again")


def _ingress(change: Change) -> Told:
    on = at(change.new.inputs, "spec", "ingress", "istio", "enabled")
    if on is True or on is UNKNOWN:
        yield Weight.INTERRUPTION, "changes which ingress serves Knative Services"
    else:
        yield (
            Weight.OUTAGE,
            "has Istio for its ingress no more: Knative Services are not served by the mesh's "
            "gateways, unless by a class of their own",
        )


def _workloads(change: Change, meanwhile: str) -> Told:
    """Tell which pods of Knative's own are made anew."""
    names = sorted({*_rolled(change, "workloads"), *_rolled(change, "deployments")})
    if names or differs(change, "spec", "high-availability"):
        listed = ", ".join(names) or "Knative's pods"
        yield Weight.INTERRUPTION, f"restarts {listed}, one pod after the other; {meanwhile}"
    if differs(change, "spec", "version"):
        yield Weight.INTERRUPTION, f"changes Knative's version: all its pods restart; {meanwhile}"
    if differs(change, "spec", "config", "observability"):
        yield Weight.NOTICE, "changes what is measured; requests are answered as before"
    if rest := others(change, _SAID):
        yield Weight.NOTICE, f"changes {', '.join(rest)}: Knative's pods read it, or restart"


def _rolled(change: Change, key: str) -> set[str]:
    old, new = (
        {text(at(each, "name")): each for each in items(at(tree, "spec", key))}
        for tree in (change.old.inputs, change.new.inputs)
    )
    return {name for name in old.keys() | new.keys() if name and old.get(name) != new.get(name)}


def eventing(change: Change) -> Told:
    """Tell of KnativeEventing or KnativeKafka."""
    if change.operation is Operation.DELETE:
        yield Weight.OUTAGE, "is deleted: brokers, channels and sources end, and events are lost"
        return
    yield from _workloads(change, "events wait, or are sent again by their senders")


def service(change: Change) -> Told:
    """Tell of a Service."""
    if change.operation is Operation.DELETE:
        yield Weight.OUTAGE, "is deleted: what is reached through it is reached no more"
    elif differs(change, "spec", "selector") or differs(change, "spec", "ports"):
        yield (
            Weight.INTERRUPTION,
            "leads to other pods or ports: clients and OpenShift's router follow within seconds, "
            "and requests in between may fail",
        )
    elif change.operation is Operation.UPDATE and differs(change, "spec"):
        yield Weight.NOTICE, "changes otherwise than by its pods and ports"


def deployment(change: Change) -> Told:
    """Tell of a Deployment."""
    if change.operation is Operation.DELETE:
        yield Weight.OUTAGE, "is deleted, and its pods with it"
        return
    replicas = number(at(change.body, "spec", "replicas"))
    if differs(change, "spec", "template"):
        alone = " With one replica, connections through it break." if replicas in (None, 1) else ""
        yield (
            Weight.INTERRUPTION,
            f"restarts its pods, one after the other; open connections end when they have drained."
            f"{alone}",
        )
    if replicas == 0 and differs(change, "spec", "replicas"):
        yield Weight.OUTAGE, "has no pods from now"
    elif differs(change, "spec", "replicas"):
        yield Weight.NOTICE, f"has {show(at(change.new.inputs, 'spec', 'replicas'))} pods from now"


def hosts(change: Change) -> Told:
    """Tell of a mapped domain."""
    if change.operation is Operation.DELETE:
        yield Weight.OUTAGE, "is deleted: its host is served no more"
    elif differs(change, "spec"):
        yield Weight.INTERRUPTION, "leads its host elsewhere, or with another certificate"


def knative_service(change: Change) -> Told:
    """Tell of a Knative Service."""
    if change.operation is Operation.DELETE:
        yield Weight.OUTAGE, "is deleted: it answers no more"
    elif differs(change, "spec"):
        yield Weight.NOTICE, "gets a new revision; requests go there once it is ready"


def right(change: Change) -> Told:
    """Tell of a right to read secrets."""
    if change.operation is Operation.DELETE:
        yield (
            Weight.OUTAGE,
            "is deleted: where the gateway reads its certificate by it, istiod sends that no more",
        )
    elif any(differs(change, key) for key in ("rules", "subjects", "roleRef")):
        yield (
            Weight.INTERRUPTION,
            "changes who may read what: a gateway whose account may not read its certificate gets "
            "it no more",
        )


def subscription(change: Change) -> Told:
    """Tell of an operator's subscription."""
    if change.operation is Operation.DELETE:
        yield Weight.NOTICE, "ends: the operator stays, and is updated no more"
    elif differs(change, "spec"):
        yield (
            Weight.INTERRUPTION,
            "may bring another version of the operator, which restarts what it manages",
        )
