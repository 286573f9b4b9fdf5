"""The stand-in plugin `random` under the real engine, with the real SDK."""

import json
from pathlib import Path
from typing import Any

import pytest

from harness import PulumiStack, make_stack

pytestmark = pytest.mark.e2e

EVERY = """
import pulumi, pulumi_random as random

keepers = {"version": pulumi.Config().get("version") or "1"}
password = random.RandomPassword("password", length=24, min_special=2, keepers=keepers)
made = {
    "bytes": random.RandomBytes("bytes", length=16).hex,
    "hash": password.bcrypt_hash,
    "id": random.RandomId("id", byte_length=8, prefix="mesh-").hex,
    "integer": random.RandomInteger("integer", min=-5, max=5).result,
    "password": password.result,
    "shuffle": random.RandomShuffle("shuffle", inputs=["a", "b", "c"], result_count=5).results,
    "string": random.RandomString("string", length=12, special=False).result,
    "uuid": random.RandomUuid("uuid").result,
    "uuid4": random.RandomUuid4("uuid4").result,
    "uuid7": random.RandomUuid7("uuid7").result,
}
for name, value in made.items():
    pulumi.export(name, value)
"""


def stack_of(folder: Path, program: str) -> PulumiStack:
    return make_stack(folder, folder / "no-kubeconfig", program=program)


def by_name(stack: PulumiStack, name: str) -> dict[str, Any]:
    (found,) = (r for r in stack.resources() if r["urn"].endswith(f"::{name}"))
    return found


def test_every_value_is_made_once_and_secrets_show_nowhere(tmp_path: Path) -> None:
    stack = stack_of(tmp_path / "stack", EVERY)
    said = stack.preview() + stack.up()
    outputs = stack.outputs()
    assert set(outputs) == {
        "bytes", "hash", "id", "integer", "password", "shuffle", "string", "uuid", "uuid4", "uuid7",
    }  # fmt: skip
    assert len(outputs["password"]) == 24
    assert -5 <= outputs["integer"] <= 5
    assert outputs["id"].startswith("mesh-")
    assert len(outputs["shuffle"]) == 5
    said += stack.up("--expect-no-changes", "--diff") + stack.refresh("--expect-no-changes")
    assert stack.outputs() == outputs
    shown = said + stack.state()
    for secret in ("password", "hash", "bytes"):
        # As they stand in JSON, in the state file and elsewhere.
        assert json.dumps(outputs[secret])[1:-1] not in shown
        assert outputs[secret] not in shown
    stack.configure(version=2)
    stack.up("--skip-preview")
    changed = stack.outputs()
    assert {name for name in outputs if outputs[name] != changed[name]} == {"password", "hash"}
    stack.destroy()
    assert stack.resources() == []


def test_an_imported_password_is_the_programs_from_then_on(tmp_path: Path) -> None:
    program = 'import pulumi_random\npulumi_random.RandomPassword("db", length=11)\n'
    stack = stack_of(tmp_path / "stack", program)
    stack.succeed(
        "import", "random:index/randomPassword:RandomPassword", "db", "existing-pw",
        "--yes", "--protect=false", "--generate-code=false",
    )  # fmt: skip
    found = by_name(stack, "db")
    assert found["id"] == "none"
    assert found["inputs"] == {"__defaults": [], "length": 11}
    assert "existing-pw" not in stack.state()
    stack.up("--skip-preview", "--expect-no-changes")


@pytest.mark.parametrize(
    ("resource", "reason"),
    [
        ('RandomPet("pet")', "RandomPet (it has no list of words to choose from)"),
        ('RandomShuffle("s", inputs=["a"], seed="x")', "property seed"),
    ],
)
def test_what_only_the_official_plugin_does_names_it(
    tmp_path: Path, resource: str, reason: str
) -> None:
    stack = stack_of(tmp_path / "stack", f"import pulumi_random\npulumi_random.{resource}\n")
    said = stack.fail("preview")
    assert reason in said
    assert "not supported by this stand-in for pulumi-resource-random" in said
    assert "pulumi plugin install resource random" in said
