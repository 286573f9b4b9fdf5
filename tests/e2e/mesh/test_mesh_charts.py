"""Istio's own charts: which webhooks a revision has, and its tags."""

import json

import pytest

from toolchain.cluster import ClusterError
from toolchain.mesh.istio import DEFAULT, WEBHOOKS, merged, render

pytestmark = [pytest.mark.e2e, pytest.mark.mesh]
BY_REVISION = {"rev.namespace.sidecar-injector.istio.io", "rev.object.sidecar-injector.istio.io"}
BY_DEFAULT = {"namespace.sidecar-injector.istio.io", "object.sidecar-injector.istio.io"}


def webhooks(revision: str, *tags: str) -> dict[str, set[str]]:
    """Return the names of the webhooks in each configuration."""
    return {
        item["metadata"]["name"]: {webhook["name"] for webhook in item["webhooks"]}
        for item in render("istio-system", revision, {}, tags)
        if item["kind"] == WEBHOOKS
    }


def test_the_default_revision_injects_where_nothing_names_one() -> None:
    assert webhooks(DEFAULT) == {"istio-sidecar-injector": BY_REVISION | BY_DEFAULT}


def test_another_one_only_where_it_is_named() -> None:
    assert webhooks("prod") == {"istio-sidecar-injector-prod": BY_REVISION}


def test_unless_the_tag_default_is_its_own() -> None:
    assert webhooks("prod", DEFAULT) == {
        "istio-sidecar-injector-prod": BY_REVISION,
        "istio-revision-tag-default": BY_REVISION | BY_DEFAULT,
    }


def test_values_reach_the_injector() -> None:
    values = {"global": {"proxy": {"excludeInboundPorts": "8022"}}}
    (found,) = (
        json.loads(item["data"]["values"])
        for item in render("istio-system", DEFAULT, values)
        if item["kind"] == "ConfigMap" and item["metadata"]["name"] == "istio-sidecar-injector"
    )
    assert found["global"]["proxy"]["excludeInboundPorts"] == "8022"
    # As the vendor's operator sets it on OpenShift.
    cni = found["pilot"]["cni"]
    assert (cni["enabled"], cni["provider"]) == (True, "multus")


def test_what_the_chart_refuses_is_said() -> None:
    with pytest.raises(ClusterError, match="refuses its values"):
        render("istio-system", DEFAULT, {"meshConfig": "text"})


def test_mappings_are_merged_and_all_else_replaced() -> None:
    below = {"a": {"b": 1, "c": [1]}, "d": 1}
    assert merged(below, {"a": {"c": [2]}, "d": {"e": 2}}) == {
        "a": {"b": 1, "c": [2]},
        "d": {"e": 2},
    }
    assert below == {"a": {"b": 1, "c": [1]}, "d": 1}
