"""The main job on the real engine and the real API server: what a user gets from `pulumi up`."""

import base64
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from kubernetes import client
from kubernetes.dynamic import DynamicClient
from kubernetes.dynamic.resource import Resource

from harness import example
from stacks import PulumiStack, make_stack
from toolchain.cluster import Cluster

pytestmark = pytest.mark.e2e

PRIVATE_KEY = re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----")
OBJECTS = {
    ("v1", "Secret", "istio-system", "wildcard-certs"),
    ("v1", "Service", "istio-system", "knative-local-gateway"),
    ("maistra.io/v2", "ServiceMeshControlPlane", "istio-system", "basic"),
    ("maistra.io/v1", "ServiceMeshMemberRoll", "istio-system", "default"),
    ("networking.istio.io/v1alpha3", "Gateway", "knative-serving", "knative-ingress-gateway"),
    ("networking.istio.io/v1alpha3", "Gateway", "knative-serving", "knative-local-gateway"),
    ("operator.knative.dev/v1beta1", "KnativeServing", "knative-serving", "knative-serving"),
    ("operator.knative.dev/v1beta1", "KnativeEventing", "knative-eventing", "knative-eventing"),
}


class Objects:
    """Reads and writes the cluster behind the stack's back."""

    def __init__(self, api: client.ApiClient) -> None:
        self._dynamic = DynamicClient(api)

    def _kind(self, api_version: str, kind: str) -> Any:
        return self._dynamic.resources.get(api_version=api_version, kind=kind)

    def get(self, api_version: str, kind: str, namespace: str, name: str) -> dict[str, Any]:
        found = self._kind(api_version, kind).get(name=name, namespace=namespace)
        return dict(found.to_dict())

    def patch(
        self, api_version: str, kind: str, namespace: str, name: str, body: dict[str, Any]
    ) -> None:
        self._kind(api_version, kind).patch(
            body=body,
            name=name,
            namespace=namespace,
            content_type="application/merge-patch+json",
            field_manager="somebody",
        )

    def names(self) -> set[tuple[str, str, str, str]]:
        """Name every object that is there, but for those that the control plane keeps by itself."""
        found = set()
        for resources in self._dynamic.resources.search():
            if type(resources) is not Resource or "list" not in resources.verbs:
                continue
            if resources.kind in {"Event", "Lease", "ComponentStatus"}:
                continue
            for item in self._kind(resources.group_version, resources.kind).get().items:
                found.add(
                    (
                        resources.group_version,
                        resources.kind,
                        item.metadata.namespace or "",
                        item.metadata.name,
                    )
                )
        return found


@pytest.fixture(scope="module")
def objects(cluster: Cluster) -> Iterator[Objects]:
    with cluster.client() as api:
        yield Objects(api)


def our_stack(folder: Path, cluster: Cluster) -> PulumiStack:
    return make_stack(folder, cluster.kubeconfig, stack_file=example("service-mesh-2"))


@pytest.fixture(scope="module")
def deployed(
    cluster: Cluster, operators: None, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[PulumiStack]:
    stack = our_stack(tmp_path_factory.mktemp("main-job"), cluster)
    # As a user does it: a preview, then the update.
    stack.succeed("up", "--yes")
    yield stack
    stack.destroy()


def test_up_makes_every_object(deployed: PulumiStack, objects: Objects) -> None:
    assert objects.names() >= OBJECTS


def test_everything_waited_for_is_ready(deployed: PulumiStack, objects: Objects) -> None:
    for kind in (
        "ServiceMeshControlPlane",
        "ServiceMeshMemberRoll",
        "KnativeServing",
        "KnativeEventing",
    ):
        (key,) = (key for key in OBJECTS if key[1] == kind)
        conditions = {c["type"]: c["status"] for c in objects.get(*key)["status"]["conditions"]}
        assert conditions["Ready"] == "True", kind


def test_a_second_up_changes_nothing(deployed: PulumiStack) -> None:
    said = deployed.up("--expect-no-changes")
    assert re.search(r"\d+ unchanged", said)


def test_refresh_after_up_finds_no_drift(deployed: PulumiStack) -> None:
    said = deployed.succeed("refresh", "--yes", "--expect-no-changes")
    assert re.search(r"\d+ unchanged", said)


def test_a_changed_setting_updates_in_place(deployed: PulumiStack, objects: Objects) -> None:
    key = ("maistra.io/v1", "ServiceMeshMemberRoll", "istio-system", "default")
    before = objects.get(*key)
    deployed.configure(projects=["shop", "bank", "market"])
    said = deployed.up()
    after = objects.get(*key)
    assert after["metadata"]["uid"] == before["metadata"]["uid"]
    members = ["knative-serving", "knative-eventing", "shop", "bank"]
    assert after["spec"]["members"] == [*members, "market"]
    assert not re.search(r"\d+ replaced", said)
    deployed.configure(projects=["shop", "bank"])
    deployed.up()
    assert objects.get(*key)["spec"]["members"] == members


def test_drift_is_shown_and_mended(deployed: PulumiStack, objects: Objects) -> None:
    key = ("maistra.io/v2", "ServiceMeshControlPlane", "istio-system", "basic")
    objects.patch(*key, {"spec": {"security": {"dataPlane": {"mtls": False}}}})
    shown = deployed.preview("--refresh")
    assert "mtls" in shown
    deployed.up("--refresh")
    assert objects.get(*key)["spec"]["security"]["dataPlane"]["mtls"] is True


def test_a_deleted_object_is_made_again(
    deployed: PulumiStack, objects: Objects, cluster: Cluster
) -> None:
    with cluster.client() as api:
        client.CoreV1Api(api).delete_namespaced_service("knative-local-gateway", "istio-system")
    deployed.up("--refresh")
    assert objects.get("v1", "Service", "istio-system", "knative-local-gateway")


def secret_data(objects: Objects) -> dict[str, bytes]:
    found = objects.get("v1", "Secret", "istio-system", "wildcard-certs")
    assert found["type"] == "kubernetes.io/tls"
    return {name: base64.b64decode(value) for name, value in found["data"].items()}


def test_the_certificates_are_what_the_documentation_asks_for(
    deployed: PulumiStack, objects: Objects
) -> None:
    data = secret_data(objects)
    root = x509.load_pem_x509_certificate(deployed.outputs()["caCertificatePem"].encode())
    leaf = x509.load_pem_x509_certificates(data["tls.crt"])[0]
    leaf.verify_directly_issued_by(root)
    names = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["*.apps.openshift.example.com"]
    (common_name,) = leaf.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    assert common_name.value == "*.apps.openshift.example.com"
    (common_name,) = root.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    assert common_name.value == "example.com"
    usages = leaf.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert ExtendedKeyUsageOID.SERVER_AUTH in usages
    assert root.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    assert (leaf.not_valid_after_utc - leaf.not_valid_before_utc).days == 90
    key = serialization.load_pem_private_key(data["tls.key"], None)
    assert isinstance(key, rsa.RSAPrivateKey)
    assert key.key_size == 3072
    assert key.public_key() == leaf.public_key()


def test_openssl_verifies_the_certificate(
    deployed: PulumiStack, objects: Objects, tmp_path: Path
) -> None:
    (tmp_path / "root.crt").write_text(deployed.outputs()["caCertificatePem"])
    (tmp_path / "wildcard.crt").write_bytes(secret_data(objects)["tls.crt"])
    done = subprocess.run(
        [
            *("openssl", "verify", "-x509_strict", "-purpose", "sslserver"),
            *("-verify_hostname", "hello-default.apps.openshift.example.com"),
            *("-CAfile", "root.crt", "wildcard.crt"),
        ],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_no_private_key_in_state_preview_or_logs(
    cluster: Cluster, deployed: PulumiStack, objects: Objects
) -> None:
    key = secret_data(objects)["tls.key"].decode()
    # Lines of the key itself, so that a copy without its PEM frame is seen too; not the first
    # ones, which hold the public modulus.
    needles = [*key.splitlines()[10:14], base64.b64encode(key.encode()).decode()[1200:1260]]
    deployed.configure({"certificate.keyBits": 4096})
    said = deployed.preview()
    events = deployed.succeed("preview", "--json")
    deployed.configure({"certificate.keyBits": 3072})
    logs = "".join(
        path.read_text("utf-8", "replace") for path in (cluster.folder / "log").iterdir()
    )
    history = deployed.succeed("stack", "history", "--json")
    texts = {
        "state": deployed.state(),
        "preview": said,
        "preview --json": events,
        "logs": logs,
        "history": history,
        "export": deployed.succeed("stack", "export"),
    }
    for where, text in texts.items():
        assert not PRIVATE_KEY.search(text), where
        assert not any(needle in text for needle in needles), where


def test_destroy_leaves_nothing_but_the_namespaces(unused: Cluster, tmp_path: Path) -> None:
    with unused.client() as api:
        metadata = client.V1ObjectMeta(name="knative-eventing")
        client.CoreV1Api(api).create_namespace(client.V1Namespace(metadata=metadata))
        objects = Objects(api)
        before = objects.names()
        stack = our_stack(tmp_path / "stack", unused)
        stack.up()
        assert objects.names() >= OBJECTS
        stack.destroy()
        left = objects.names() - before
        assert before <= objects.names()
        assert {name for _, kind, _, name in left if kind == "Namespace"} == {
            "istio-system",
            "knative-serving",
            "shop",
            "bank",
        }
        # What the control plane puts into each.
        assert {kind for _, kind, *_ in left} == {"Namespace", "ServiceAccount", "ConfigMap"}
    assert not [resource for resource in stack.resources() if resource["custom"]]
