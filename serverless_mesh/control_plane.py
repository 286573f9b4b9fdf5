"""What Serverless needs of the control plane of a mesh: each field, and what it does to others.

Documentation: "Installing and configuring Service Mesh", step 1.
"""

from collections.abc import Iterator, Sequence
from typing import Any, Final, NamedTuple

from mesh_policy.documented.variants import SERVICE_MESH_2, Path
from serverless_mesh.settings import ServiceMesh2

_IDENTITY: Final = ("spec", "security", "identity", "type")


class Field(NamedTuple):
    """A field of a control plane, which reaches every member of its mesh.

    `consent` is the word in `mesh.allowChanges` by which the owners of an existing mesh agree to
    the change, `effect` what that does.
    """

    consent: str
    path: Path
    value: Any
    effect: str


def needed(section: ServiceMesh2, excluded_ports: Sequence[int] | None = None) -> Iterator[Field]:
    """Return the fields that Serverless needs; `excluded_ports` instead of those of the settings.

    The excluded ports are one value with one owner, in a mesh of others as in one of ours.
    """
    variant = SERVICE_MESH_2
    yield Field(
        "mtls",
        variant.mtls,
        True,
        "every member takes mutual TLS alone from then on, and callers without a sidecar fail",
    )
    if not section.manage_network_policy:
        yield Field(
            "networkPolicies",
            variant.network_policies,
            False,
            "the operator removes its network policies from every member",
        )
    if section.identity_type is not None:
        yield Field(
            "identity",
            _IDENTITY,
            section.identity_type,
            "proxies identify themselves by other tokens, and are restarted for that",
        )
    yield Field(
        "drain",
        variant.drain,
        section.drain_duration,
        "every sidecar that starts from then on takes that long to end",
    )
    for key, value in section.ingress.selector.items():
        yield Field(
            "gatewayLabels",
            (*variant.ingress_labels, key),
            value,
            "the operator deletes the ingress gateway and makes it anew, a moment without ingress "
            "for all who use it",
        )
    yield Field(
        "excludedPorts",
        variant.excluded_ports,
        list(section.excluded_ports if excluded_ports is None else excluded_ports),
        "these ports of every member are reached without mutual TLS",
    )
