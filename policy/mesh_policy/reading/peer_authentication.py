"""Which PeerAuthentications count, as istiod composes them.

One counts for the mesh (in its root namespace, without a selector), one for a namespace (without a
selector), one for a workload (with a selector, in any but the root namespace): each time the
oldest, even where it says UNSET. Modes by port count with a selector alone. A selector has
`matchLabels` and nothing else.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any, Final

from mesh_policy.reading.ages import Age, Ages
from mesh_policy.reading.label_selectors import Labels, Subsets, labels
from mesh_policy.reading.objects import Object
from mesh_policy.reading.values import at, mapping

WEAK_MODES: Final = ("PERMISSIVE", "DISABLE")
"""The modes by which plaintext gets in."""


class Scope(Enum):
    """What a PeerAuthentication is about."""

    MESH = "mesh"
    NAMESPACE = "namespace"
    WORKLOAD = "workload"


@dataclass(frozen=True)
class Authentication:
    """A PeerAuthentication that counts; `certain` is False where that hangs on ages not known."""

    item: Object
    scope: Scope
    certain: bool = True

    @property
    def mode(self) -> Any:
        """The mode: None where it is inherited, UNKNOWN where not known."""
        found = self.item.get("spec", "mtls", "mode")
        return None if found == "UNSET" else found

    @property
    def by_port(self) -> Any:
        """The modes by port, where they count."""
        return self.item.get("spec", "portLevelMtls") if self.scope is Scope.WORKLOAD else None

    def modes(self) -> Iterator[tuple[str, Any, Any]]:
        """List every mode with its path, the port (None: every other one) last."""
        yield "spec.mtls.mode", self.mode, None
        for port, setting in mapping(self.by_port).items():
            mode = at(setting, "mode")
            yield f"spec.portLevelMtls.{port}.mode", None if mode == "UNSET" else mode, port


def counting(found: Iterable[Object], root: str, ages: Ages) -> Iterator[Authentication]:
    """Return the PeerAuthentications that count in a mesh with this root namespace."""
    general: dict[str, list[Object]] = defaultdict(list)
    special: dict[str, dict[Labels, list[Object]]] = defaultdict(lambda: defaultdict(list))
    for item in found:
        selector = labels(item.get("spec", "selector", "matchLabels"))
        if selector:
            special[item.ref.namespace][selector].append(item)
        elif selector is None or not mapping(item.get("spec", "selector", "matchLabels")):
            general[item.ref.namespace].append(item)
    for namespace, several in general.items():
        scope = Scope.MESH if namespace == root else Scope.NAMESPACE
        yield from _first(several, scope, ages)
    for namespace, by_selector in special.items():
        if namespace != root:
            yield from _selecting(by_selector, ages)


def _first(several: list[Object], scope: Scope, ages: Ages) -> Iterator[Authentication]:
    known, unknown = ages.oldest_first(several)
    if known:
        yield Authentication(known[0], scope)
    else:
        for item in unknown:
            yield Authentication(item, scope, _agree(unknown))


def _selecting(by_selector: Mapping[Labels, list[Object]], ages: Ages) -> Iterator[Authentication]:
    """Leave out what an older one precedes on every workload: its selector asks for no more."""
    sorted_ = {selector: ages.oldest_first(found) for selector, found in by_selector.items()}
    wider = Subsets(by_selector)
    for selector in by_selector:
        rivals = list(wider.of(selector))
        first = [sorted_[each][0][0] for each in rivals if sorted_[each][0]]
        eldest = min(first, key=lambda item: ages.of(item) or Age("", "", ""), default=None)
        if eldest is None:
            ageless = [item for each in rivals for item in sorted_[each][1]]
            for item in sorted_[selector][1]:
                yield Authentication(item, Scope.WORKLOAD, _agree(ageless))
        elif eldest in by_selector[selector]:
            yield Authentication(eldest, Scope.WORKLOAD)


def _agree(found: Iterable[Object]) -> bool:
    """Say whether it does not matter which of several is the oldest."""
    said = [
        (item.get("spec", "mtls", "mode"), mapping(item.get("spec", "portLevelMtls")))
        for item in found
    ]
    return all(each == said[0] for each in said)
