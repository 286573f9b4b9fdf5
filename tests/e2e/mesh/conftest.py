"""One mesh a session, with the project's manifests applied and its Knative Service answering."""

import copy
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Protocol

import pytest

from components.control_plane import control_plane
from components.eventing import eventing
from components.gateways import ingress_gateway, local_gateway, local_gateway_service
from components.member_roll import member_roll
from components.names import EVENTING_NAMESPACE, SERVING_NAMESPACE
from components.serving import serving
from mesh.installation import Installation, Manifest
from mesh.issuer import Issuer
from settings import Settings
from toolchain.cluster import APPS_DOMAIN, Cluster
from toolchain.mesh.local import LocalMesh
from toolchain.mesh.objects import Objects
from toolchain.mesh.programs import steps

READY_WITHIN = 120.0


def hello(namespace: str) -> Manifest:
    """Return the documentation's Knative Service."""
    return {
        "apiVersion": "serving.knative.dev/v1",
        "kind": "Service",
        "metadata": {
            "name": "hello",
            "namespace": namespace,
            "annotations": {"serving.knative.openshift.io/enablePassthrough": "true"},
        },
        "spec": {
            "template": {
                "metadata": {
                    "annotations": {
                        "sidecar.istio.io/inject": "true",
                        "sidecar.istio.io/rewriteAppHTTPProbers": "true",
                    }
                },
                "spec": {"containers": [{"image": "example.test/hello"}]},
            }
        },
    }


def is_ready(objects: Objects, manifest: Manifest) -> bool:
    metadata = manifest["metadata"]
    found: dict[str, Any] | None = objects.find(
        manifest["apiVersion"], manifest["kind"], metadata["name"], metadata["namespace"]
    )
    conditions = ((found or {}).get("status") or {}).get("conditions") or ()
    return any(item["type"] == "Ready" and item["status"] == "True" for item in conditions)


def install(folder: Path, settings: Settings, domain: str = APPS_DOMAIN) -> Iterator[Installation]:
    """Start a cluster with its mesh and install the project's manifests there."""
    undone = [step.name for step in steps() if step.outcome() is None]
    if undone:
        pytest.fail(f"not set up: {', '.join(undone)}. Run `make setup` (or `make test`)")
    with Cluster(folder / "cluster") as cluster, LocalMesh(cluster) as mesh:
        objects = mesh.objects
        objects.apply(
            {
                "apiVersion": "config.openshift.io/v1",
                "kind": "Ingress",
                "metadata": {"name": "cluster"},
                "spec": {"domain": domain},
            }
        )
        for namespace in (settings.mesh_namespace, SERVING_NAMESPACE, EVENTING_NAMESPACE):
            objects.apply(
                {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}}
            )
        issuer = Issuer(folder, "root")
        installation = Installation(mesh, settings, domain, issuer, issuer.root)
        _, data = issuer.issue(f"*.{domain}", *settings.subject_alt_names)
        installation.secret(settings.wildcard_secret, data)
        knative = [serving(settings), eventing()]
        for manifest in (
            control_plane(settings),
            member_roll(settings),
            ingress_gateway(settings),
            local_gateway(),
            local_gateway_service(settings),
            *knative,
            hello("default"),
        ):
            objects.apply(manifest)
        for manifest in knative:
            mesh.until(
                lambda manifest=manifest: is_ready(objects, manifest),  # type: ignore[misc]
                READY_WITHIN,
                f"{manifest['kind']} Ready",
            )
        installation.until(
            lambda: is_ready(objects, hello("default")), "the Knative Service is Ready"
        )
        installation.until(installation.answers, "the page's curl answers")
        yield installation


@pytest.fixture(scope="session")
def installation(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    settings = Settings(projects=("default",))
    yield from install(tmp_path_factory.mktemp("mesh"), settings)


class Keep(Protocol):
    """Notes an object, to be as it is now after the test; returns it as it can be applied."""

    def __call__(self, api_version: str, kind: str, name: str, namespace: str) -> Manifest: ...


@pytest.fixture
def keep(installation: Installation) -> Iterator[Keep]:
    noted: list[Manifest] = []

    def note(api_version: str, kind: str, name: str, namespace: str) -> Manifest:
        found = installation.mesh.objects.find(api_version, kind, name, namespace)
        assert found is not None
        found.pop("status", None)
        found["metadata"] = {
            key: value
            for key, value in found["metadata"].items()
            if key in {"name", "namespace", "labels", "annotations"}
        }
        noted.append(found)
        return copy.deepcopy(found)

    yield note
    for manifest in noted:
        installation.apply(manifest)
    installation.until(installation.answers, "the page's curl answers again")
