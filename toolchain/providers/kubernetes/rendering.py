"""Manifests as files instead of objects in a cluster: the provider's `renderYamlToDirectory`."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from toolchain.providers.kubernetes.api import Reference


def path(folder: Path, where: Reference) -> Path:
    """Return an object's file; definitions are in a folder of their own, to be applied first."""
    crd = where.kind == "CustomResourceDefinition"
    version = where.api_version.replace("/", "_")
    parts = (version, where.kind, where.namespace or "default", where.name)
    name = "-".join(parts).lower()
    return folder / ("0-crd" if crd else "1-manifest") / f"{name}.yaml"


def write(folder: Path, where: Reference, body: Mapping[str, Any]) -> None:
    """Write an object's file, readable by its owner alone: it may hold secrets in plaintext."""
    file = path(folder, where)
    file.parent.mkdir(parents=True, exist_ok=True)
    file.touch(mode=0o600)
    file.write_text(yaml.safe_dump(dict(body), sort_keys=False), encoding="utf-8")


def remove(folder: Path, where: Reference) -> None:
    """Remove an object's file."""
    path(folder, where).unlink(missing_ok=True)
