"""Each operator is installed once, by the one OperatorGroup of its namespace."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Final

from mesh_policy.documented.kinds import OPERATOR_GROUP, OPERATOR_VERSION, SUBSCRIPTION
from mesh_policy.documented.names import (
    OPERATORS_NAMESPACE,
    SERVERLESS_NAMESPACE,
    SERVERLESS_PACKAGE,
)
from mesh_policy.documented.sections import ASSUMPTIONS
from mesh_policy.documented.variants import VARIANTS
from mesh_policy.findings import Finding, Severity
from mesh_policy.reading.objects import Object
from mesh_policy.reading.operators import installed, subscriptions
from mesh_policy.reading.values import UNKNOWN, has_unknown, items, mapping, show
from mesh_policy.rule import Rule
from mesh_policy.world import World

_PACKAGES: Final = (SERVERLESS_PACKAGE, *(variant.package for variant in VARIANTS))


def check(world: World) -> Iterator[Finding]:
    """Check the groups where the operators are, and the subscriptions to them."""
    groups: dict[str, list[Object]] = defaultdict(list)
    for item in world.objects(OPERATOR_GROUP):
        groups[item.ref.namespace].append(item)
    for namespace in sorted(_namespaces(world)):
        found = groups[namespace]
        if len(found) > 1:
            yield _second(found)
        else:
            yield from _selecting(world, namespace, found)
    yield from _subscribed(world)


def _namespaces(world: World) -> set[str]:
    """Return where the operators are, or are documented to be."""
    subscribed = (item for package in _PACKAGES for item in subscriptions(world, package))
    there = (item for package in _PACKAGES for item in installed(world, package))
    found = {item.ref.namespace for item in (*subscribed, *there)}
    return found | {SERVERLESS_NAMESPACE, OPERATORS_NAMESPACE}


def _second(found: Sequence[Object]) -> Finding:
    """Blame the group that is declared, or the last one."""
    *others, last = sorted(found, key=lambda item: (item.declared, item.ref))
    names = ", ".join(item.ref.name for item in others)
    return last.breaks(
        "",
        f"a second OperatorGroup in the namespace {last.ref.namespace}, beside {names}",
        "one of them: with two, no operator of the namespace is installed, updated or run",
        tuple(item.ref for item in others[:3]),
    )


def _selecting(world: World, namespace: str, found: Sequence[Object]) -> Iterator[Finding]:
    """Check that the group has the operators watch all namespaces; they know no other way."""
    subscribed = [
        item
        for package in _PACKAGES
        for item in subscriptions(world, package)
        if item.ref.namespace == namespace
    ]
    if not subscribed and namespace != SERVERLESS_NAMESPACE:
        return
    related = tuple(item.ref for item in subscribed[:1])
    for group in found:
        targets = group.get("spec", "targetNamespaces")
        selector = group.get("spec", "selector")
        if has_unknown(targets) or has_unknown(selector):
            yield group.unknown("spec")
        elif items(targets) or mapping(selector):
            path = "spec.targetNamespaces" if items(targets) else "spec.selector"
            needed = "no such field: the operator watches all namespaces, and supports nothing else"
            yield group.breaks(path, show(targets or selector), needed, related)
    # Every OpenShift has one there, which is none of the stack's.
    if subscribed and not found and world.complete and namespace != OPERATORS_NAMESPACE:
        needed = f"a group by which {subscribed[0].ref} installs the operator"
        yield from world.missing(OPERATOR_GROUP, namespace, "", needed)


def _subscribed(world: World) -> Iterator[Finding]:
    for item in world.objects(SUBSCRIPTION):
        if item.get("spec", "name") is UNKNOWN:
            yield item.unknown("spec.name")
    for package in _PACKAGES:
        found = sorted(subscriptions(world, package), key=lambda item: (item.declared, item.ref))
        if len(found) > 1:
            *others, last = found
            names = ", ".join(str(item.ref) for item in others)
            yield last.breaks(
                "spec.name",
                f"{package} a second time, beside {names}",
                "one subscription to it: two install the operator twice, and both fail",
                tuple(item.ref for item in others[:3]),
            )


RULE = Rule(
    id="operator-group-single",
    title="Each operator is installed once, by the one OperatorGroup of its namespace",
    severity=Severity.ERROR,
    why=(
        "The Operator Lifecycle Manager installs nothing in a namespace with two OperatorGroups, "
        "and stops the operators that are there; an operator that is installed twice fails."
    ),
    remedy=(
        "Leave one OperatorGroup in the namespace, one that selects no namespaces, and one "
        "Subscription to each operator."
    ),
    section=ASSUMPTIONS,
    kinds=frozenset({OPERATOR_GROUP, OPERATOR_VERSION, SUBSCRIPTION}),
    check=check,
    harmful=True,
)
