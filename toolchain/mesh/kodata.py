"""The manifests that the Knative operator installs, as OpenShift Serverless ships them.

The community's net-istio comes with both Knative Gateways and the Service of the local one, in
plain HTTP: its operator would take over those of the documentation. OpenShift Serverless leaves
them to the user ("Create the necessary gateways"), so they are taken out here.

So are Knative's mutating webhooks: nothing runs in the pods behind them, and the API server, which
calls Istio's, would refuse what they are asked about.
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


WEBHOOKS: Final = "MutatingWebhookConfiguration"


def copy(source: Path, target: Path, taken_out: Path) -> None:
    """Copy the operator's manifests, of each part the newest version, without mutating webhooks.

    Gateways go to `taken_out`.

    Raises:
        ValueError: they are not there, or not all of them: the manifests have changed.
    """
    for part in sorted(source.iterdir()):
        newest = max(part.iterdir(), key=lambda version: _numbers(version.name))
        shutil.copytree(newest, target / part.name / newest.name)
    gateways = []
    for file in target.rglob("*.yaml"):
        documents = file.read_text("utf-8").split("\n---\n")
        if file.name == "net-istio.yaml":
            gateways += [text for text in documents if LEFT_TO_THE_USER & names(text)]
        # The module cache's files are read-only, and so are their copies.
        file.unlink()
        kept = [
            text
            for text in documents
            if text not in gateways and not re.search(rf"^kind: {WEBHOOKS}$", text, re.MULTILINE)
        ]
        file.write_text("\n---\n".join(kept), encoding="utf-8")
    taken_out.write_text("\n---\n".join(gateways), encoding="utf-8")
    if missing := LEFT_TO_THE_USER - names(taken_out.read_text("utf-8")):
        raise ValueError(f"net-istio does not ship {sorted(missing)} any more")


def names(text: str) -> set[tuple[str, str]]:
    """Return kind and name of each object in a YAML text."""
    return {
        (item["kind"], item["metadata"]["name"])
        for item in yaml.load_all(text, yaml.CSafeLoader)
        if item
    }


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(map(int, re.findall(r"\d+", version)))
