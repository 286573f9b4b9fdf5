"""Labelled secrets are of others: no two share a name in the stack, and none shows its content."""

from pathlib import Path
from typing import Any

import pulumi
import pytest
from pulumi.runtime import mocks

from components.labelled_secrets import LabelledSecrets
from tests.stack_files import settings


class Providers(mocks.Mocks):
    def new_resource(self, args: mocks.MockResourceArgs) -> tuple[str, dict[str, Any]]:
        return args.name, {**args.inputs, "result": "some-uuid"}

    def call(self, args: mocks.MockCallArgs) -> tuple[dict[str, Any], None]:
        raise AssertionError(args.token)


def declared(
    monkeypatch: pytest.MonkeyPatch, secrets: list[dict[str, str]]
) -> dict[str, pulumi.ResourceOptions]:
    """Return the options of each patch by its logical name."""
    found: dict[str, pulumi.ResourceOptions] = {}
    monkeypatch.setattr(
        "components.labelled_secrets.declare_patch",
        lambda name, _, opts: found.update({name: opts}),
    )
    mocks.set_mocks(Providers())
    section = settings(knative={"labelledSecrets": secrets}).knative
    LabelledSecrets("labelled", section.labelled_secrets)
    return found


@pytest.mark.parametrize(
    ("secrets", "names"),
    [
        ([("shop", "tls")], {"shop-tls"}),
        ([("a-b", "c"), ("a", "b-c")], {"a-b/c", "a/b-c"}),
        ([("shop", "tls.old"), ("shop", "tls")], {"shop-tls.old", "shop-tls"}),
    ],
)
def test_no_two_secrets_share_a_name(
    monkeypatch: pytest.MonkeyPatch, secrets: list[tuple[str, str]], names: set[str]
) -> None:
    chosen = [{"namespace": namespace, "name": name} for namespace, name in secrets]
    assert declared(monkeypatch, chosen).keys() == names


def test_what_a_secret_holds_is_secret_in_the_state(monkeypatch: pytest.MonkeyPatch) -> None:
    (opts,) = declared(monkeypatch, [{"namespace": "shop", "name": "tls"}]).values()
    assert opts.additional_secret_outputs == ["data", "stringData"]


def test_the_setting_says_what_comes_into_the_state() -> None:
    project = Path(__file__).resolve().parents[2] / "docs" / "configuration.md"
    (row,) = [
        line
        for line in project.read_text("utf-8").splitlines()
        if "`knative.labelledSecrets`" in line
    ]
    assert "into the stack's state" in row
