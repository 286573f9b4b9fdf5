"""The stand-in plugin `random`: its table against the SDK's, and what it answers to the engine."""

import os
import signal
import subprocess
import sys
import uuid
from typing import Any

import pulumi_random
import pytest
from pulumi import _types
from pulumi.runtime import rpc

from tests.toolchain.plugin_calls import Plugin, secret
from toolchain.providers.logical import LogicalProvider
from toolchain.providers.random import KINDS

TOKEN = str(pulumi_random.RandomUuid.pulumi_type)  # type: ignore[attr-defined]
PROVIDER = LogicalProvider("random", KINDS)
PLUGIN = Plugin(PROVIDER, TOKEN)


def test_the_table_is_the_sdks() -> None:
    (kind,) = KINDS.values()
    inputs = _types.input_type_py_to_pulumi_names(pulumi_random.RandomUuidArgs)
    made = _types.resource_py_to_pulumi_names(pulumi_random.RandomUuid)
    assert kind.inputs.keys() == set(inputs.values())
    assert {*kind.inputs, *kind.outputs} == set(made.values())


def test_a_uuid_looks_as_the_official_plugin_writes_it() -> None:
    identity, inputs, state = PLUGIN.create({"keepers": {"a": "b", "c": secret("d")}})
    assert uuid.UUID(identity).version == 4
    assert inputs == {"keepers": {"a": "b", "c": secret("d")}}
    assert state == {**inputs, "id": identity, "result": identity}
    assert PLUGIN.create({})[0] != identity


def test_a_preview_knows_no_uuid() -> None:
    _, _, state = PLUGIN.create({"keepers": {"a": rpc.UNKNOWN}}, preview=True)
    unknown = dict.fromkeys(("id", "result"), rpc.UNKNOWN)
    assert state == {"keepers": {"a": rpc.UNKNOWN}, **unknown}


@pytest.mark.parametrize(
    ("old", "new", "change"),
    [
        ({"a": "1"}, {"a": "2"}, "UPDATE_REPLACE"),
        ({"a": "1"}, {"b": "1"}, "UPDATE_REPLACE"),
        ({"a": "1"}, rpc.UNKNOWN, "UPDATE_REPLACE"),
        ({"a": "1"}, {}, "DELETE_REPLACE"),
        ({}, {"a": "1"}, "ADD_REPLACE"),
    ],
)
def test_other_keepers_make_a_new_one(old: Any, new: Any, change: str) -> None:
    _, _, state = PLUGIN.create({"keepers": old})
    assert PLUGIN.diff(state, {"keepers": new}) == {"keepers": change}


def test_the_same_keepers_change_nothing_and_reading_gives_the_state() -> None:
    identity, inputs, state = PLUGIN.create({"keepers": {"a": "1"}})
    # A secret that is none any more is the same value.
    assert PLUGIN.diff(state, {"keepers": {"a": secret("1")}}) == {}
    assert PLUGIN.read(identity, inputs, state) == (identity, inputs, state)
    assert PLUGIN.diff(PLUGIN.create({})[2], {"keepers": {}}) == {}


@pytest.mark.parametrize(
    ("wrong", "name", "reason"),
    [
        ({"keepers": {"a": 1}}, "keepers", "takes a mapping of texts"),
        ({"keepers": ["a"]}, "keepers", "takes a mapping of texts"),
        ({"keeper": {}}, "keeper", "pulumi plugin install resource random"),
    ],
)
def test_a_wrong_input_fails_the_check_by_its_name(
    wrong: dict[str, Any], name: str, reason: str
) -> None:
    _, failures = PLUGIN.check(wrong)
    assert failures.keys() == {name}
    assert reason in failures[name]


def test_other_resources_name_the_official_plugin() -> None:
    _, failures = Plugin(PROVIDER, "random:index/randomPet:RandomPet").check({})
    assert "RandomPet is not supported by this stand-in" in failures[""]
    assert "pulumi plugin install resource random" in failures[""]


def test_what_was_made_can_be_imported() -> None:
    identity, _, state = PLUGIN.create({})
    assert PLUGIN.read(identity.upper(), {}, {}) == (identity, {"__defaults": []}, state)
    with pytest.raises(Exception, match="badly formed hexadecimal UUID"):
        PLUGIN.read("x", {}, {})


def test_the_plugin_ends_with_its_engine_however_that_went() -> None:
    engine = subprocess.Popen(
        [
            "sh",
            "-c",
            f'"{sys.executable}" -m toolchain.providers.random 127.0.0.1:1 & echo $!; wait',
        ],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert engine.stdout is not None
    plugin, port = int(engine.stdout.readline()), int(engine.stdout.readline())
    assert port
    engine.kill()
    try:
        # The other end of the pipe is open for as long as the plugin runs.
        engine.communicate(timeout=30)
    except subprocess.TimeoutExpired:
        os.kill(plugin, signal.SIGKILL)
        raise
