"""What the stack has already, by its own state; asked only when something hangs on it."""

from collections.abc import Mapping
from functools import cached_property
from typing import Any, Final

from mesh_policy.crossguard import state
from mesh_policy.documented.kinds import MEMBER_ROLL, api_version
from mesh_policy.findings import Ref
from mesh_policy.reading.values import at, mapping, strings, text
from preflight.errors import PreflightError

CLUSTER_IDENTITY: Final = "clusterIdentifier"
"""The input of the Kubernetes provider that tells clusters apart."""
_PROVIDER: Final = "pulumi:providers:kubernetes"
_ROLL: Final = f"kubernetes:{api_version(MEMBER_ROLL)}:{MEMBER_ROLL.name}"
_MOVED: Final = (
    "this stack's objects are on another cluster than the one that kubernetes:kubeconfig and "
    "kubernetes:context lead to, and would be deleted there. Nothing was changed. Let them lead to "
    "the cluster as before; for this one make a stack of its own: pulumi stack init"
)


class Stack:
    """A stack's state, read once, when it is first asked for."""

    def __init__(self, name: str) -> None:
        """Name the stack as `organization/project/stack`."""
        self._name = name

    @cached_property
    def _exported(self) -> Any:
        return state.export(self._name)

    def owned(self) -> set[Ref]:
        """Return the objects that the state has."""
        return {each.ref for each in state.owned(self._exported)}

    def listed_members(self) -> frozenset[str]:
        """Return the members that the stack's own roll lists."""
        return listed_members(self._exported)

    def check_same_cluster(self, cluster_identity: str | None) -> None:
        """Refuse a cluster that is not the one of the stack; None: it is not known which it is.

        Raises:
            PreflightError: it is another one.
        """
        if moved(self._exported, cluster_identity):
            raise PreflightError(_MOVED)


def moved(exported: Any, cluster_identity: str | None) -> bool:
    """Say whether an exported stack has its objects on another cluster than this one."""
    known = {
        mapping(resource.get("inputs")).get(CLUSTER_IDENTITY)
        for resource in state.resources(exported)
        if resource.get("type") == _PROVIDER
    }
    return cluster_identity is not None and bool(known - {None, cluster_identity})


def listed_members(exported: Any) -> frozenset[str]:
    """Return the members that the own roll of an exported stack lists.

    Those of a roll that was only imported, and not updated since, are of others.
    """
    return frozenset(
        name
        for resource in state.resources(exported)
        if _is_own_roll(resource)
        for name in strings(at(resource.get("inputs"), "spec", "members"))
    )


def _is_own_roll(resource: Mapping[str, Any]) -> bool:
    return text(resource.get("type")) == _ROLL and not resource.get("importID")
