"""Which namespaces see an object of Istio's, by its `exportTo`."""

from typing import Any, Final

from mesh_policy.reading.values import has_unknown, items, strings

ALL: Final = "*"
OWN: Final = "."
NOBODY: Final = "~"
"""What it takes besides names: every namespace, the object's own, and none."""


def is_exported(exported: Any, home: str, namespace: str) -> bool:
    """Say whether a namespace sees what is in `home`, or may; where nothing is said, all do."""
    own = (OWN,) if home == namespace else ()
    told = not {ALL, namespace, *own}.isdisjoint(strings(exported))
    return told or not items(exported) or has_unknown(exported)
