"""What changes of the mesh do to traffic: its control plane, members, gateways and rules."""

from typing import Any, Final

from mesh_policy.documented.kinds import CONTROL_PLANE
from mesh_policy.documented.names import (
    DATAPLANE_MODE,
    INJECTION,
    KNATIVE_NAMESPACES,
    MEMBER_OF,
    REVISION,
)
from mesh_policy.documented.variants import SERVICE_MESH_2, SERVICE_MESH_3
from mesh_policy.reading.values import UNKNOWN, at, mapping, show, strings
from serverless_mesh.cli.report.effects import Told, Weight, differs, others
from serverless_mesh.cli.report.preview import Change, Operation

_JOINING: Final = (INJECTION, REVISION, MEMBER_OF, DATAPLANE_MODE)
"""Labels of a namespace by which it is in a mesh."""


def control_plane(change: Change) -> Told:
    """Tell of a control plane, of either mesh."""
    variant = SERVICE_MESH_2 if change.kind == CONTROL_PLANE else SERVICE_MESH_3
    if change.operation is Operation.DELETE and not change.is_patch:
        yield (
            Weight.OUTAGE,
            "is deleted: the whole mesh has no control plane; proxies go on with what they have, "
            "and none starts anew",
        )
        return
    if variant.mtls and differs(change, *variant.mtls):
        wanted = at(change.new.inputs, *variant.mtls)
        yield from _mtls(wanted if wanted is UNKNOWN else wanted is True)
    if differs(change, "spec", "version"):
        yield (
            Weight.INTERRUPTION,
            "changes the mesh's version: istiod restarts, gateways of its own too, and sidecars "
            "follow when their pods are restarted",
        )
    ports = (variant.excluded_ports, variant.included_ports)
    if any(differs(change, *path) for path in ports):
        yield (
            Weight.INTERRUPTION,
            "changes the ports that sidecars intercept: this holds for pods that start from now "
            "on, so restart the members'",
        )
    if differs(change, *variant.drain):
        yield (
            Weight.NOTICE,
            "changes how long proxies drain: this holds for pods that start from now on",
        )
    said = {variant.mtls, *ports, variant.drain}
    rest = others(change, said)
    if rest and change.operation is not Operation.DELETE:
        yield (
            Weight.INTERRUPTION,
            f"changes {', '.join(rest)} of the control plane: istiod, and gateways of its own, "
            "may restart",
        )


def _mtls(strict: Any) -> Told:
    if strict is UNKNOWN:
        yield Weight.INTERRUPTION, "may ask for strict mTLS or not: that is known after the update"
    elif strict:
        yield (
            Weight.INTERRUPTION,
            "asks for strict mTLS: calls in plaintext, from pods without a sidecar, are refused "
            "from now on",
        )
    else:
        yield Weight.OUTAGE, "asks for strict mTLS no more: plaintext gets into the mesh"


def authentication(change: Change) -> Told:
    """Tell of a PeerAuthentication."""
    modes = [at(tree, "spec", "mtls", "mode") for tree in (change.old.inputs, change.new.inputs)]
    if change.operation is Operation.DELETE:
        if modes[0] == "STRICT":
            yield from _mtls(False)
        else:
            yield (
                Weight.INTERRUPTION,
                "is deleted: where it let plaintext in, it is refused if the mesh is strict",
            )
    elif change.operation is Operation.CREATE and modes[1] != "STRICT":
        yield Weight.NOTICE, "lets plaintext in where it holds"
    elif modes[0] != modes[1]:
        yield from _mtls(modes[1] if modes[1] is UNKNOWN else modes[1] == "STRICT")
    elif differs(change, "spec"):
        yield Weight.INTERRUPTION, "changes for which pods or ports mTLS is asked for"


def namespace(change: Change) -> Told:
    """Tell of a namespace, or of the stack's share of one."""
    if change.operation is Operation.DELETE and not change.is_patch:
        yield Weight.OUTAGE, "is deleted, with all that is in it"
        return
    before, after = (
        at(tree, "metadata", "labels") for tree in (change.old.inputs, change.new.inputs)
    )
    if UNKNOWN in (before, after):
        return
    old, new = mapping(before), mapping(after)
    joining = _JOINING if not change.is_patch else tuple({*old, *new})
    gone = [key for key in joining if key in old and key not in new]
    if change.operation is Operation.DELETE:
        gone = list(old)
    if gone:
        yield (
            Weight.INTERRUPTION,
            f"leaves the mesh (its label {', '.join(sorted(gone))} goes): pods keep their sidecars "
            "until they restart, and then call, and are called, without mTLS",
        )
        return
    if any(old.get(key) != new.get(key) for key in joining):
        yield Weight.INTERRUPTION, _JOINS


_JOINS: Final = (
    "joins the mesh, or is in it otherwise: pods get a sidecar when they are restarted, and until "
    "then members that ask for mTLS refuse them"
)
_ENTERS: Final = (
    "into the mesh: pods there get a sidecar when they are restarted, and until then members that "
    "ask for mTLS refuse them"
)
_LEAVES: Final = (
    "out of the mesh: pods there keep their sidecars until they restart, then are outside; members "
    "that ask for mTLS refuse them"
)


def roll(change: Change) -> Told:
    """Tell of a member roll."""
    if change.operation is Operation.DELETE:
        yield Weight.OUTAGE, "is deleted: every member leaves the mesh"
        return
    before, after = (at(tree, "spec", "members") for tree in (change.old.inputs, change.new.inputs))
    if UNKNOWN in (before, after):
        return
    old, new = set(strings(before)), set(strings(after))
    if left := sorted(old - new):
        yield Weight.INTERRUPTION, f"takes {', '.join(left)} {_LEAVES}"
    if joined := sorted(new - old - {*KNATIVE_NAMESPACES}):
        yield Weight.INTERRUPTION, f"takes {', '.join(joined)} {_ENTERS}"


def member(change: Change) -> Told:
    """Tell of a membership."""
    namespace = show(at(change.body, "metadata", "namespace"))
    if change.operation is Operation.DELETE:
        yield Weight.INTERRUPTION, f"takes {namespace} {_LEAVES}"
    elif change.operation is Operation.CREATE and namespace not in KNATIVE_NAMESPACES:
        yield Weight.INTERRUPTION, f"takes {namespace} {_ENTERS}"


def gateway(change: Change) -> Told:
    """Tell of a Gateway."""
    if change.operation is Operation.DELETE:
        yield Weight.OUTAGE, "is deleted: its hosts are served no more"
        return
    if differs(change, "spec", "selector"):
        yield Weight.INTERRUPTION, "moves to other gateway pods: its hosts are served there only"
    if differs(change, "spec", "servers"):
        yield (
            Weight.INTERRUPTION,
            "changes its hosts, ports or TLS: gateways drain the old listeners, and open "
            "connections end with them",
        )


def tag(change: Change) -> Told:
    """Tell of a revision tag."""
    if change.operation is Operation.DELETE:
        yield Weight.OUTAGE, "is deleted: pods that name it get no sidecar"
    elif differs(change, "spec"):
        yield (
            Weight.NOTICE,
            "leads to another revision: pods get its sidecars when they are restarted",
        )


def cni(change: Change) -> Told:
    """Tell of Istio's CNI plugin."""
    if change.operation is Operation.DELETE:
        yield Weight.OUTAGE, "is deleted: pods with a sidecar do not start any more"
    elif differs(change, "spec"):
        yield (
            Weight.NOTICE,
            "restarts on every node: pods that start meanwhile wait; those that run go on",
        )


def routing(change: Change) -> Told:
    """Tell of how clients call a host."""
    if change.operation is Operation.DELETE or differs(change, "spec"):
        yield Weight.INTERRUPTION, "changes how sidecars call its hosts, within seconds"


def envoy_filter(change: Change) -> Told:
    """Tell of an EnvoyFilter."""
    if change.operation is Operation.DELETE or differs(change, "spec"):
        yield Weight.INTERRUPTION, "changes how the proxies that it selects work, within seconds"
