"""Which inbound ports a sidecar intercepts; what it does not take is outside of the mesh's mTLS.

As Istio's injection template and iptables rules read it: the annotations of the pod stand in the
place of the control plane's values, and the excluded ports count only where every port is included.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from mesh_policy.reading.values import UNKNOWN, has_unknown, items, number

INCLUDED: Final = "traffic.sidecar.istio.io/includeInboundPorts"
EXCLUDED: Final = "traffic.sidecar.istio.io/excludeInboundPorts"
_ALL: Final = "*"


def ports(value: Any) -> set[int]:
    """Return the ports of a list, or of a text such as `8022,8444`."""
    entries: Iterable[Any] = value.split(",") if isinstance(value, str) else items(value)
    found = (number(e.strip() if isinstance(e, str) else e) for e in entries)
    return {port for port in found if port is not None}


@dataclass(frozen=True)
class Interception:
    """The included and the excluded ports, as written: a list, a text, or nothing."""

    included: Any
    excluded: Any

    def of(self, annotations: Mapping[str, Any] | Any) -> "Interception":
        """Return what holds for a pod with these annotations."""
        if annotations is UNKNOWN:
            return Interception(UNKNOWN, UNKNOWN)
        if not isinstance(annotations, Mapping):
            return self
        return Interception(
            annotations.get(INCLUDED, self.included), annotations.get(EXCLUDED, self.excluded)
        )

    @property
    def takes_all(self) -> bool | None:
        """Whether every port is included; None: not known."""
        if has_unknown(self.included):
            return None
        # A text without a port includes none; a list without one says nothing.
        if isinstance(self.included, str):
            return self.included.strip() == _ALL
        return _ALL in items(self.included) or not items(self.included)

    def takes(self, port: int) -> bool | None:
        """Say whether the sidecar intercepts a port; None: not known."""
        if self.takes_all:
            if port in ports(self.excluded):
                return False
            return None if has_unknown(self.excluded) else True
        if port in ports(self.included):
            return True
        return None if self.takes_all is None else False
