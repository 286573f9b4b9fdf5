"""What a service account may do, as Kubernetes' authorizer reads roles and bindings."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from mesh_policy.documented.kinds import (
    CLUSTER_ROLE,
    CLUSTER_ROLE_BINDING,
    ROLE,
    ROLE_BINDING,
)
from mesh_policy.findings import Ref
from mesh_policy.reading.objects import Object, Objects
from mesh_policy.reading.values import UNKNOWN, at, has_unknown, items, text

_BUILT_IN: Final = frozenset({"cluster-admin", "admin", "edit"})
"""The ClusterRoles of every cluster that may list secrets."""
_KINDS: Final = {"Role": ROLE, "ClusterRole": CLUSTER_ROLE}


@dataclass(frozen=True)
class Account:
    """A service account."""

    namespace: str
    name: str

    @property
    def user(self) -> str:
        """The name of its user."""
        return f"system:serviceaccount:{self.namespace}:{self.name}"

    @property
    def groups(self) -> tuple[str, ...]:
        """The groups that it is in."""
        own = f"system:serviceaccounts:{self.namespace}"
        return ("system:serviceaccounts", own, "system:authenticated")


@dataclass(frozen=True)
class Grant:
    """A binding in a namespace, or of the whole cluster, and the role that it gives.

    `role` is None where that is not here; `bound` says whether it is the account's, and `lists`
    whether the role lets it list every secret; None: not known. `touches` says whether the role is
    about secrets at all.
    """

    binding: Object
    role_ref: Ref
    role: Object | None
    bound: bool | None
    lists: bool | None
    touches: bool


def grants(objects: Objects, account: Account) -> Iterator[Grant]:
    """List what is granted in an account's namespace, to whomever, as far as it is about secrets.

    Of the cluster's bindings, only those of the account.
    """
    for item in objects.objects(ROLE_BINDING, account.namespace):
        yield _grant(objects, item, account)
    for item in objects.objects(CLUSTER_ROLE_BINDING):
        grant = _grant(objects, item, account)
        if grant.bound is not False:
            yield grant


def _grant(objects: Objects, binding: Object, account: Account) -> Grant:
    reference = binding.get("roleRef")
    name, kind = text(at(reference, "name")), _KINDS.get(text(at(reference, "kind")), ROLE)
    namespace = binding.ref.namespace if kind == ROLE else ""
    role = objects.get(kind, namespace, name)
    if role is None:
        # Without a cluster, a role may be there all the same.
        built_in = kind == CLUSTER_ROLE and name in _BUILT_IN
        lists, touches = True if built_in else (False if objects.complete else None), built_in
    else:
        lists, touches = _listing(role)
    ref = role.ref if role else Ref(kind, namespace, name)
    bound = _bound(binding, account)
    return Grant(binding, ref, role, bound, None if has_unknown(reference) else lists, touches)


def _bound(binding: Object, account: Account) -> bool | None:
    subjects = binding.get("subjects")
    if any(_is(subject, binding.ref.namespace, account) for subject in items(subjects)):
        return True
    return None if has_unknown(subjects) else False


def _is(subject: Any, namespace: str, account: Account) -> bool:
    name = at(subject, "name")
    match at(subject, "kind"):
        case "ServiceAccount":
            # Without a namespace, a RoleBinding's own is meant, and a ClusterRoleBinding's is none.
            own = at(subject, "namespace") or namespace
            return bool(own) and (own, name) == (account.namespace, account.name)
        case "User":
            return bool(name == account.user)
        case "Group":
            return name in account.groups
        case _:
            return False


def _listing(role: Object) -> tuple[bool | None, bool]:
    """Say whether a role lets list every secret, and whether it is about secrets at all."""
    rules = role.get("rules")
    about = [rule for rule in items(rules) if _allows(rule, "resources", "secrets")]
    about = [rule for rule in about if _allows(rule, "apiGroups", "")]
    if any(_allows(rule, "verbs", "list") and not at(rule, "resourceNames") for rule in about):
        return True, True
    aggregated = role.get("aggregationRule") is not None and not items(rules)
    return (None if has_unknown(rules) or aggregated else False), bool(about)


def _allows(rule: Any, field: str, wanted: str) -> bool:
    found = items(at(rule, field))
    return wanted in found or "*" in found


def service_account(template: Any) -> Any:
    """Return the name of the account of a template's pods; UNKNOWN where not known."""
    for field in ("serviceAccountName", "serviceAccount"):
        found = at(template, "spec", field)
        if found is UNKNOWN or text(found):
            return found
    return "default"
