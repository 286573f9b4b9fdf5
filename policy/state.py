"""The objects that a stack had before this run: what it no longer declares will be deleted."""

import json
import os
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from policy.model import Ref
from policy.values import items, mapping, text
from policy.world import ref_of

_ANSWER_WITHIN: Final = 60
"""Seconds."""
PROJECT: Final = Path(__file__).resolve().parent.parent
"""The folder of the Pulumi project, where the pack lies inside of one."""


def stack_name(environ: Mapping[str, str] = os.environ) -> str | None:
    """Return the stack that the engine runs a policy pack for, as `organization/project/stack`."""
    stack = environ.get("PULUMI_STACK")
    owner = environ.get("PULUMI_ORGANIZATION") or "organization"
    return f"{owner}/{environ.get('PULUMI_PROJECT', '')}/{stack}" if stack else None


def former(stack: str | None) -> frozenset[Ref]:
    """Return the Kubernetes objects in a stack's state; none where it can't be read.

    Without them, an object that the stack is about to delete counts as one that stays.
    """
    return objects(export(stack))


def export(stack: str | None) -> Any:
    """Return a stack's state as `pulumi stack export` prints it, None where it can't be read."""
    pulumi = shutil.which("pulumi")
    if not stack or pulumi is None:
        return None
    folder = PROJECT if (PROJECT / "Pulumi.yaml").exists() else None
    try:
        done = subprocess.run(
            [pulumi, "stack", "export", "--stack", stack, "--non-interactive"],
            cwd=folder,
            capture_output=True,
            check=True,
            timeout=_ANSWER_WITHIN,
        )
        return json.loads(done.stdout)
    except (OSError, subprocess.SubprocessError, ValueError):
        return None


def resources(exported: Any) -> Iterator[Mapping[str, Any]]:
    """Return the resources of an exported stack."""
    return map(mapping, items(mapping(mapping(exported).get("deployment")).get("resources")))


def objects(exported: Any) -> frozenset[Ref]:
    """Return the objects of an exported stack that it would delete when they are gone from it."""
    return frozenset(
        ref_of(inputs)
        for resource in resources(exported)
        if text(resource.get("type")).startswith("kubernetes:")
        and not text(resource.get("type")).endswith("Patch")
        and not resource.get("external")
        and not resource.get("retainOnDelete")
        and text((inputs := mapping(resource.get("inputs"))).get("kind"))
    )
