"""The objects that a stack had before this run: what it no longer declares will be deleted."""

import json
import os
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final, NamedTuple

from mesh_policy.findings import Ref
from mesh_policy.reading.objects import ref_of
from mesh_policy.reading.values import UNKNOWN, items, mapping, text

_ANSWER_WITHIN: Final = 60
"""Seconds."""


def stack_name(environ: Mapping[str, str] = os.environ) -> str | None:
    """Return the stack that the engine runs a policy pack for, as `organization/project/stack`."""
    stack = environ.get("PULUMI_STACK")
    owner = environ.get("PULUMI_ORGANIZATION") or "organization"
    return f"{owner}/{environ.get('PULUMI_PROJECT', '')}/{stack}" if stack else None


def export(stack: str | None, folder: Path | None = None) -> Any:
    """Return a stack's state as `pulumi stack export` prints it, None where it can't be read.

    `folder` is the project's, None where it is the working folder.
    """
    pulumi = shutil.which("pulumi")
    if not stack or pulumi is None:
        return None
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


class Owned(NamedTuple):
    """An object of a stack's state: its resource's URN, and whether it stays when that goes.

    `provider` are the inputs of its provider, empty where the state does not have them.
    """

    ref: Ref
    urn: str
    retained: bool
    properties: Mapping[str, Any]
    provider: Mapping[str, Any] = MappingProxyType({})


def owned(exported: Any) -> list[Owned]:
    """Return the Kubernetes objects of an exported stack; none where it could not be read."""
    providers = {
        f"{text(resource.get('urn'))}::{text(resource.get('id'))}": {
            # A secret one is encrypted here.
            key: UNKNOWN if isinstance(value, Mapping) else value
            for key, value in mapping(resource.get("inputs")).items()
        }
        for resource in resources(exported)
        if text(resource.get("type")).startswith("pulumi:providers:")
    }
    return [
        Owned(
            ref_of(inputs),
            text(resource.get("urn")),
            bool(resource.get("retainOnDelete")),
            inputs,
            providers.get(text(resource.get("provider")), {}),
        )
        for resource in resources(exported)
        if text(resource.get("type")).startswith("kubernetes:")
        and not text(resource.get("type")).endswith("Patch")
        and not resource.get("external")
        and text((inputs := mapping(resource.get("inputs"))).get("kind"))
    ]
