"""Optional settings of a running installation, as the real Knative operator takes them."""

from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from mesh.conftest import Keep
from mesh.installation import Installation
from mesh.knative import (
    CUSTOM_RESOURCES,
    NET_ISTIO,
    config,
    custom_resource,
    deployment,
    secret_filtering,
)
from mesh_policy.documented.names import NO_NETWORK_POLICIES
from toolchain.dev import PACK

pytestmark = [pytest.mark.e2e, pytest.mark.mesh]
SETTINGS = {
    "knative.metrics": True,
    "knative.secretFiltering": False,
    "mesh.manageNetworkPolicy": False,
}


@dataclass(frozen=True)
class Seen:
    """What the settings come to: one entry a custom resource, and net-istio's overrides."""

    observability: list[dict[str, str]]
    without_policies: list[bool]
    workloads: list[str]


def look(installation: Installation) -> Seen:
    resources = [custom_resource(installation, kind) for kind in CUSTOM_RESOURCES]
    return Seen(
        [
            config(installation, "config-observability", namespace)
            for namespace in CUSTOM_RESOURCES.values()
        ],
        [
            (item["metadata"].get("annotations") or {}).get(NO_NETWORK_POLICIES) == "true"
            for item in resources
        ],
        [item["name"] for item in resources[0]["spec"].get("workloads") or ()],
    )


@pytest.fixture(scope="module")
def optional(installation: Installation) -> Iterator[Installation]:
    """Turn the settings on by an update, and off again by the next one."""
    before = look(installation)
    assert before == Seen([{}, {}], [False, False], [])
    installation.stack.configure(SETTINGS)
    installation.up(*PACK)
    yield installation
    for key in SETTINGS:
        installation.stack.remove(key)
    installation.up(*PACK)
    installation.until(lambda: look(installation) == before, "all is as shipped again")


def test_metrics_stay_on_in_both(optional: Installation) -> None:
    keys = ("metrics.backend-destination", "metrics-protocol", "request-metrics-protocol")
    wanted = dict.fromkeys(keys, "prometheus")
    optional.until(
        lambda: look(optional).observability == [wanted, wanted], "the operator's config maps"
    )


def test_no_network_policies_are_asked_for_in_both(optional: Installation) -> None:
    assert look(optional).without_policies == [True, True]


def test_net_istio_reads_every_secret(optional: Installation, keep: Keep) -> None:
    def said() -> str:
        return secret_filtering(deployment(optional, NET_ISTIO, "knative-serving"))

    optional.until(lambda: said() == "false", "secrets are not filtered")
    # The community ships the same value. That it is ours that counts shows when ours is another.
    name = CUSTOM_RESOURCES["KnativeServing"]
    serving = keep("operator.knative.dev/v1beta1", "KnativeServing", name, name)
    (workload,) = serving["spec"]["workloads"]
    workload["env"][0]["envVars"][0]["value"] = "true"
    optional.apply(serving)
    optional.until(lambda: said() == "true", "secrets are filtered")


def test_the_page_answers_all_the_same(optional: Installation) -> None:
    optional.until(optional.answers, "the documentation's curl answers")
