"""The Knative operator's manifests: newest version only, without the community's Gateways."""

from pathlib import Path

import pytest

from toolchain.mesh import kodata

GATEWAYS = "\n---\n".join(
    f"apiVersion: v1\nkind: {kind}\nmetadata:\n  name: {name}"
    for kind, name in sorted(kodata.LEFT_TO_THE_USER)
)
CONTROLLER = "apiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: net-istio-controller"


def write(file: Path, text: str) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, encoding="utf-8")
    file.chmod(0o444)


def test_the_newest_version_is_taken_by_number(tmp_path: Path) -> None:
    for version in ("1.9.0", "1.15.0", "1.2.11"):
        write(tmp_path / "source" / "knative-serving" / version / "core.yaml", "")
    write(tmp_path / "source" / "ingress" / "1.15" / "istio" / "net-istio.yaml", GATEWAYS)
    kodata.copy(tmp_path / "source", tmp_path / "target", tmp_path / "gateways.yaml")
    versions = (tmp_path / "target" / "knative-serving").iterdir()
    assert [version.name for version in versions] == ["1.15.0"]


def test_only_the_gateways_are_taken_out(tmp_path: Path) -> None:
    file = Path("ingress", "1.15", "istio", "net-istio.yaml")
    write(tmp_path / "source" / file, f"{CONTROLLER}\n---\n{GATEWAYS}\n---\n{CONTROLLER}-2\n")
    kodata.copy(tmp_path / "source", tmp_path / "target", tmp_path / "gateways.yaml")
    left = kodata.names((tmp_path / "target" / file).read_text("utf-8"))
    assert left == {
        ("Deployment", "net-istio-controller"),
        ("Deployment", "net-istio-controller-2"),
    }
    assert kodata.names((tmp_path / "gateways.yaml").read_text("utf-8")) == kodata.LEFT_TO_THE_USER


def test_mutating_webhooks_are_taken_out_wherever_they_are(tmp_path: Path) -> None:
    hook = "apiVersion: v1\nkind: {}WebhookConfiguration\nmetadata:\n  name: hook"
    file = Path("knative-serving", "1.15.0", "core.yaml")
    texts = [CONTROLLER, hook.format("Mutating"), hook.format("Validating")]
    write(tmp_path / "source" / file, "\n---\n".join(texts))
    write(tmp_path / "source" / "ingress" / "1.15" / "istio" / "net-istio.yaml", GATEWAYS)
    kodata.copy(tmp_path / "source", tmp_path / "target", tmp_path / "gateways.yaml")
    left = kodata.names((tmp_path / "target" / file).read_text("utf-8"))
    assert left == {
        ("Deployment", "net-istio-controller"),
        ("ValidatingWebhookConfiguration", "hook"),
    }


def test_changed_manifests_are_noticed(tmp_path: Path) -> None:
    write(tmp_path / "source" / "ingress" / "1.16" / "istio" / "net-istio.yaml", CONTROLLER)
    with pytest.raises(ValueError, match="does not ship"):
        kodata.copy(tmp_path / "source", tmp_path / "target", tmp_path / "gateways.yaml")
