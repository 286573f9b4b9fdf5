"""The stand-in plugins `tls` and `random` under the real engine, with the real SDKs."""

import json
import re
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from plugins import ATTACH
from stacks import PulumiStack, StackFactory, make_stack

pytestmark = pytest.mark.e2e

CHAIN = """
import pulumi, pulumi_tls as tls
from pulumi_random import RandomUuid

config = pulumi.Config()
name = config.get("name") or "example.com"
component = pulumi.ComponentResource("trial:index:Authority", "authority")
root_key = tls.PrivateKey("root", algorithm="RSA", opts=pulumi.ResourceOptions(parent=component))
root = tls.SelfSignedCert(
    "root",
    private_key_pem=root_key.private_key_pem,
    subject={"organization": "Example Inc.", "common_name": name},
    validity_period_hours=1000,
    early_renewal_hours=config.get_int("early"),
    is_ca_certificate=True,
    set_subject_key_id=True,
    allowed_uses=["cert_signing"],
)
key = tls.PrivateKey("leaf", algorithm="RSA", rsa_bits=3072)
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
uuid = RandomUuid("uuid", keepers={"name": name, "key": key.private_key_pem})
pulumi.export("root", root.cert_pem)
pulumi.export("leaf", leaf.cert_pem)
pulumi.export("key", key.private_key_pem)
pulumi.export("uuid", uuid.result)
"""
"""A root and a leaf that it signs, and a UUID."""


@pytest.fixture
def make(tmp_path: Path) -> StackFactory:
    folder = tmp_path / "stack"
    return lambda program: make_stack(folder, folder / "no-kubeconfig", program=program)


def planned(stack: PulumiStack) -> dict[str, str]:
    """Return what a preview would do, by type and name of the resource."""
    printed = stack.succeed("preview", "--json")
    steps = json.loads(printed[printed.index("{") :])["steps"]
    return {
        f"{step['urn'].split('::')[2].rpartition(':')[2]} {step['urn'].split('::')[3]}": step["op"]
        for step in steps
        if step["op"] != "same"
    }


def verifies(outputs: dict[str, Any], folder: Path) -> bool:
    (folder / "root.crt").write_text(outputs["root"])
    (folder / "leaf.crt").write_text(outputs["leaf"])
    done = subprocess.run(
        ["openssl", "verify", "-x509_strict", "-purpose", "sslserver", "-CAfile", "root.crt",
         "-verify_hostname", "hello.apps.example.com", "leaf.crt"],
        cwd=folder,
        check=False,
    )  # fmt: skip
    return done.returncode == 0


def test_everything_is_made_once_and_keys_show_nowhere(make: StackFactory, tmp_path: Path) -> None:
    made = make(CHAIN)
    # Here the engine starts the plugins itself.
    stack = replace(made, env={k: v for k, v in made.env.items() if k != ATTACH})
    assert planned(stack)["LocallySignedCert leaf"] == "create"
    said = stack.preview() + stack.up()
    outputs = stack.outputs()
    assert verifies(outputs, tmp_path)
    said += stack.up("--expect-no-changes", "--diff") + stack.refresh("--expect-no-changes")
    assert stack.outputs() == outputs
    # The first line is the private part; the others hold the public key, which may show.
    private = outputs["key"].splitlines()[1]
    for text in (said, stack.state()):
        assert "PRIVATE KEY" not in text
        assert private not in text
    stack.destroy()
    assert stack.resources() == []


def test_a_change_replaces_what_hangs_on_it_and_nothing_else(
    make: StackFactory, tmp_path: Path
) -> None:
    stack = make(CHAIN)
    stack.up()
    before = stack.outputs()
    stack.configure(name="other.example.com")
    assert planned(stack) == {
        "SelfSignedCert root": "replace",
        "LocallySignedCert leaf": "replace",
        "RandomUuid uuid": "replace",
    }
    said = stack.up()
    made, gone = (
        re.search(rf"SelfSignedCert root {word}", said)
        for word in ("created replacement", "deleting original")
    )
    assert made is not None
    assert gone is not None
    assert made.start() < gone.start(), "the old certificate goes when the new one is there"
    after = stack.outputs()
    assert {name for name in before if before[name] == after[name]} == {"key"}
    assert verifies(after, tmp_path)
    assert not verifies({**after, "root": before["root"]}, tmp_path)


def test_early_renewal_waits_until_it_is_due(make: StackFactory, tmp_path: Path) -> None:
    stack = make(CHAIN)
    stack.up()
    before = stack.outputs()
    stack.configure(early=10)
    assert planned(stack) == {"SelfSignedCert root": "update"}
    stack.up()
    assert stack.outputs() == before
    stack.up("--expect-no-changes")
    stack.configure(early=1000)
    assert planned(stack) == {"SelfSignedCert root": "replace", "LocallySignedCert leaf": "replace"}
    stack.up()
    renewed = stack.outputs()
    assert renewed["root"] != before["root"]
    assert renewed["key"] == before["key"]
    assert verifies(renewed, tmp_path)
    assert verifies(before, tmp_path), "the old ones are valid until their own end"


def test_an_imported_uuid_is_the_programs_from_then_on(make: StackFactory) -> None:
    uuid = "2c0e0f6c-9c4e-4f43-b0a8-6b3f5d6a2d11"
    stack = make("import pulumi_random\npulumi_random.RandomUuid('user')\n")
    stack.succeed(
        "import", "random:index/randomUuid:RandomUuid", "user", uuid,
        "--yes", "--protect=false", "--generate-code=false",
    )  # fmt: skip
    stack.up("--expect-no-changes")
    (found,) = (each for each in stack.resources() if each["urn"].endswith("::user"))
    assert found["outputs"] == {"id": uuid, "result": uuid}


def test_wrong_inputs_stop_a_preview_by_their_names(make: StackFactory) -> None:
    stack = make("""
import pulumi_tls as tls

tls.PrivateKey("fine", algorithm="RSA")
tls.SelfSignedCert(
    "wrong",
    private_key_pem="not a key, but secret all the same",
    validity_period_hours=1,
    allowed_uses=["server-auth"],
    ip_addresses=["10.0.0.1"],
    subject={"common_name": "x" * 65},
)
""")
    said = stack.fail("up", "--yes")
    assert "privateKeyPem takes an unencrypted private key in PEM" in said
    assert "not a key" not in said, "the engine prints the value of an input that a failure names"
    assert "property allowedUses" in said
    assert "takes a list of digital_signature" in said
    assert "property subject" in said
    assert "the input ipAddresses is not supported by this stand-in" in said
    assert stack.resources() == []


@pytest.mark.parametrize(
    ("plugin", "call", "what"),
    [
        ("random", "RandomPet('pet')", "the resource random:index/randomPet:RandomPet"),
        (
            "tls",
            "get_certificate(url='https://localhost:1')",
            "the function tls:index/getCertificate:getCertificate",
        ),
    ],
)
def test_what_only_the_official_plugin_does_names_it(
    make: StackFactory, plugin: str, call: str, what: str
) -> None:
    said = make(f"import pulumi_{plugin}\npulumi_{plugin}.{call}\n").fail("preview")
    assert f"{what} is not supported by this stand-in for pulumi-resource-{plugin}" in said
    assert f"pulumi plugin install resource {plugin}" in said
