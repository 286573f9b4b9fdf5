"""The documented integration passes every rule; one thing wrong in it fails the rule meant."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from mesh_policy.rules import RULES
from serverless_mesh.cli.main import app
from tests.policy.integration import BROKEN, BROKEN_3, CLUSTER, Body, broken, documented, findings


def test_the_documented_integration_breaks_no_rule() -> None:
    assert not findings(documented())


def test_every_rule_has_its_case() -> None:
    """But for those that check what an update does: `tests/e2e/test_ownership.py` has them."""
    assert {*BROKEN, *BROKEN_3} == {rule.id for rule in RULES if not rule.of_updates}


CASES = [
    *((rule, "documented.yaml", change) for rule, change in BROKEN.items()),
    *((rule, "documents/service-mesh-3.yaml", change) for rule, change in BROKEN_3.items()),
]


@pytest.mark.parametrize(("rule", "file", "change"), CASES, ids=[case[0] for case in CASES])
def test_check_of_manifests_finds_what_is_wrong(
    rule: str, file: str, change: Body, tmp_path: Path
) -> None:
    manifests = tmp_path / "manifests.json"
    items = [CLUSTER, *broken(documented(file), change)]
    manifests.write_text(json.dumps({"apiVersion": "v1", "kind": "List", "items": items}), "utf-8")
    done = CliRunner().invoke(app, ["check", "-f", str(manifests), "--format", "json"])
    found = json.loads(done.stdout)
    said = [(each["rule"], each["severity"]) for each in found if each["outcome"] == "violation"]
    assert rule in dict(said)
    errors = any(severity == "error" for _, severity in said)
    assert done.exit_code == (1 if errors else 0), done.output
