"""The labels of namespaces, by which meshes find their members."""

from collections.abc import Mapping
from typing import Any, Final

from mesh_policy.documented.kinds import NAMESPACE
from mesh_policy.reading.objects import Objects
from mesh_policy.reading.values import UNKNOWN, mapping

NAME_LABEL: Final = "kubernetes.io/metadata.name"
"""Label that the API server gives every namespace."""


def namespace_labels(objects: Objects, name: str) -> Any:
    """Return the labels of a namespace, UNKNOWN where the update tells, None where it is not here.

    In a cluster that was read, a namespace that is not here has no labels.
    """
    found = objects.get(NAMESPACE, "", name)
    if found is None:
        read = objects.complete and NAMESPACE not in objects.unread
        return {NAME_LABEL: name} if read and name != repr(UNKNOWN) else None
    labels = found.get("metadata", "labels")
    own: Mapping[str, Any] = mapping(labels)
    return UNKNOWN if labels is UNKNOWN else {NAME_LABEL: name, **own}
