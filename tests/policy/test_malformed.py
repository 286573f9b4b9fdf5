"""Whatever the objects are, no rule raises: what can't be read is data too."""

import copy
import random
from collections.abc import Iterator
from itertools import product
from typing import Any, Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mesh_policy.reading.objects import Given
from mesh_policy.reading.values import UNKNOWN, Secret
from mesh_policy.rule import evaluate
from mesh_policy.rules import RULES
from mesh_policy.world import World
from tests.policy.cases import tls_data
from tests.policy.integration import BROKEN, BROKEN_3, documented, merged

# Reading an RSA key takes most of a world's time, so the certificate has another one.
GOOD: Final = [
    Given({**body, "data": tls_data(curve=True)} if body["kind"] == "Secret" else body)
    for body in [*documented(), *documented("documents/service-mesh-3.yaml")]
]
WRONG: Final = [*BROKEN.values(), *BROKEN_3.values()]
OBJECTS: Final = [*(given.body for given in GOOD), *WRONG]
MENDING: Final = [rule.remediate for rule in RULES if rule.remediate is not None]
HUGE: Final = 10_000
DEEP: Final = 5_000


def nested(depth: int) -> Any:
    value: Any = "leaf"
    for level in range(depth):
        value = [value] if level % 2 else {"spec": value}
    return value


ODD: Final[tuple[Any, ...]] = (
    None,
    UNKNOWN,
    Secret("value"),
    True,
    -1,
    1.5,
    float("nan"),
    10**30,
    "",
    "*",
    "\x00",
    "not/a/host",
    "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
    b"bytes",
    [],
    {},
    [None],
    [UNKNOWN],
    [[]],
    [{}],
    {"": None},
    {1: 2, None: 3},
    {"istio": 7, 8: "x"},
    {"*": UNKNOWN},
)
KEYS: Final[tuple[Any, ...]] = (1, None, "", "spec", "metadata", "*", ("a", "b"))


def checked(bodies: list[Any]) -> None:
    """Let every rule see the bodies alone, and half over and half patching what is right."""
    given = [Given(body, "file:1", bool(n % 3)) for n, body in enumerate(bodies)]
    over = World.of(given[::2], GOOD, patches=given[1::2], complete=True, mesh="istio-system")
    for world in (World.of(given), over):
        for result in evaluate(RULES, world):
            assert str(result.finding)
        for item, rule in product(world.by_key.values(), MENDING):
            rule(item.body, world)


def places(value: Any) -> Iterator[tuple[Any, Any]]:
    """List every place in a body: what it is in and its key there."""
    keys = value.keys() if isinstance(value, dict) else range(len(value))
    for key in list(keys):
        yield value, key
        if isinstance(value[key], dict | list):
            yield from places(value[key])


def spoil(bodies: list[Any], dice: random.Random) -> None:
    """Change one place for the worse."""
    where, key = dice.choice(list(places(bodies)))
    match dice.randrange(4):
        case 0:
            where[key] = copy.deepcopy(dice.choice(ODD))
        case 1 if isinstance(where, dict):
            where[dice.choice(KEYS)] = where.pop(key)
        case 2:
            where[key] = [where[key], dice.choice(ODD)]
        case _:
            del where[key]


@pytest.mark.parametrize("seed", range(150))
def test_objects_with_something_wrong_anywhere(seed: int) -> None:
    dice = random.Random(seed)
    bodies = copy.deepcopy(dice.sample(OBJECTS, dice.randint(5, 12)))
    for _ in range(dice.randint(1, 20)):
        if bodies:
            spoil(bodies, dice)
    checked(bodies)


leaves = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8)
leaves |= st.sampled_from((UNKNOWN, Secret("value"), "*", "knative-serving", "istio-system"))
keys = st.sampled_from(
    ("spec", "metadata", "name", "namespace", "labels", "selector", "servers", "hosts", "port")
)
anything = st.recursive(
    leaves,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(keys | st.text(max_size=4) | st.integers(), inner, max_size=5)
    ),
    max_leaves=12,
)


@settings(max_examples=100, deadline=None, derandomize=True)
@given(st.lists(st.tuples(st.sampled_from(OBJECTS), anything, anything), max_size=4), anything)
def test_objects_of_any_shape(found: list[tuple[dict[str, Any], Any, Any]], alone: Any) -> None:
    checked(
        [alone]
        + [
            {**given, "spec": spec} if spec is not None else {**given, "metadata": metadata}
            for given, spec, metadata in found
        ]
    )


def replaced(value: Any, odd: Any, depth: int) -> Any:
    """Put the odd value in the place of everything at one depth."""
    if depth == 0:
        return odd
    if isinstance(value, dict):
        return {key: replaced(child, odd, depth - 1) for key, child in value.items()}
    return [replaced(child, odd, depth - 1) for child in value] if isinstance(value, list) else odd


@pytest.mark.parametrize("depth", range(5))
def test_every_field_at_once_is_odd(depth: int) -> None:
    for odd, field in product(ODD, ("metadata", "spec", "data")):
        having = [body for body in OBJECTS if field in body]
        checked([{**body, field: replaced(body[field], odd, depth)} for body in having])


def test_lists_are_huge() -> None:
    for body in WRONG:
        for n in range(len(list(places(body)))):
            huge = copy.deepcopy(body)
            where, key = list(places(huge))[n]
            if isinstance(where[key], list):
                where[key] = where[key] * HUGE
                checked([huge])


def test_mappings_are_huge() -> None:
    labels = {f"label-{n}": "x" for n in range(HUGE)}
    for body in WRONG:
        metadata = {"labels": labels, "annotations": labels}
        checked([merged(body, {"metadata": metadata, "spec": {"selector": labels, **labels}})])


@pytest.mark.parametrize("field", ["spec", "metadata", "data", "kind", "apiVersion"])
def test_objects_nest_deeply(field: str) -> None:
    checked([nested(DEEP), *({**body, field: nested(DEEP)} for body in WRONG)])
