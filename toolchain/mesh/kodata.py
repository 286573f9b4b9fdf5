"""The manifests that the Knative operator installs, as OpenShift Serverless ships them.

The community's net-istio comes with both Knative Gateways and the Service of the local one, in
plain HTTP: its operator would take over those of the documentation. OpenShift Serverless leaves
them to the user ("Create the necessary gateways"), so they are taken out here.
"""

import re
import shutil
from pathlib import Path
from typing import Any, Final

import yaml

Manifest = dict[str, Any]
LEFT_TO_THE_USER: Final = frozenset(
    {
        ("Gateway", "knative-ingress-gateway"),
        ("Gateway", "knative-local-gateway"),
        ("Service", "knative-local-gateway"),
    }
)


def copy(source: Path, target: Path) -> None:
    """Copy the operator's manifests, of each part the newest version, without those Gateways."""
    for part in sorted(source.iterdir()):
        newest = max(part.iterdir(), key=lambda version: _numbers(version.name))
        shutil.copytree(newest, target / part.name / newest.name)
    for file in (target / "ingress").rglob("net-istio.yaml"):
        documents = file.read_text("utf-8").split("\n---\n")
        kept = [text for text in documents if not LEFT_TO_THE_USER & names(text)]
        # The module cache's files are read-only, and so are their copies.
        file.unlink()
        file.write_text("\n---\n".join(kept), encoding="utf-8")


def names(text: str) -> set[tuple[str, str]]:
    """Return kind and name of each object in a YAML text."""
    return {
        (item["kind"], item["metadata"]["name"])
        for item in yaml.load_all(text, yaml.CSafeLoader)
        if item
    }


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(map(int, re.findall(r"\d+", version)))
