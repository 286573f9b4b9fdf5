"""What selectors select: Kubernetes' set-based ones, and label sets among many, without pairs."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from mesh_policy.reading.values import UNKNOWN, at, has_unknown, items, mapping, text

Labels = frozenset[tuple[str, str]]
"""A set of labels, or a selector that asks for each of them."""


def labels(value: Any) -> Labels | None:
    """Return a mapping of texts as labels, without its other entries; None where not known."""
    if has_unknown(value):
        return None
    return frozenset(
        (key, entry)
        for key, entry in mapping(value).items()
        if isinstance(key, str) and isinstance(entry, str)
    )


def matches(selector: Any, found: Mapping[str, Any]) -> bool | None:
    """Say whether a label selector (matchLabels, matchExpressions) matches; None: not known.

    An empty selector matches everything.
    """
    if selector is UNKNOWN or has_unknown(selector) or has_unknown(found):
        return None
    wanted = mapping(at(selector, "matchLabels"))
    expressions = items(at(selector, "matchExpressions"))
    return all(found.get(key) == value for key, value in wanted.items()) and all(
        _satisfied(expression, found) for expression in expressions
    )


def _satisfied(expression: Any, found: Mapping[str, Any]) -> bool:
    key, operator = text(at(expression, "key")), text(at(expression, "operator"))
    values = items(at(expression, "values"))
    return {
        "In": found.get(key) in values,
        "NotIn": key not in found or found[key] not in values,
        "Exists": key in found,
        "DoesNotExist": key not in found,
    }.get(operator, False)


class Subsets:
    """Finds, among many selectors, those that a label set satisfies.

    Each selector lies under its rarest label, so that a label that all share costs nothing.
    """

    def __init__(self, selectors: Iterable[Labels]) -> None:
        found = list(dict.fromkeys(selectors))
        frequency = Counter(label for selector in found for label in selector)
        self._under: dict[tuple[str, str] | None, list[Labels]] = defaultdict(list)
        for selector in found:
            rarest = min(selector, key=lambda label: (frequency[label], label), default=None)
            self._under[rarest].append(selector)

    def of(self, workload: Labels) -> Iterator[Labels]:
        """List the selectors that select a workload with these labels."""
        for label in (None, *workload):
            for selector in self._under.get(label, ()):
                if selector <= workload:
                    yield selector


def written(selector: Iterable[tuple[str, str]]) -> str:
    """Write labels for a reader, as kubectl does."""
    return ",".join(f"{key}={value}" for key, value in sorted(selector)) or "(everything)"


def first(values: Sequence[str], limit: int = 3) -> str:
    """Write the first few of many."""
    more = f" and {len(values) - limit} more" if len(values) > limit else ""
    return ", ".join(values[:limit]) + more
