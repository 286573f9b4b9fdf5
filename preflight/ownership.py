"""What is there already and is not the stack's is never taken over.

Until 4.29 the Kubernetes plugin takes over an object that exists when it makes one; from then on it
is refused in the middle of the update. Here the program looks before anything is touched: at all
that it declares and the stack's state does not have.
"""

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from mesh_policy.documented.kinds import ADOPTED, CONTROL_PLANE, MEMBER, SECRET
from mesh_policy.findings import Ref
from mesh_policy.reading.ownership import import_command, writers
from mesh_policy.reading.values import at, text
from preflight.cluster import membership
from serverless_mesh.settings import PROJECT

_WAYS_ON = (
    "Nothing was changed. What is yours, let the stack have by the command beside it, or all of it "
    "by the file that `serverless-mesh import objects` writes; `serverless-mesh import "
    "differences` says then what the stack would change in it. For other ways see "
    'docs/troubleshooting.md, "The object is there already"'
)
_CERT_MANAGER = "cert-manager.io/certificate-name"


class Declared(NamedTuple):
    """An object that the program declares: its type and logical name in Pulumi, and who it is."""

    token: str
    logical_name: str
    ref: Ref


def is_adopted(ref: Ref, found: Mapping[str, Any]) -> bool:
    """Say whether an object that is there is used as it is.

    A membership that the Kubernetes plugin alone has written is another stack's, which would take
    it away again.
    """
    return ref.kind in ADOPTED and (ref.kind != MEMBER or membership(found).shared)


def refusal(there: Iterable[tuple[Declared, Mapping[str, Any]]]) -> str:
    """Say of each object who wrote it and what to do; each comes with what it is now."""
    lines = [f"  - {_line(declared, found)}" for declared, found in there]
    count = "1 object" if len(lines) == 1 else f"{len(lines)} objects"
    return "\n".join((f"{count} of others would be taken over:", *lines, _WAYS_ON))


def _line(declared: Declared, found: Mapping[str, Any]) -> str:
    ref = declared.ref
    command = import_command(declared.token, declared.logical_name, ref)
    by = f", written by {', '.join(who)}" if (who := writers(found)) else ""
    return f"{ref} already exists and is not of this stack{by}: `{command}`{_other_way(ref, found)}"


def _other_way(ref: Ref, found: Mapping[str, Any]) -> str:
    """Return a way on that this object alone has."""
    if ref.kind == CONTROL_PLANE:
        return f"; to use it as it is, set {PROJECT}:mesh.existing to true"
    renewed_by = text(at(found, "metadata", "annotations", _CERT_MANAGER))
    if ref.kind == SECRET and renewed_by:
        return (
            f"; before that, delete cert-manager's Certificate {ref.namespace}/{renewed_by}, which "
            f"would renew it (the secret stays), or set {PROJECT}:certificate.from to secret"
        )
    if ref.kind == SECRET:
        return f"; to serve it as it is, set {PROJECT}:certificate.from to secret"
    return ""
