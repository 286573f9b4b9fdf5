"""The objects that a stack had before this run: what it no longer declares will be deleted."""

import json
import os
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from policy.model import Ref
from policy.values import items, mapping, text
from policy.world import ref_of

_ANSWER_WITHIN: Final = 60
"""Seconds."""
PROJECT: Final = Path(__file__).resolve().parent.parent
"""The folder of the Pulumi project, where the pack lies inside of one."""


def former(environ: Mapping[str, str] = os.environ) -> frozenset[Ref]:
    """Return the Kubernetes objects in the stack's state; none where it can't be read.

    Without them, an object that the stack is about to delete counts as one that stays.
    """
    stack, pulumi = environ.get("PULUMI_STACK"), shutil.which("pulumi")
    if not stack or pulumi is None:
        return frozenset()
    owner = environ.get("PULUMI_ORGANIZATION") or "organization"
    name = f"{owner}/{environ.get('PULUMI_PROJECT', '')}/{stack}"
    folder = PROJECT if (PROJECT / "Pulumi.yaml").exists() else None
    try:
        done = subprocess.run(
            [pulumi, "stack", "export", "--stack", name, "--non-interactive"],
            cwd=folder,
            capture_output=True,
            check=True,
            timeout=_ANSWER_WITHIN,
        )
        return objects(json.loads(done.stdout))
    except (OSError, subprocess.SubprocessError, ValueError):
        return frozenset()


def objects(exported: Any) -> frozenset[Ref]:
    """Return the objects of an exported stack that it would delete when they are gone from it."""
    deployment = mapping(mapping(exported).get("deployment"))
    return frozenset(
        ref_of(inputs)
        for resource in map(mapping, items(deployment.get("resources")))
        if text(resource.get("type")).startswith("kubernetes:")
        and not text(resource.get("type")).endswith("Patch")
        and not resource.get("external")
        and not resource.get("retainOnDelete")
        and text((inputs := mapping(resource.get("inputs"))).get("kind"))
    )
