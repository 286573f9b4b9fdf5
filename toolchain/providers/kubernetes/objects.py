"""Objects as plain data: what they are called, how inputs differ, what of a live one is ours."""

from collections.abc import Mapping
from typing import Any, Final

from toolchain.providers.kubernetes.api import Object, Reference
from toolchain.providers.properties import UNKNOWN, Unknown

MANAGED_BY: Final = "app.kubernetes.io/managed-by"
AUTONAMED: Final = "pulumi.com/autonamed"
SERVERS_METADATA: Final = (
    "creationTimestamp",
    "deletionGracePeriodSeconds",
    "deletionTimestamp",
    "generation",
    "managedFields",
    "resourceVersion",
    "selfLink",
    "uid",
)
_IDENTITY: Final = ("apiVersion", "kind", "metadata.name", "metadata.namespace")
_IMMUTABLE: Final[Mapping[tuple[str, str], tuple[str, ...]]] = {
    ("", "Secret"): ("type", "immutable"),
    ("", "ConfigMap"): ("immutable",),
    ("", "Service"): ("spec.clusterIP", "spec.clusterIPs"),
    ("", "PersistentVolumeClaim"): (
        "spec.accessModes",
        "spec.selector",
        "spec.storageClassName",
        "spec.volumeMode",
        "spec.volumeName",
    ),
    ("", "Pod"): ("spec",),
    ("apps", "DaemonSet"): ("spec.selector",),
    ("apps", "Deployment"): ("spec.selector",),
    ("apps", "StatefulSet"): ("spec.selector", "spec.serviceName", "spec.volumeClaimTemplates"),
    ("batch", "Job"): ("spec.completionMode", "spec.selector", "spec.template"),
    ("rbac.authorization.k8s.io", "ClusterRoleBinding"): ("roleRef",),
    ("rbac.authorization.k8s.io", "RoleBinding"): ("roleRef",),
    ("storage.k8s.io", "StorageClass"): (
        "parameters",
        "provisioner",
        "reclaimPolicy",
        "volumeBindingMode",
    ),
}


def group(api_version: str) -> str:
    """Return the group of an API version; the core group is the empty one."""
    return api_version.rpartition("/")[0]


def metadata(item: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the metadata, whatever the user wrote there."""
    found = item.get("metadata")
    return found if isinstance(found, Mapping) else {}


def annotation(item: Mapping[str, Any], name: str) -> str | None:
    """Return an annotation that is known, or None."""
    annotations = metadata(item).get("annotations")
    value = annotations.get(name) if isinstance(annotations, Mapping) else None
    return value if isinstance(value, str) else None


def made_by_pulumi(live: Mapping[str, Any]) -> bool:
    """Tell whether some stack made the object."""
    labels = metadata(live).get("labels")
    return isinstance(labels, Mapping) and labels.get(MANAGED_BY) == "pulumi"


def is_true(item: Mapping[str, Any], name: str) -> bool:
    """Tell whether an annotation is set to true."""
    return (annotation(item, name) or "").lower() == "true"


def reference(item: Mapping[str, Any]) -> Reference | None:
    """Return the object's place, or None while a part of it is unknown."""
    about = metadata(item)
    parts = (
        item.get("apiVersion"),
        item.get("kind"),
        about.get("namespace") or "",
        about.get("name"),
    )
    if not all(isinstance(part, str) for part in parts):
        return None
    return Reference(*map(str, parts))


def identity(where: Reference) -> str:
    """Return the resource's id: `namespace/name`, or `name` outside namespaces."""
    return f"{where.namespace}/{where.name}" if where.namespace else where.name


def changes(old: Any, new: Any, path: str = "") -> dict[str, str]:
    """Compare two trees; return the paths that differ, each with add, delete or update.

    Paths are the engine's: `spec.members[0]`, `metadata.labels["a.b/c"]`.
    """
    if isinstance(new, Unknown):
        return {path: "add" if old is None else "update"}
    if isinstance(old, dict) and isinstance(new, dict):
        found: dict[str, str] = {}
        for name in [*old, *(name for name in new if name not in old)]:
            found |= changes(old.get(name), new.get(name), _below(path, name))
        return found
    if isinstance(old, list) and isinstance(new, list):
        found = {}
        for index in range(max(len(old), len(new))):
            before = old[index] if index < len(old) else None
            after = new[index] if index < len(new) else None
            found |= changes(before, after, f"{path}[{index}]")
        return found
    if old == new:
        return {}
    return {path: "add" if old is None else "delete" if new is None else "update"}


def _below(path: str, name: str) -> str:
    if not name.replace("_", "").isalnum():
        return f'{path}["{name}"]'
    return f"{path}.{name}" if path else name


def replacing(changed: Mapping[str, str], new: Mapping[str, Any]) -> list[str]:
    """Choose the changes that ask for a new object: of its identity, or of immutable fields."""
    api_version = new.get("apiVersion")
    kind = new.get("kind")
    key = (group(api_version) if isinstance(api_version, str) else "", str(kind))
    fields = (*_IDENTITY, *_IMMUTABLE.get(key, ()))
    if new.get("immutable") is True:
        fields = (*fields, "data", "stringData", "binaryData")
    return [
        path
        for path in changed
        if any(path == field or path.startswith((f"{field}.", f"{field}[")) for field in fields)
    ]


def project(live: Any, wanted: Any) -> Any:
    """Return what the live value has at the places of the wanted one.

    Lists of another length are taken whole, so that added and lost items show.
    """
    if isinstance(live, dict) and isinstance(wanted, dict):
        return {name: project(live[name], value) for name, value in wanted.items() if name in live}
    if isinstance(live, list) and isinstance(wanted, list):
        if len(live) != len(wanted):
            return live
        return [project(item, value) for item, value in zip(live, wanted, strict=True)]
    return live


def imported(live: Object) -> Object:
    """Return the inputs that would make the live object: without what is the server's."""
    about = {k: v for k, v in live["metadata"].items() if k not in SERVERS_METADATA}
    return {**{k: v for k, v in live.items() if k != "status"}, "metadata": about}


def known(item: Any) -> Any:
    """Leave out what is not known until the update, so that the rest can be looked at."""
    if isinstance(item, dict):
        return {name: known(value) for name, value in item.items() if value is not UNKNOWN}
    if isinstance(item, list):
        return [known(value) for value in item if value is not UNKNOWN]
    return item
