"""The pack in a project of others: copied, under another name, with a relative kubeconfig."""

import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from stacks import PulumiStack, make_stack
from tests.emptying import Emptying
from toolchain.paths import ROOT

pytestmark = pytest.mark.e2e

FOREIGN = """
import pulumi

spec = {"security": {"dataPlane": {"mtls": False}}}
place = {"name": "basic", "namespace": "mesh"}
pulumi.CustomResource(
    "kubernetes:maistra.io/v2:ServiceMeshControlPlane",
    "plane",
    {
        "apiVersion": "maistra.io/v2",
        "kind": "ServiceMeshControlPlane",
        "metadata": place,
        "spec": spec,
    },
)
"""
PACK = ("--policy-pack", "package")


@pytest.fixture
def foreign(emptying: Emptying, tmp_path: Path) -> Iterator[PulumiStack]:
    with emptying.afterwards() as cluster:
        stack = make_stack(tmp_path / "foreign", cluster.kubeconfig, program=FOREIGN)
        (stack.project / "deep").mkdir()
        shutil.copy(cluster.kubeconfig, stack.project / "kubeconfig")
        stack.configure({"kubernetes:kubeconfig": "./kubeconfig"})
        # Elsewhere than the project: what is relative is so to the project.
        env = {name: text for name, text in stack.env.items() if name != "PYTHONPATH"}
        yield replace(stack, env=env)


def test_a_copy_of_the_pack_judges_another_project(foreign: PulumiStack) -> None:
    pack = foreign.project / "package"
    shutil.copytree(ROOT / "policy", pack, ignore=shutil.ignore_patterns("__pycache__"))
    rule = pack / "mesh_policy" / "rules" / "strict_mtls.py"
    # The copy is what runs, and not what happens to be installed.
    rule.write_text(rule.read_text("utf-8").replace("Strict mTLS is enforced", "COPIED: enforced"))
    said = foreign.fail("preview", *PACK)
    assert "spec.security.dataPlane.mtls: found False; needed: true" in said, said
    assert "can't be read" not in said
    assert "can't be used" not in said
    assert "ModuleNotFoundError" not in said
    deeper = replace(foreign, project=foreign.project / "deep")
    said = deeper.fail("preview", "--policy-pack", "../package")
    assert "spec.security.dataPlane.mtls: found False" in said, said
    assert "can't be used" not in said
