"""Service Mesh 3 with one field wrong: traffic stops as it would in a cluster.

Where a rule of the pack is about the field, `serverless-mesh check` finds it in the cluster.
"""

import copy
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from mesh.cluster_check import check
from mesh.conftest import Keep
from mesh.installation import Installation, Manifest

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.mesh,
    pytest.mark.parametrize("installation", ["service_mesh_3"], indirect=True, scope="module"),
]
PLACE = "knative-serving-ingress"
GATEWAY = "knative-istio-ingressgateway"


@dataclass(frozen=True)
class Fault:
    """One field of one object, set wrong; `anew` when only a proxy that starts then meets it."""

    kind: tuple[str, str]
    name: str
    namespace: str
    path: tuple[str | int, ...]
    value: object
    rule: str | None = None
    anew: bool = False

    def in_(self, manifest: Manifest) -> Manifest:
        """Return the object with the fault."""
        changed = copy.deepcopy(manifest)
        place: Any = changed
        for key in self.path[:-1]:
            place = place.setdefault(key, {}) if isinstance(key, str) else place[key]
        place[self.path[-1]] = self.value
        return changed


FAULTS = {
    "the Gateway selects other pods": Fault(
        ("networking.istio.io/v1beta1", "Gateway"),
        "knative-ingress-gateway",
        "knative-serving",
        ("spec", "selector"),
        {"knative": "another"},
        rule="gateway-selector",
    ),
    "the Service selects other pods": Fault(
        ("v1", "Service"), GATEWAY, PLACE, ("spec", "selector"), {"knative": "another"}
    ),
    "the Gateway names a secret that is not there": Fault(
        ("networking.istio.io/v1beta1", "Gateway"),
        "knative-ingress-gateway",
        "knative-serving",
        ("spec", "servers", 0, "tls", "credentialName"),
        "elsewhere",
    ),
    "the account may not list secrets": Fault(
        ("rbac.authorization.k8s.io/v1", "Role"),
        f"{GATEWAY}-secrets",
        PLACE,
        ("rules", 0, "verbs"),
        ["get", "watch"],
        anew=True,
    ),
    "the discovery selectors leave its namespaces out": Fault(
        ("sailoperator.io/v1", "Istio"),
        "default",
        "",
        ("spec", "values", "meshConfig", "discoverySelectors"),
        [{"matchLabels": {"mesh": "another"}}],
    ),
}


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS)
def test_traffic_stops(installation: Installation, keep: Keep, fault: Fault) -> None:
    installation.until(installation.answers, "the documentation's curl answers")
    manifest = keep(*fault.kind, fault.name, fault.namespace)
    installation.apply(fault.in_(manifest))
    if fault.anew:
        for pod in installation.gateway_pods:
            assert pod.sidecar is not None
            pod.sidecar.stop()
    installation.until(lambda: installation.curl().code != 0, "the documentation's curl fails")
    if fault.rule is not None:
        found = check(installation)
        assert f"ERROR {fault.rule}: " in found.stdout, found.stdout + found.stderr


def gateway_pods(installation: Installation) -> list[Manifest]:
    objects = installation.mesh.objects
    return objects.list("v1", "Pod", namespace=PLACE, label_selector="app=trial")


Change = Callable[[Manifest], None]


def trial(*changes: Change) -> Manifest:
    """Return a Deployment like the gateway's, under another name."""
    manifest: Manifest = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "trial", "namespace": PLACE},
        "spec": {
            "selector": {"matchLabels": {"app": "trial"}},
            "template": {
                "metadata": {
                    "labels": {"app": "trial", "sidecar.istio.io/inject": "true"},
                    "annotations": {"inject.istio.io/templates": "gateway"},
                },
                "spec": {
                    "serviceAccountName": GATEWAY,
                    "containers": [{"name": "istio-proxy", "image": "auto"}],
                },
            },
        },
    }
    for change in changes:
        change(manifest["spec"]["template"]["metadata"])
    return manifest


def without_the_label(metadata: Manifest) -> None:
    del metadata["labels"]["sidecar.istio.io/inject"]


def by_annotation(metadata: Manifest) -> None:
    metadata["annotations"]["sidecar.istio.io/inject"] = "true"


def of_another_revision(metadata: Manifest) -> None:
    metadata["labels"]["istio.io/rev"] = "canary"


@pytest.mark.parametrize(
    "changes",
    [
        (without_the_label,),
        (without_the_label, by_annotation),
        (without_the_label, of_another_revision),
    ],
    ids=["no label", "annotation only", "wrong revision"],
)
def test_a_gateway_that_nobody_injects_into_never_becomes_ready(
    installation: Installation, changes: tuple[Change, ...]
) -> None:
    manifest = trial(*changes)
    installation.apply(manifest)
    try:
        installation.until(lambda: waits(installation) == ["ErrImagePull"], "the image is missing")
        assert not installation.mesh.kubelet.pods(PLACE, {"app": "trial"})
    finally:
        installation.mesh.objects.delete(manifest)
        installation.until(lambda: not gateway_pods(installation), "the trial's pods are gone")


def waits(installation: Installation) -> list[str]:
    """Return why the trial's pods do not run."""
    return [
        status["state"]["waiting"]["reason"]
        for pod in gateway_pods(installation)
        for status in (pod.get("status") or {}).get("containerStatuses") or ()
        if "waiting" in status["state"]
    ]
