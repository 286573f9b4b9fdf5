"""The gateway's own Deployment, with Service Mesh 3: whoever injects it wrong gets no gateway.

Before it is applied, `serverless-mesh check` says so.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from mesh.cluster_check import assert_found, check
from mesh.conftest import Keep
from mesh.installation import Installation, Manifest
from mesh_policy.documented.names import GATEWAY_SELECTOR

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.mesh,
    pytest.mark.parametrize("installation", ["service_mesh_3"], indirect=True, scope="module"),
]
PLACE = "knative-serving-ingress"
GATEWAY = "knative-istio-ingressgateway"
WAITS = "asks a registry for the image `auto`"


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


def selected(manifest: Manifest) -> Manifest:
    """Have Knative's Gateways select a Deployment, as they do the gateway's."""
    manifest["spec"]["template"]["metadata"]["labels"] |= GATEWAY_SELECTOR
    return manifest


@pytest.mark.parametrize(
    ("changes", "rule", "symptom"),
    [
        ((without_the_label,), "gateway-injected", WAITS),
        ((without_the_label, by_annotation), "gateway-injected", WAITS),
        (
            (without_the_label, of_another_revision),
            "injection-revision",
            "pods start without a sidecar",
        ),
    ],
    ids=["no label", "annotation only", "wrong revision"],
)
def test_a_gateway_that_nobody_injects_into_never_becomes_ready(
    installation: Installation,
    tmp_path: Path,
    changes: tuple[Change, ...],
    rule: str,
    symptom: str,
) -> None:
    done = check(installation, selected(trial(*changes)), folder=tmp_path)
    assert_found(done, rule, symptom)
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


def test_a_gateway_of_another_mesh_never_becomes_ready(
    installation: Installation, tmp_path: Path
) -> None:
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
        done = check(installation, selected(trial(of_the_other_mesh)), folder=tmp_path)
        assert_found(done, "gateway-injected", "a gateway of Istio other")
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
