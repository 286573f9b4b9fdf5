"""Whom NetworkPolicies let in and out: how the network of a cluster reads them.

Pods that no policy selects are open. Those that one selects take what any of those policies allows.
What can't be told is None throughout.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, NamedTuple

from mesh_policy.reading.label_selectors import matches
from mesh_policy.reading.namespaces import NAME_LABEL
from mesh_policy.reading.objects import Object
from mesh_policy.reading.values import UNKNOWN, at, has_unknown, items, mapping, number, text


class Direction(Enum):
    """Which way a policy looks, and what its rules name the other side."""

    INGRESS = ("Ingress", "ingress", "from")
    EGRESS = ("Egress", "egress", "to")


class Port(NamedTuple):
    """A port of pods, which policies look at, rather than that of their Service."""

    number: int
    protocol: str = "TCP"
    name: str = ""
    """What the pods call it; empty where that is not known."""


@dataclass(frozen=True)
class Pods:
    """Pods of one kind, or the hosts of the cluster, which count as those of a namespace.

    `labels` are those that they carry for certain, among others. The namespace's labels are `given`
    where all of them are known, but for those that it is `marked` with by an operator.
    """

    what: str
    namespace: str
    labels: Mapping[str, Any]
    given: Mapping[str, Any] | None = None
    marked: Mapping[str, Any] = field(default_factory=dict)

    @property
    def place(self) -> Mapping[str, Any]:
        """What is known of the namespace's labels."""
        return {NAME_LABEL: self.namespace, **self.marked, **(self.given or {})}


def selecting(policies: Iterable[Object], pods: Pods, direction: Direction) -> list[Object]:
    """Return the policies that select the pods for certain, so that not all is let through."""
    return [policy for policy in policies if _selects(policy, pods, direction)]


def allows(
    policies: Iterable[Object], pods: Pods, other: Pods, port: Port, direction: Direction
) -> bool | None:
    """Say whether a policy lets traffic through between the pods and others, to that port."""
    _, rules, side = direction.value
    return _any(
        _all(
            (
                _selects(policy, pods, direction),
                _peers(policy, at(rule, side), other),
                _ports(at(rule, "ports"), port),
            )
        )
        for policy in policies
        for rule in _entries(policy.get("spec", rules))
    )


def admits(
    policies: Iterable[Object], pods: Pods, other: Pods, port: Port, direction: Direction
) -> bool | None:
    """Say whether such traffic is let through: allowed by a policy, or restricted by none."""
    found = list(policies)
    restricted = _any(_selects(policy, pods, direction) for policy in found)
    allowed = allows(found, pods, other, port, direction)
    return _any((None if restricted is None else not restricted, allowed))


def _selects(policy: Object, pods: Pods, direction: Direction) -> bool | None:
    if policy.ref.namespace != pods.namespace:
        return False
    name, rules, _ = direction.value
    types = policy.get("spec", "policyTypes")
    if has_unknown(types):
        return None
    # Without types, a policy is of ingress, and of egress where it has rules for that.
    by_rules = direction is Direction.INGRESS or policy.get("spec", rules) is not None
    if not (name in items(types) if items(types) else by_rules):
        return False
    return _matches(policy.get("spec", "podSelector"), pods.labels)


def _matches(selector: Any, known: Mapping[str, Any], *, complete: bool = False) -> bool | None:
    if has_unknown(selector):
        return None
    asked = [
        *mapping(at(selector, "matchLabels")),
        *(text(at(each, "key")) for each in items(at(selector, "matchExpressions"))),
    ]
    if not complete and any(key not in known for key in asked):
        return None
    return matches(selector, known)


def _peers(policy: Object, peers: Any, other: Pods) -> bool | None:
    """Say whether a rule's peers are, or hold, the other side; a rule without any has all."""
    if peers is UNKNOWN:
        return None
    return _any(_peer(policy, peer, other) for peer in items(peers)) if items(peers) else True


def _peer(policy: Object, peer: Any, other: Pods) -> bool | None:
    if peer is UNKNOWN:
        return None
    if at(peer, "ipBlock") is not None:
        # Of the cluster's own addresses nothing is known, but that they are addresses.
        return True if at(peer, "ipBlock", "cidr") in ("0.0.0.0/0", "::/0") else None
    places, pods = at(peer, "namespaceSelector"), at(peer, "podSelector")
    there = (
        policy.ref.namespace == other.namespace
        if places is None
        else _matches(places, other.place, complete=other.given is not None)
    )
    chosen = True if pods is None else _matches(pods, other.labels)
    return _all((there, chosen))


def _ports(ports: Any, wanted: Port) -> bool | None:
    if ports is UNKNOWN:
        return None
    return _any(_port(entry, wanted) for entry in items(ports)) if items(ports) else True


def _port(entry: Any, wanted: Port) -> bool | None:
    port, last, protocol = (at(entry, key) for key in ("port", "endPort", "protocol"))
    if has_unknown([entry]):
        return None
    if (protocol or "TCP") != wanted.protocol:
        return False
    if port is None:
        return True
    first = number(port)
    if first is None:
        # A name of a container's port.
        return True if wanted.name and port == wanted.name else None
    return first <= wanted.number <= (number(last) or first)


def _entries(rules: Any) -> Iterator[Any]:
    yield from (UNKNOWN,) if rules is UNKNOWN else items(rules)


def _any(values: Iterable[bool | None]) -> bool | None:
    return _combined(values, any)


def _all(values: Iterable[bool | None]) -> bool | None:
    return _combined(values, all)


def _combined(
    values: Iterable[bool | None], combine: Callable[[Iterable[bool]], bool]
) -> bool | None:
    """Combine what is not known both ways: where that makes a difference, it is not known."""
    found = list(values)
    at_least = combine(value is True for value in found)
    at_most = combine(value is not False for value in found)
    return at_least if at_least == at_most else None
