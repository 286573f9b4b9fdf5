"""Service Mesh 2 and 3 side by side, as data: kinds, field paths, packages and versions.

Nothing else has to know in which version a field stands elsewhere. The path of what a mesh does not
have is empty.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from mesh_policy.documented.kinds import CONTROL_PLANE, ISTIO, Kind
from mesh_policy.documented.names import (
    OPERATORS_NAMESPACE,
    SERVERLESS_NAMESPACE,
    SERVERLESS_PACKAGE,
)

Path = tuple[str, ...]
Version = tuple[int, ...]


@dataclass(frozen=True)
class Variant:
    """What a version of Service Mesh has, and where its control plane says it.

    `least` and `serverless` are the least versions of its operator and of Serverless that are
    supported together.
    """

    version: int
    control_plane: Kind
    package: str
    least: Version
    serverless: Version
    preview: tuple[Version, ...]
    """The versions of Serverless with which it is a Technology Preview only."""
    istio: Version | None
    """The newest Istio that comes with it; None: its control plane says which it is."""
    applied: Path
    """Where a live control plane says what it applies: its spec over its profiles; empty: nowhere.
    """
    profiles: Path
    known_profiles: frozenset[str]
    """The profiles that ship with the operator; they set nothing that a rule looks for."""
    excluded_ports: Path
    included_ports: Path
    """Where the control plane names the only inbound ports that sidecars intercept."""
    drain: Path
    exported: Path
    """Where the control plane says which namespaces see a DestinationRule that does not say so."""
    exported_services: Path
    """The same of a ServiceEntry."""
    root_namespace: Path
    """Where the namespace of what holds for the whole mesh is another than the control plane's."""
    discovery_selectors: Path
    mtls: Path
    """Where the control plane switches strict mTLS on; empty: a PeerAuthentication does."""
    auto_mtls: Path
    """Where the control plane has clients use mTLS by themselves, which they do unless it is off.
    """
    outbound: Path
    """Where the control plane says what becomes of traffic to what the mesh does not know."""
    network_policies: Path
    """Where the control plane can be told to manage no network policies."""
    ingress_labels: Path
    """Where the labels of its own ingress gateway stand; empty: the gateway is no part of it."""
    variables: Path
    """The variables of istiod's environment."""
    permissive: tuple[str, ...]
    """The Knative workloads that the documentation has take plaintext too."""
    local_mutual: bool
    """Whether the documentation's local gateway takes mutual TLS, rather than plain HTTP."""
    proto_names: bool
    """Whether the mesh's configuration has no schema, which drops the names of proto files."""
    roll: bool
    """Whether namespaces are members by a roll, rather than by labels of their own."""

    def __str__(self) -> str:
        return f"Service Mesh {self.version}"

    @property
    def subscriptions(self) -> dict[str, str]:
        """The packages of both operators, each with the namespace in which it is subscribed to."""
        return {SERVERLESS_PACKAGE: SERVERLESS_NAMESPACE, self.package: OPERATORS_NAMESPACE}

    @property
    def pair(self) -> str:
        """The least versions that go together, in words."""
        mesh, serverless = written(self.least), written(self.serverless)
        preview = ", ".join(f"{written(each)} as a Technology Preview" for each in self.preview)
        also = f" ({preview})" if preview else ""
        return f"Service Mesh {mesh} or later with Serverless {serverless} or later{also}"


_INBOUND: Final = ("spec", "proxy", "networking", "trafficControl", "inbound")
_PROXY: Final = ("spec", "values", "global", "proxy")
SERVICE_MESH_2: Final = Variant(
    version=2,
    control_plane=CONTROL_PLANE,
    package="servicemeshoperator",
    least=(2, 2),
    serverless=(1, 31),
    preview=(),
    istio=(1, 20),
    applied=("status", "appliedSpec"),
    profiles=("spec", "profiles"),
    known_profiles=frozenset({"default", "base", "small", "maistra", "servicemesh"}),
    excluded_ports=(*_INBOUND, "excludedPorts"),
    included_ports=(*_INBOUND, "includedPorts"),
    drain=("spec", "techPreview", "meshConfig", "defaultConfig", "terminationDrainDuration"),
    exported=("spec", "techPreview", "meshConfig", "defaultDestinationRuleExportTo"),
    exported_services=("spec", "techPreview", "meshConfig", "defaultServiceExportTo"),
    root_namespace=("spec", "techPreview", "meshConfig", "rootNamespace"),
    discovery_selectors=("spec", "meshConfig", "discoverySelectors"),
    mtls=("spec", "security", "dataPlane", "mtls"),
    auto_mtls=("spec", "security", "dataPlane", "automtls"),
    outbound=("spec", "proxy", "networking", "trafficControl", "outbound", "policy"),
    network_policies=("spec", "security", "manageNetworkPolicy"),
    ingress_labels=("spec", "gateways", "ingress", "service", "metadata", "labels"),
    variables=("spec", "runtime", "components", "pilot", "container", "env"),
    permissive=(),
    local_mutual=True,
    proto_names=True,
    roll=True,
)
SERVICE_MESH_3: Final = Variant(
    version=3,
    control_plane=ISTIO,
    package="servicemeshoperator3",
    least=(3, 0),
    serverless=(1, 37),
    preview=((1, 37),),
    istio=None,
    applied=(),
    profiles=("spec", "profile"),
    known_profiles=frozenset(
        {
            *("default", "demo", "empty", "minimal", "openshift", "preview", "remote", "stable"),
            *("ambient", "openshift-ambient"),
        }
    ),
    excluded_ports=(*_PROXY, "excludeInboundPorts"),
    included_ports=(*_PROXY, "includeInboundPorts"),
    drain=("spec", "values", "meshConfig", "defaultConfig", "terminationDrainDuration"),
    exported=("spec", "values", "meshConfig", "defaultDestinationRuleExportTo"),
    exported_services=("spec", "values", "meshConfig", "defaultServiceExportTo"),
    root_namespace=("spec", "values", "meshConfig", "rootNamespace"),
    discovery_selectors=("spec", "values", "meshConfig", "discoverySelectors"),
    mtls=(),
    auto_mtls=("spec", "values", "meshConfig", "enableAutoMtls"),
    outbound=("spec", "values", "meshConfig", "outboundTrafficPolicy", "mode"),
    network_policies=(),
    ingress_labels=(),
    variables=("spec", "values", "pilot", "env"),
    permissive=("autoscaler",),
    local_mutual=False,
    proto_names=False,
    roll=False,
)
VARIANTS: Final = (SERVICE_MESH_2, SERVICE_MESH_3)

ISTIO_LINES: Final[dict[Version, tuple[Version, ...]]] = {
    (3, 0): ((1, 24),),
    (3, 1): ((1, 26), (1, 24)),
    (3, 2): ((1, 27), (1, 26), (1, 24)),
    (3, 3): ((1, 28), (1, 27), (1, 26)),
    (3, 4): ((1, 30), (1, 28), (1, 27)),
}
"""The Istio that each version of the operator of Service Mesh 3 installs, its default first."""
END_OF_LIFE: Final[dict[Version, tuple[Version, ...]]] = {(3, 4): ((1, 26),)}
"""The Istio that a version of the operator still knows and installs no longer."""

CURVES_SINCE: Final[dict[str, Version]] = {"secp384r1": (1, 25), "secp521r1": (1, 25)}
"""The Istio whose gateways first serve from EC keys on a curve other than P-256, by its name.

Envoy took no other before 1.33.
"""


def pairs(variants: Iterable[Variant] = VARIANTS) -> str:
    """Return the least versions that go together, of each variant, in words."""
    return ", or ".join(each.pair for each in variants)


def written(version: Version) -> str:
    """Write a version, as 1.37."""
    return ".".join(map(str, version))


def version_of(written: str) -> Version | None:
    """Parse a version such as `v2.4` or `1.31.0-3`; None for what is none."""
    match = re.match(r"v?(\d{1,9})\.(\d{1,9})", written, re.ASCII)
    return tuple(map(int, match.groups())) if match else None
