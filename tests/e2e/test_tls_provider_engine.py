"""The stand-in plugin `tls` under the real engine, with the real SDK."""

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest

from harness import PulumiStack, make_stack

pytestmark = pytest.mark.e2e

CHAIN = """
import pulumi, pulumi_tls as tls

config = pulumi.Config()
root_key = tls.PrivateKey("root", algorithm="RSA")
root = tls.SelfSignedCert(
    "root",
    private_key_pem=root_key.private_key_pem,
    subject={"organization": "Example Inc.", "common_name": config.get("name") or "example.com"},
    validity_period_hours=1000,
    early_renewal_hours=config.get_int("early"),
    is_ca_certificate=True,
    allowed_uses=["cert_signing"],
)
key = tls.PrivateKey("leaf", algorithm="ECDSA", ecdsa_curve="P256")
request = tls.CertRequest(
    "leaf",
    private_key_pem=key.private_key_pem,
    subject={"common_name": "*.apps.example.com"},
    dns_names=["*.apps.example.com"],
)
leaf = tls.LocallySignedCert(
    "leaf",
    cert_request_pem=request.cert_request_pem,
    ca_cert_pem=root.cert_pem,
    ca_private_key_pem=root_key.private_key_pem,
    validity_period_hours=500,
    allowed_uses=["digital_signature", "server_auth"],
)
derived = tls.get_public_key_output(private_key_pem=key.private_key_pem)
described = tls.get_certificate_output(content=leaf.cert_pem)
pulumi.export("root", root.cert_pem)
pulumi.export("leaf", leaf.cert_pem)
pulumi.export("key", key.private_key_pem)
pulumi.export("public", key.public_key_openssh)
pulumi.export("derived", derived.public_key_openssh)
pulumi.export("subject", described.certificates[0].subject)
"""
"""A root and a leaf that it signs."""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    return tmp_path / "stack"


@pytest.fixture
def chain(project: Path) -> PulumiStack:
    return make_stack(project, project / "no-kubeconfig", program=CHAIN)


def planned(stack: PulumiStack) -> dict[str, str]:
    """Return what a preview would do, by type and name of the resource."""
    printed = stack.succeed("preview", "--json")
    steps = json.loads(printed[printed.index("{") :])["steps"]
    return {
        f"{step['urn'].split('::')[2].rpartition(':')[2]} {step['urn'].split('::')[3]}": step["op"]
        for step in steps
        if step["op"] != "same"
    }


def verifies(outputs: dict[str, Any], folder: Path, root: str = "root") -> bool:
    (folder / "root.crt").write_text(outputs[root])
    (folder / "leaf.crt").write_text(outputs["leaf"])
    done = subprocess.run(
        ["openssl", "verify", "-x509_strict", "-purpose", "sslserver", "-CAfile", "root.crt",
         "-verify_hostname", "hello.apps.example.com", "leaf.crt"],
        cwd=folder,
        check=False,
    )  # fmt: skip
    return done.returncode == 0


def test_a_chain_is_made_once_and_its_keys_show_nowhere(chain: PulumiStack, tmp_path: Path) -> None:
    said = chain.preview()
    assert planned(chain)["LocallySignedCert leaf"] == "create"
    said += chain.up()
    outputs = chain.outputs()
    assert verifies(outputs, tmp_path)
    assert outputs["derived"] == outputs["public"]
    assert outputs["subject"] == "CN=*.apps.example.com"
    said += chain.up("--expect-no-changes", "--diff")
    said += chain.refresh("--expect-no-changes")
    assert chain.outputs() == outputs
    state = chain.state()
    assert "PRIVATE KEY" not in state + said
    # The first line is the private part; the others hold the public key, which may show.
    private = outputs["key"].splitlines()[1]
    assert private not in state + said
    chain.destroy()
    assert chain.resources() == []


def test_a_change_replaces_what_hangs_on_it_and_nothing_else(
    chain: PulumiStack, tmp_path: Path
) -> None:
    chain.up("--skip-preview")
    before = chain.outputs()
    chain.configure(name="other.example.com")
    assert planned(chain) == {"SelfSignedCert root": "replace", "LocallySignedCert leaf": "replace"}
    said = chain.up("--skip-preview")
    made, gone = (
        re.search(rf"SelfSignedCert root {word}", said)
        for word in ("created replacement", "deleting original")
    )
    assert made is not None
    assert gone is not None
    assert made.start() < gone.start(), "the old certificate goes when the new one is there"
    after = chain.outputs()
    assert after["key"] == before["key"]
    assert verifies(after, tmp_path)
    assert not verifies({**after, "old": before["root"]}, tmp_path, root="old")


def test_early_renewal_waits_until_it_is_due(chain: PulumiStack, tmp_path: Path) -> None:
    chain.up("--skip-preview")
    before = chain.outputs()
    chain.configure(early=10)
    assert planned(chain) == {"SelfSignedCert root": "update"}
    chain.up("--skip-preview")
    assert chain.outputs() == before
    chain.up("--skip-preview", "--expect-no-changes")
    chain.configure(early=1000)
    assert planned(chain) == {"SelfSignedCert root": "replace", "LocallySignedCert leaf": "replace"}
    chain.up("--skip-preview")
    renewed = chain.outputs()
    assert renewed["root"] != before["root"]
    assert renewed["key"] == before["key"]
    assert verifies(renewed, tmp_path)
    assert verifies(before, tmp_path), "the old ones are valid until their own end"


def test_wrong_inputs_stop_a_preview_by_their_names(project: Path) -> None:
    stack = make_stack(
        project,
        project / "no-kubeconfig",
        program="""
import pulumi_tls as tls

tls.PrivateKey("fine", algorithm="ED25519")
tls.SelfSignedCert(
    "wrong",
    private_key_pem="not a key, but secret all the same",
    validity_period_hours=1,
    allowed_uses=["server-auth"],
    ip_addresses=["10.0.0.999"],
    subject={"country": "Germany"},
)
""",
    )
    said = stack.fail("up", "--yes")
    assert "privateKeyPem takes an unencrypted private key in PEM" in said
    assert "not a key" not in said, "the engine prints the value of an input that a failure names"
    assert "property allowedUses" in said
    assert "holds 'server-auth'; it takes any_extended, cert_signing" in said
    assert "holds '10.0.0.999'" in said
    assert "property subject.country" in said
    assert stack.resources() == []


def test_what_only_the_official_plugin_does_names_it(project: Path) -> None:
    stack = make_stack(
        project,
        project / "no-kubeconfig",
        program="import pulumi_tls\npulumi_tls.get_certificate(url='https://localhost:1')\n",
    )
    said = stack.fail("preview")
    assert "getCertificate with url is not supported by this stand-in" in said
    assert "pulumi plugin install resource tls" in said
