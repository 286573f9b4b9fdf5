"""Which namespaces a control plane reads: its discovery selectors."""

from dataclasses import dataclass
from typing import Any

from mesh_policy.reading.label_selectors import matches
from mesh_policy.reading.namespaces import NAME_LABEL, namespace_labels
from mesh_policy.reading.objects import Objects
from mesh_policy.reading.values import UNKNOWN, at, has_unknown, items, mapping


@dataclass(frozen=True, eq=False)
class Discovery:
    """The discovery selectors of a control plane; none let every namespace through.

    They are asked about the control plane's own namespace as well.
    """

    objects: Objects
    selectors: Any = None

    def reads(self, namespace: str) -> bool | None:
        """Say whether a namespace is let through; None: not known."""
        if self.selectors is UNKNOWN:
            return None
        if not items(self.selectors):
            return True
        labels = namespace_labels(self.objects, namespace)
        if labels is None:
            by_name = [each for each in items(self.selectors) if _asks_for_name_only(each)]
            named = any(matches(each, {NAME_LABEL: namespace}) for each in by_name)
            return True if named else None if len(by_name) < len(items(self.selectors)) else False
        answers = [matches(selector, labels) for selector in items(self.selectors)]
        return True if True in answers else None if None in answers else False


def _asks_for_name_only(selector: Any) -> bool:
    wanted, expressions = at(selector, "matchLabels"), items(at(selector, "matchExpressions"))
    keys = {*mapping(wanted), *(at(expression, "key") for expression in expressions)}
    return not has_unknown(selector) and keys == {NAME_LABEL}
