"""What documents show of files is good: stack files by the settings, manifests by the rules."""

import json
from typing import Any, Final

import pytest
import yaml
from pulumi_policy import EnforcementLevel

from mesh_policy.crossguard.pack import policies
from mesh_policy.crossguard.session import Session
from mesh_policy.reading.objects import Given
from mesh_policy.rules import RULES
from mesh_policy.world import World
from serverless_mesh.settings import PROJECT, check
from tests.docs.shown import Block, blocks, pages
from toolchain.paths import ROOT

_GENERATED: Final = "docs/rules.md"
"""Its examples are the rules' fixtures, which tests/policy checks."""
BLOCKS: Final = [each for page in pages() if page != _GENERATED for each in blocks(page)]


def of(language: str) -> list[Any]:
    found = [block for block in BLOCKS if block.language == language]
    return [pytest.param(block, id=str(block)) for block in found]


@pytest.mark.parametrize("block", of("yaml"))
def test_a_stack_file_or_manifests(block: Block) -> None:
    documents = list(yaml.safe_load_all(block.text))
    for document in documents:
        if "config" in document:
            prefix = f"{PROJECT}:"
            given = {key: value for key, value in document["config"].items() if prefix in key}
            check({key.removeprefix(prefix): value for key, value in given.items()}, str(block))
        elif "repos" in document:
            # Of pre-commit: the hooks that this repository offers.
            offered = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text("utf-8"))
            used = {hook["id"] for each in document["repos"] for hook in each["hooks"]}
            assert used == {hook["id"] for hook in offered}, block
        else:
            world = World.of([Given(document, str(block))])
            assert world.by_key, f"{block}: neither a stack file nor a manifest"
            assert not world.malformed, block


@pytest.mark.parametrize("block", of("json"))
def test_levels_of_the_pack(block: Block) -> None:
    known = {policy.name for policy in policies(RULES, Session(RULES))} | {"all"}
    for name, level in json.loads(block.text).items():
        assert name in known, f"{block}: {name}"
        EnforcementLevel(level["enforcementLevel"] if isinstance(level, dict) else level)
