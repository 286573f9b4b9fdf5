"""Certificates that are provided, and renewal in place, by the real engine."""

import base64
import json
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from kubernetes import client

from harness import CERTIFICATES, example, played_cert_manager
from stacks import PulumiStack, make_stack
from tests.policy.cases import certificate, private_key, private_pem
from toolchain.cluster import Cluster

pytestmark = pytest.mark.e2e

DOMAIN = "*.apps.openshift.example.com"
KEY = private_key("leaf", 2048, False)
ROOT_KEY = private_key("root", 2048, False)


@cache
def authority() -> str:
    return certificate("root", ROOT_KEY, "root", ROOT_KEY, [], (-1, 3650), "authority")


def leaf(days: tuple[int, int] = (-1, 90)) -> str:
    return certificate("leaf", KEY, "root", ROOT_KEY, [DOMAIN], days, "server")


@pytest.fixture
def own(emptied: Cluster) -> Cluster:
    return emptied


@pytest.fixture
def stack(own: Cluster, tmp_path: Path) -> PulumiStack:
    return make_stack(tmp_path / "stack", own.kubeconfig)


def provide(stack: PulumiStack, key: str | None = None, **certificates: str) -> None:
    """Set what is provided."""
    stack.configure({f"certificate.{name}": text for name, text in certificates.items()})
    if key is not None:
        stack.set_secret("privateKey", key)


def served(own: Cluster) -> tuple[x509.Certificate, dict[str, str]]:
    with own.client() as api:
        found: Any = client.CoreV1Api(api).read_namespaced_secret("wildcard-certs", "istio-system")
    data = {name: base64.b64decode(text).decode() for name, text in found.data.items()}
    return x509.load_pem_x509_certificate(data["tls.crt"].encode()), data


@pytest.fixture
def own_authority(own: Cluster, tmp_path: Path) -> PulumiStack:
    return from_example("own-ca-and-kafka", own, tmp_path)


@pytest.fixture
def of_cert_manager(own: Cluster, tmp_path: Path) -> PulumiStack:
    return from_example("cert-manager", own, tmp_path)


def from_example(name: str, own: Cluster, folder: Path) -> PulumiStack:
    return make_stack(folder / "stack", own.kubeconfig, stack_file=example(name))


def test_a_provided_authority_signs_the_wildcard(
    own_authority: PulumiStack, own: Cluster, get: Any
) -> None:
    stack = own_authority
    # As the example says of itself: neither its key nor its certificate is of any use.
    assert "validating stack config: bad value" in stack.fail("preview")
    provide(stack, private_pem(ROOT_KEY))
    said = stack.fail("preview")
    assert "serverless-mesh:privateKey: found another certificate's key" in said
    provide(stack, caCertificate=authority())
    said = stack.up()
    found, data = served(own)
    found.verify_directly_issued_by(x509.load_pem_x509_certificate(authority().encode()))
    assert stack.outputs()["caCertificatePem"].strip() == authority().strip()
    assert "SelfSignedCert" not in {each["type"].rpartition(":")[2] for each in stack.resources()}
    for text in (said, stack.state()):
        assert private_pem(ROOT_KEY).splitlines()[1] not in text
        assert "PRIVATE KEY" not in text
    assert "PRIVATE KEY" in data["tls.key"]
    kafka = get(
        "operator.serverless.openshift.io/v1alpha1",
        "KnativeKafka",
        "knative-kafka",
        "knative-eventing",
    )
    assert kafka["spec"]["broker"]["enabled"]
    assert not kafka["spec"]["channel"]["enabled"]


def test_a_certificate_that_is_provided_is_served_as_it_is(
    stack: PulumiStack, own: Cluster
) -> None:
    stack.configure({"certificate.from": "pem"})
    certificates = leaf() + authority()
    provide(stack, private_pem(KEY), certificate=certificates, caCertificate=authority())
    stack.up()
    _, data = served(own)
    # The engine takes the last line's end off a value.
    assert data["tls.crt"].strip() == certificates.strip()
    assert data["tls.key"].strip() == private_pem(KEY).strip()
    assert "PRIVATE KEY" not in stack.state()


def test_a_wrong_one_is_refused_before_anything_is_applied(stack: PulumiStack) -> None:
    stack.configure({"certificate.from": "pem"})
    provide(stack, private_pem(ROOT_KEY), certificate=leaf((-9, -1)))
    output = stack.fail("up", "--yes", "--skip-preview")
    assert "the certificates can't be used" in output
    assert "serverless-mesh:certificate.certificate: found CN=leaf expired" in output
    assert "serverless-mesh:privateKey: found another certificate's key" in output
    assert "PRIVATE KEY" not in output
    assert not [each for each in stack.resources() if each.get("custom")]


def test_an_authority_that_may_not_sign_is_refused(stack: PulumiStack) -> None:
    provide(stack, private_pem(KEY), caCertificate=leaf())
    output = stack.fail("up", "--yes", "--skip-preview")
    said = "serverless-mesh:certificate.caCertificate: found a certificate that may not sign others"
    assert said in output


def test_a_key_in_plaintext_is_refused(stack: PulumiStack) -> None:
    stack.configure({"certificate.from": "pem"})
    provide(stack, certificate=leaf())
    file = stack.project / "Pulumi.test.yaml"
    with file.open("a") as settings:
        settings.write(f"  serverless-mesh:privateKey: {json.dumps(private_pem(KEY))}\n")
    output = stack.fail("preview")
    assert "Pulumi.test.yaml: private keys in plaintext" in output
    assert "serverless-mesh:privateKey stands in plaintext and is a private key" in output
    assert "--secret" in output
    assert "PRIVATE KEY" not in output


def test_an_existing_secret_is_used_and_left_alone(stack: PulumiStack, own: Cluster) -> None:
    stack.configure(
        {
            "certificate.from": "secret",
            "certificate.secret": "brought",
            "mesh.namespace": "own-mesh",
        }
    )
    with own.client() as api:
        core = client.CoreV1Api(api)
        namespace: Any = {"metadata": {"name": "own-mesh"}}
        core.create_namespace(namespace)
        assert "there is no Secret own-mesh/brought" in stack.fail("up", "--yes", "--skip-preview")
        body: Any = {
            "metadata": {"name": "brought"},
            "type": "kubernetes.io/tls",
            "stringData": {"tls.crt": leaf(days=(-9, -1)), "tls.key": private_pem(KEY)},
        }
        core.create_namespaced_secret("own-mesh", body)
        said = stack.fail("up", "--yes", "--skip-preview")
        assert "tls.crt of the Secret own-mesh/brought: found" in said
        assert "expired" in said
        body["stringData"] = {"tls.crt": leaf(), "tls.key": private_pem(KEY)}
        before = core.replace_namespaced_secret("brought", "own-mesh", body)
        stack.up()
        after = core.read_namespaced_secret("brought", "own-mesh")
        gateway: Any = client.CustomObjectsApi(api).get_namespaced_custom_object(
            "networking.istio.io", "v1", "knative-serving", "gateways", "knative-ingress-gateway"
        )
        assert gateway["spec"]["servers"][0]["tls"]["credentialName"] == "brought"
        stack.destroy()
        assert core.read_namespaced_secret("brought", "own-mesh").data == before.data == after.data


def test_cert_manager_is_asked(of_cert_manager: PulumiStack, own: Cluster) -> None:
    stack = of_cert_manager
    said = stack.fail("up", "--yes", "--skip-preview")
    assert "cert-manager is not installed" in said
    with own.client() as api:
        client.ApiextensionsV1Api(api).create_custom_resource_definition(CERTIFICATES)
        running = stack.start("up", "--yes", "--skip-preview")
        found = played_cert_manager(client.CustomObjectsApi(api), running)
        output, _ = running.communicate()
        assert running.returncode == 0, output
        stack.destroy()
    spec = found["spec"]
    assert spec["issuerRef"] == {
        "group": "cert-manager.io",
        "kind": "ClusterIssuer",
        "name": "corporate",
    }
    assert spec["secretName"] == "wildcard-certs"
    assert spec["dnsNames"] == [DOMAIN]
    assert spec["secretTemplate"]["labels"]["networking.internal.knative.dev/certificate-uid"]


def test_early_renewal_replaces_the_certificate_in_place(stack: PulumiStack, own: Cluster) -> None:
    stack.up()
    old, _ = served(own)
    assert "unchanged" in stack.succeed("up", "--yes", "--skip-preview", "--expect-no-changes")
    uid = labels(own)
    near_expiry(stack, "LocallySignedCert")
    said = stack.up()
    new, data = served(own)
    assert "LocallySignedCert wildcard-certificate replaced" in said
    assert new.serial_number != old.serial_number
    # Both are valid: whoever still serves the old one is trusted until the new one is in place.
    now = datetime.now(UTC)
    assert old.not_valid_after_utc > now
    assert new.not_valid_before_utc <= now < new.not_valid_after_utc
    assert new.issuer == old.issuer
    key: Any = load_pem_private_key(data["tls.key"].encode(), None)
    assert key.public_key() == new.public_key()
    assert labels(own) == uid
    assert "unchanged" in stack.succeed("up", "--yes", "--skip-preview", "--expect-no-changes")


def labels(own: Cluster) -> tuple[str, Any]:
    with own.client() as api:
        found: Any = client.CoreV1Api(api).read_namespaced_secret("wildcard-certs", "istio-system")
    return found.metadata.uid, found.metadata.labels


def near_expiry(stack: PulumiStack, kind: str) -> None:
    """Move a certificate's end, as the state has it, to within its time of early renewal."""
    exported = json.loads(stack.succeed("stack", "export"))
    end = (datetime.now(UTC) + timedelta(hours=100)).strftime("%Y-%m-%dT%H:%M:%SZ")
    for each in exported["deployment"]["resources"]:
        if each["type"].endswith(f":{kind}"):
            each["outputs"]["validityEndTime"] = end
    file = stack.project / "state.json"
    file.write_text(json.dumps(exported), "utf-8")
    stack.succeed("stack", "import", "--file", str(file))
