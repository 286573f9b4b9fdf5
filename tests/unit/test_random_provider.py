"""The stand-in plugin `random`: its table against the SDK's, and what it answers to the engine."""

import base64
import inspect
import json
import string
import uuid
from collections import Counter
from typing import Any

import bcrypt
import pulumi_random
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pulumi import _types

from toolchain.providers.plugin import Failure, Log, PluginError, Resource, UnsupportedError
from toolchain.providers.properties import UNKNOWN, Secret, plain
from toolchain.providers.random import values
from toolchain.providers.random.provider import Random

NAMES = (
    "RandomBytes",
    "RandomId",
    "RandomInteger",
    "RandomPassword",
    "RandomShuffle",
    "RandomString",
    "RandomUuid",
    "RandomUuid4",
    "RandomUuid7",
)
GIVEN: dict[str, dict[str, Any]] = {
    "RandomBytes": {"length": 16},
    "RandomId": {"byteLength": 8, "prefix": "a,b-"},
    "RandomInteger": {"min": -3, "max": 10},
    "RandomPassword": {"length": 20, "minSpecial": 3},
    "RandomShuffle": {"inputs": ["a", "b", "c"], "resultCount": 7},
    "RandomString": {"length": 12, "special": False},
    "RandomUuid": {},
    "RandomUuid4": {},
    "RandomUuid7": {},
}
ALPHABETS = {
    "lower": string.ascii_lowercase,
    "upper": string.ascii_uppercase,
    "numeric": string.digits,
    "special": values.SPECIAL,
}


class Warnings(Log):
    """Keeps what the user is told."""

    def __init__(self) -> None:
        super().__init__(None)
        self.said: list[str] = []

    def warning(self, resource: Resource, text: str) -> None:
        self.said.append(f"{resource.name}: {text}")


LOG = Warnings()
RANDOM = Random(LOG)


def token(name: str) -> str:
    return str(getattr(pulumi_random, name).pulumi_type)


def resource(name: str) -> Resource:
    return Resource(f"urn:pulumi:stack::project::{token(name)}::name")


def check(name: str, **inputs: Any) -> list[Failure]:
    _, failures = RANDOM.check(resource(name), {}, inputs)
    return failures


def create(name: str, **inputs: Any) -> tuple[str, dict[str, Any], dict[str, Any]]:
    kept, failures = RANDOM.check(resource(name), {}, inputs)
    assert failures == []
    identity, state = RANDOM.create(resource(name), kept, preview=False, timeout=0)
    return identity, kept, state


def changes(name: str, old: dict[str, Any], new: dict[str, Any]) -> tuple[set[str], set[str]]:
    """Return what differs between the inputs of a resource and new ones, and what replaces it."""
    identity, kept, state = create(name, **old)
    diff = RANDOM.diff(resource(name), identity, kept, state, new)
    return set(diff.changed), set(diff.replaces)


@pytest.mark.parametrize("name", NAMES)
def test_the_table_is_the_sdks(name: str) -> None:
    args, made = getattr(pulumi_random, f"{name}Args"), getattr(pulumi_random, name)
    kind = RANDOM.kinds[made.pulumi_type]
    inputs = _types.input_type_py_to_pulumi_names(args)
    outputs = set(_types.resource_py_to_pulumi_names(made).values()) - {"id", "urn"}
    assert kind.inputs.keys() | kind.unsupported.keys() == set(inputs.values())
    assert {*kind.outputs} == outputs - set(inputs.values())
    parameters = inspect.signature(args).parameters.values()
    required = {inputs[p.name] for p in parameters if p.default is inspect.Parameter.empty}
    assert {n for n, spec in kind.inputs.items() if spec.required} == required


def test_every_resource_of_the_sdk_is_there_or_refused() -> None:
    tokens = {
        made.pulumi_type
        for made in vars(pulumi_random).values()
        if getattr(made, "pulumi_type", "").startswith("random:")
    }
    assert RANDOM.kinds.keys() | RANDOM.absent.keys() == tokens


@pytest.mark.parametrize("name", NAMES)
def test_the_state_looks_as_the_official_plugin_writes_it(name: str) -> None:
    identity, inputs, state = create(name, **GIVEN[name], keepers={"a": "b"})
    kind = RANDOM.kinds[token(name)]
    assert inputs == {**GIVEN[name], "keepers": {"a": "b"}}
    optional = {"overrideSpecial"} & kind.inputs.keys()
    meta = {"__meta"} if kind.schema_version else set()
    assert state.keys() == (kind.inputs.keys() | {"id", *kind.outputs} | meta) - optional
    assert state["id"] == identity
    assert {n for n, v in state.items() if isinstance(v, Secret)} == kind.secrets


def test_the_official_schema_versions_are_in_the_state() -> None:
    for name, version in (("RandomPassword", "3"), ("RandomString", "2")):
        _, _, state = create(name, length=4)
        assert json.loads(state["__meta"]) == {"schema_version": version}


def test_secrets_are_the_sdks() -> None:
    secret = {name for name in NAMES if RANDOM.kinds[token(name)].secrets}
    assert secret == {"RandomPassword", "RandomBytes"}


@pytest.mark.parametrize("name", NAMES)
def test_a_preview_shows_outputs_as_unknown(name: str) -> None:
    kind = RANDOM.kinds[token(name)]
    _, state = RANDOM.create(resource(name), GIVEN[name], preview=True, timeout=0)
    assert all(plain(state[output]) is UNKNOWN for output in kind.outputs)
    assert {n for n, v in state.items() if isinstance(v, Secret)} == kind.secrets
    _, state = RANDOM.create(
        resource(name), dict.fromkeys(GIVEN[name], UNKNOWN), preview=True, timeout=0
    )
    assert all(state[name] is UNKNOWN for name in GIVEN[name])


@pytest.mark.parametrize("name", NAMES)
def test_every_one_is_another(name: str) -> None:
    if name == "RandomInteger":
        results = {create(name, min=0, max=2**62)[2]["result"] for _ in range(5)}
        assert len(results) == 5
        return
    given_inputs = {**GIVEN[name]}
    if name == "RandomShuffle":
        given_inputs = {"inputs": [str(i) for i in range(60)]}
    outputs = RANDOM.kinds[token(name)].outputs
    made = [plain(create(name, **given_inputs)[2]) for _ in range(5)]
    for output in outputs:
        assert len({str(state[output]) for state in made}) == 5


@pytest.mark.parametrize("name", NAMES)
def test_the_same_inputs_change_nothing_and_reading_gives_the_state(name: str) -> None:
    identity, inputs, state = create(name, **GIVEN[name])
    assert changes(name, GIVEN[name], {**GIVEN[name], "keepers": {}}) == (set(), set())
    diff = RANDOM.diff(resource(name), identity, inputs, state, inputs)
    assert diff.changed == {}
    assert RANDOM.read(resource(name), identity, inputs, state) == (identity, inputs, state)


CHANGES: dict[str, dict[str, Any]] = {
    "RandomBytes": {"length": 17},
    "RandomId": {"byteLength": 9, "prefix": "b-"},
    "RandomInteger": {"min": -4, "max": 11},
    "RandomShuffle": {"inputs": ["a", "b"], "resultCount": 6},
    "RandomString": {
        "length": 13,
        "lower": False,
        "upper": False,
        "special": True,
        "overrideSpecial": "!",
        **dict.fromkeys(("minLower", "minUpper", "minNumeric", "minSpecial"), 1),
    },
}


@pytest.mark.parametrize(
    ("name", "changed"), [(name, c) for name, all_ in CHANGES.items() for c in all_]
)
def test_a_change_makes_a_new_one(name: str, changed: str) -> None:
    new = {**GIVEN[name], changed: CHANGES[name][changed]}
    assert changes(name, GIVEN[name], new) == ({changed}, {changed})


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("keepers", [{"a": "2"}, {"b": "1"}, {}, UNKNOWN])
def test_other_keepers_make_a_new_one(name: str, keepers: Any) -> None:
    old = {**GIVEN[name], "keepers": {"a": "1"}}
    new = {**GIVEN[name], "keepers": keepers}
    assert changes(name, old, new) == ({"keepers"}, {"keepers"})


def test_saying_a_default_aloud_changes_nothing() -> None:
    spoken = {"lower": True, "upper": True, "numeric": True, "number": True, "minLower": 0}
    assert changes("RandomString", GIVEN["RandomString"], {**GIVEN["RandomString"], **spoken}) == (
        set(),
        set(),
    )


def test_the_old_name_of_numeric_works_and_may_not_contradict() -> None:
    _, _, state = create("RandomString", length=30, number=False)
    assert (state["numeric"], state["number"]) == (False, False)
    assert not set(state["result"]) & set(string.digits)
    _, replaces = changes("RandomString", {"length": 30, "number": False}, {"length": 30})
    assert replaces == {"number", "numeric"}
    assert changes(
        "RandomString", {"length": 30, "number": False}, {"length": 30, "numeric": False}
    ) == (set(), set())
    (failure,) = check("RandomString", length=30, number=True, numeric=False)
    assert failure.name == "number"


@given(
    classes=st.fixed_dictionaries({name: st.booleans() for name in values.CLASSES}),
    least=st.fixed_dictionaries({name: st.integers(0, 5) for name in values.CLASSES}),
    more=st.integers(0, 40),
    override=st.sampled_from([None, "", "~", "._-"]),
)
def test_a_text_has_the_classes_asked_for(
    classes: dict[str, bool], least: dict[str, int], more: int, override: str | None
) -> None:
    length = max(1, sum(least.values()) + more)
    inputs = {
        **classes,
        **{f"min{name.title()}": count for name, count in least.items()},
        "length": length,
        "overrideSpecial": override,
    }
    failures = check("RandomString", **inputs)
    if length > sum(least.values()) and not any(classes.values()):
        assert [failure.name for failure in failures] == ["length"]
        return
    identity, _, state = create("RandomString", **inputs)
    text = state["result"]
    assert identity == text
    assert len(text) == length
    alphabets = {**ALPHABETS, "special": override or values.SPECIAL}
    counts = {
        name: sum(Counter(text)[letter] for letter in set(letters))
        for name, letters in alphabets.items()
    }
    assert sum(counts.values()) == length
    assert all(counts[name] >= least[name] for name in least)
    assert all(counts[name] == least[name] for name, wanted in classes.items() if not wanted)


def test_the_least_characters_stand_anywhere() -> None:
    made = {
        create("RandomString", length=8, upper=False, special=False, numeric=False, minUpper=1)[2][
            "result"
        ]
        for _ in range(200)
    }
    places = {next(i for i, letter in enumerate(text) if letter.isupper()) for text in made}
    assert places == set(range(8))


@pytest.mark.parametrize("length", [20, 72, 73, 200])
def test_a_password_has_its_bcrypt_hash_and_an_id_that_tells_nothing(length: int) -> None:
    identity, _, state = create("RandomPassword", length=length)
    result, hashed = plain(state["result"]), plain(state["bcryptHash"])
    assert identity == "none"
    assert hashed.startswith("$2a$10$")
    assert bcrypt.checkpw(result.encode()[:72], hashed.encode())
    assert result not in repr(state)


@given(st.integers(1, 64), st.sampled_from(["", "a-", "a,b,"]))
def test_an_identifier_is_the_same_number_in_every_notation(length: int, prefix: str) -> None:
    identity, _, state = create("RandomId", byteLength=length, prefix=prefix)
    raw = bytes.fromhex(state["hex"].removeprefix(prefix))
    assert len(raw) == length
    assert base64.b64decode(state["b64Std"].removeprefix(prefix)) == raw
    assert state["b64Url"] == prefix + identity
    assert base64.urlsafe_b64decode(identity + "=" * (-len(identity) % 4)) == raw
    assert "=" not in identity
    assert int(state["dec"].removeprefix(prefix)) == int.from_bytes(raw, "big")


def test_bytes_are_the_same_in_both_notations_and_their_id_is_warned_of() -> None:
    LOG.said.clear()
    identity, _, state = create("RandomBytes", length=9)
    (warning,) = LOG.said
    assert "readable in the state" in warning
    assert base64.b64decode(plain(state["base64"])) == bytes.fromhex(plain(state["hex"]))
    assert identity == plain(state["base64"])


@given(st.integers(-(2**62), 2**62), st.integers(0, 2**62))
def test_an_integer_lies_in_its_range(low: int, width: int) -> None:
    identity, _, state = create("RandomInteger", min=low, max=low + width)
    assert low <= state["result"] <= low + width
    assert identity == str(state["result"])


def test_both_ends_of_a_range_are_drawn() -> None:
    drawn = {create("RandomInteger", min=-1, max=1)[2]["result"] for _ in range(200)}
    assert drawn == {-1, 0, 1}


@given(st.lists(st.text(max_size=3), max_size=8), st.integers(0, 30) | st.none())
def test_a_shuffle_repeats_nothing_before_all_were_there(
    inputs: list[str], count: int | None
) -> None:
    _, _, state = create("RandomShuffle", inputs=inputs, resultCount=count)
    wanted = count or len(inputs)
    results = state["results"]
    assert len(results) == (wanted if inputs else 0)
    size = len(inputs) or 1
    for start in range(0, len(results), size):
        part = results[start : start + size]
        assert Counter(part) <= Counter(inputs)
        assert len(part) < size or Counter(part) == Counter(inputs)


def test_uuids_have_their_versions() -> None:
    for name, version in (("RandomUuid", 4), ("RandomUuid4", 4), ("RandomUuid7", 7)):
        identity, _, state = create(name)
        assert uuid.UUID(state["result"]).version == version
        assert uuid.UUID(state["result"]).variant == uuid.RFC_4122
        assert identity == state["result"]


def test_a_uuid7_begins_with_its_time() -> None:
    moment = 1_700_000_000_123_456_789
    _, outputs = values.uuid7({}, now=lambda: moment)
    assert uuid.UUID(outputs["result"]).int >> 80 == 1_700_000_000_123
    _, later = values.uuid7({}, now=lambda: moment + 1_000_000)
    assert outputs["result"] < later["result"]


WRONG: list[tuple[str, dict[str, Any], str, str]] = [
    ("RandomString", {}, "length", "is required: a whole number"),
    ("RandomString", {"length": 0}, "length", "takes at least 1, found 0"),
    ("RandomString", {"length": 3, "minUpper": 2, "minLower": 2}, "length", "at least 4"),
    ("RandomString", {"length": 3, "minUpper": -1}, "minUpper", "takes at least 0, found -1"),
    ("RandomString", {"length": 3, "upper": "yes"}, "upper", "takes true or false, found a text"),
    ("RandomString", {"length": 2.5}, "length", "takes a whole number"),
    ("RandomId", {"byteLength": 0}, "byteLength", "takes at least 1, found 0"),
    ("RandomBytes", {"length": 0}, "length", "takes at least 1, found 0"),
    ("RandomInteger", {"min": 3, "max": 2}, "max", "takes at least min, 3; found 2"),
    ("RandomShuffle", {"inputs": "abc"}, "inputs", "takes a list of texts, found a text"),
    ("RandomShuffle", {"inputs": [], "resultCount": -1}, "resultCount", "takes at least 0"),
    ("RandomUuid", {"keepers": {"a": 1}}, "keepers.a", "takes a text"),
    ("RandomUuid", {"keepers": ["a"]}, "keepers", "takes a mapping, found a list of texts"),
    ("RandomUuid", {"keeper": {}}, "keeper", "is no input of this resource; it takes keepers"),
    ("RandomShuffle", {"inputs": [], "seed": "s"}, "seed", "install resource random"),
    ("RandomInteger", {"min": 1, "max": 2, "seed": "s"}, "seed", "install resource random"),
]


@pytest.mark.parametrize(
    ("name", "wrong", "failing", "reason"), WRONG, ids=[f"{w[0]}-{w[2]}-{w[3][:20]}" for w in WRONG]
)
def test_a_wrong_input_fails_the_check_by_its_name(
    name: str, wrong: dict[str, Any], failing: str, reason: str
) -> None:
    (failure,) = check(name, **wrong)
    assert failure.name == failing
    assert reason in failure.reason


def test_a_pet_names_the_official_plugin() -> None:
    with pytest.raises(UnsupportedError, match="no list of words") as refused:
        check("RandomPet")
    assert "pulumi plugin install resource random" in str(refused.value)


@pytest.mark.parametrize("name", [name for name in NAMES if name != "RandomShuffle"])
def test_what_was_made_can_be_imported(name: str) -> None:
    given_inputs = {"length": 20} if name in ("RandomPassword", "RandomString") else GIVEN[name]
    identity, inputs, state = create(name, **given_inputs)
    handle = {
        "RandomId": f"a,b-,{identity}",
        "RandomInteger": f"{identity},-3,10",
        "RandomPassword": plain(state.get("result")),
    }.get(name, identity)
    found = RANDOM.read(resource(name), handle, {}, {})
    assert found is not None
    imported_id, imported_inputs, imported = found
    assert imported_id == identity
    assert imported_inputs == {"__defaults": [], **inputs}
    # Each bcrypt hash has a salt of its own; that it fits is tested where it is made.
    salted = {"bcryptHash"}
    assert imported.keys() == state.keys()
    assert all(imported[output] == state[output] for output in state.keys() - salted)
    diff = RANDOM.diff(resource(name), identity, imported_inputs, imported, inputs)
    assert diff.changed == {}


@pytest.mark.parametrize(
    ("name", "handle", "reason"),
    [
        ("RandomId", "a-,*", "base64"),
        ("RandomBytes", "*", "base64"),
        ("RandomInteger", "1,2", "<result>,<min>,<max>"),
        ("RandomInteger", "1,2,3,seed", "no seed"),
        ("RandomUuid", "x", "takes a UUID"),
        ("RandomShuffle", "-", "only in the state of its stack"),
    ],
)
def test_what_can_not_be_imported_says_why(name: str, handle: str, reason: str) -> None:
    with pytest.raises(PluginError, match=reason):
        RANDOM.read(resource(name), handle, {}, {})
