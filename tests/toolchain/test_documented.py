"""What the documentation says of the local environment's parts is what the set-up provides."""

import re

import pytest

from toolchain import pulumi, releases
from toolchain.downloads import Release
from toolchain.gomodules import MODULES
from toolchain.paths import ROOT


def read(name: str) -> str:
    return (ROOT / name).read_text("utf-8")


PAGE = read("docs/local-environment.md")
PINNED = (
    releases.PULUMI,
    *releases.PLUGINS.values(),
    releases.KUBERNETES,
    releases.ETCD,
    releases.KWOK,
    releases.ISTIOCTL,
)


@pytest.mark.parametrize("release", PINNED, ids=lambda release: release.name)
def test_the_page_names_what_is_downloaded(release: Release) -> None:
    assert release.version in PAGE


def test_the_page_names_what_is_built() -> None:
    etcd = re.search(r"etcd/server/v3 v(\S+)", (MODULES / "base" / "go.mod").read_text("utf-8"))
    assert etcd is not None
    for version in (etcd[1], pulumi.SDK.version[1:], pulumi.LANGUAGE_HOST_SDK[1:]):
        assert version in PAGE


def test_the_go_that_is_asked_for_builds_everything() -> None:
    asked = {
        tuple(map(int, found))
        for file in MODULES.glob("*/go.mod")
        for found in re.findall(r"^go (\d+)\.(\d+)", file.read_text("utf-8"), re.MULTILINE)
    }
    newest = "Go\\s+{}\\.{}\\b".format(*max(asked))
    for name in ("README.md", "CONTRIBUTING.md", "docs/local-environment.md"):
        assert re.search(newest, read(name)), name


def test_built_versions_are_those_of_the_modules() -> None:
    base = (MODULES / "base" / "go.mod").read_text("utf-8")
    assert f"{pulumi.KUBERNETES.path} {pulumi.KUBERNETES.version}" in base
    assert f"k8s.io/kubernetes v{releases.KUBERNETES.version}" in base
    assert f"{pulumi.SDK.path} {pulumi.SDK.version}" in base
    host = (MODULES / "pulumi-language-python" / "go.mod").read_text("utf-8")
    assert f"{pulumi.SDK.path} {pulumi.LANGUAGE_HOST_SDK}" in host
