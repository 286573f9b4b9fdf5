"""Service Mesh 3 with one field wrong: traffic stops as it would in a cluster.

Where a rule of the pack is about the field, `serverless-mesh check` finds it in the cluster.
"""

import copy
from collections.abc import Callable, Iterator
from contextlib import contextmanager
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


def of_the_other_mesh(metadata: Manifest) -> None:
    metadata["labels"]["istio.io/rev"] = "other"


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
    with tried(installation, trial(*changes)):
        installation.until(lambda: waits(installation) == ["ErrImagePull"], "the image is missing")
        assert not runs(installation)


@contextmanager
def tried(installation: Installation, manifest: Manifest) -> Iterator[None]:
    """Have a Deployment for a while."""
    installation.apply(manifest)
    try:
        yield
    finally:
        installation.mesh.objects.delete(manifest)
        installation.until(lambda: not gateway_pods(installation), "the trial's pods are gone")


def runs(installation: Installation) -> bool:
    return any(pod.ready for pod in installation.mesh.kubelet.pods(PLACE, {"app": "trial"}))


def test_a_gateway_that_came_before_istio_has_to_be_made_anew(
    installation: Installation, keep: Keep
) -> None:
    webhooks = keep(
        "admissionregistration.k8s.io/v1",
        "MutatingWebhookConfiguration",
        "istio-sidecar-injector",
        "",
    )
    installation.mesh.objects.delete(webhooks)
    with tried(installation, trial()):
        installation.until(lambda: waits(installation) == ["ErrImagePull"], "the image is missing")
        installation.apply(webhooks)
        assert not runs(installation)
        (pod,) = gateway_pods(installation)
        installation.mesh.objects.delete(pod)
        installation.until(lambda: runs(installation), "the next pod runs")


def test_a_gateway_of_another_mesh_never_becomes_ready(installation: Installation) -> None:
    """Its namespace is ours to discover, and so has the root of our authority."""
    selectors = [{"matchLabels": {"mesh": "other"}}]
    second: list[Manifest] = [
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "istio-other"}},
        {
            "apiVersion": "sailoperator.io/v1",
            "kind": "Istio",
            "metadata": {"name": "other"},
            "spec": {
                "namespace": "istio-other",
                "values": {"meshConfig": {"discoverySelectors": selectors}},
            },
        },
    ]
    for manifest in second:
        installation.mesh.objects.apply(manifest)

    def there() -> bool:
        found = installation.mesh.objects.find("sailoperator.io/v1", "Istio", "other")
        return found is not None and (found.get("status") or {}).get("state") == "Healthy"

    def said() -> str:
        pods = installation.mesh.kubelet.pods(PLACE, {"app": "trial"})
        return "".join(pod.sidecar.log.read_text("utf-8") for pod in pods if pod.sidecar)

    try:
        installation.until(there, "the second mesh runs")
        with tried(installation, trial(of_the_other_mesh)):
            installation.until(
                lambda: "certificate signed by unknown authority" in said(),
                "its gateway meets a control plane that it does not trust",
            )
            assert not runs(installation)
    finally:
        for manifest in reversed(second):
            installation.mesh.objects.delete(manifest)
    assert installation.answers()


def waits(installation: Installation) -> list[str]:
    """Return why the trial's pods do not run."""
    return [
        status["state"]["waiting"]["reason"]
        for pod in gateway_pods(installation)
        for status in (pod.get("status") or {}).get("containerStatuses") or ()
        if "waiting" in status["state"]
    ]
