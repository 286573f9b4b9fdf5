"""Which objects are older: Istio takes the oldest of several that say different things.

What is declared and not in the cluster yet is younger than all that is. Between two of which no age
is known nobody can tell.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from mesh_policy.findings import Ref
from mesh_policy.reading.objects import Object
from mesh_policy.reading.values import text


class Age(NamedTuple):
    """When an object was made; those of one second go by their names."""

    made: str
    name: str
    namespace: str


@dataclass(frozen=True, eq=False)
class Ages:
    """The ages of objects; `running` are the objects as the cluster has them now."""

    running: Mapping[Ref, Object]

    def of(self, item: Object) -> Age | None:
        """Return the age of an object, None where it is not known."""
        for seen in (item, self.running.get(item.ref)):
            made = text(seen.get("metadata", "creationTimestamp")) if seen else ""
            if made:
                return Age(made, item.ref.name, item.ref.namespace)
        return None

    def oldest_first(self, found: Iterable[Object]) -> tuple[Sequence[Object], Sequence[Object]]:
        """Return the objects of known age, the oldest first, and those of which it is not known."""
        known: list[tuple[Age, Object]] = []
        unknown = []
        for item in found:
            age = self.of(item)
            if age is None:
                unknown.append(item)
            else:
                known.append((age, item))
        known.sort(key=lambda each: each[0])
        return [item for _, item in known], unknown
