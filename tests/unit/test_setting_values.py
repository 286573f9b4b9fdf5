"""Settings take what a cluster, Istio, Knative and DNS take, and refuse the rest with reasons."""

import base64
import json
from pathlib import Path
from textwrap import indent
from typing import Any

import pytest
from typer.testing import CliRunner

from cli.main import app
from settings import Settings, SettingsError, from_config, keys, parse
from tests.policy.cases import private_key, private_pem

MAPPED = {"host": "shop.example.org", "project": "shop", "service": "hello"}
GOOD: list[tuple[str, Any]] = [
    ("appsDomain", "apps.openshift.example.com"),
    ("organization", "Müller & Söhne"),
    ("subjectAltNames", ["shop.example.org", "*.shop.example.org"]),
    ("certificateDays", 365),
    ("wildcardSecret", "wildcard.certs-2"),
    ("wildcardSecret", ".".join(["a" * 60] * 4)),
    ("labelledSecrets", [{"namespace": "shop", "name": "shop.example.org-tls"}]),
    ("labelledSecrets", [{"namespace": "a", "name": "x"}, {"namespace": "b", "name": "x"}]),
    ("domainMappings", [{**MAPPED, "secret": "shop.example.org"}]),
    ("meshNamespace", "mesh"),
    ("controlPlaneName", "b" * 56),
    ("controlPlaneProfiles", ["default", "small_2.1"]),
    ("terminationDrainDuration", "40000ms"),
    ("terminationDrainDuration", "1.5m"),
    ("terminationDrainDuration", "1h2m3.5s"),
    ("excludedPorts", [8444, 8022, 9090, 9091]),
    ("projects", ["shop", "2nd-shop", "kubernetes-tools", "my-knative-serving"]),
    ("kafkaBootstrapServers", ["kafka:9092", "kafka.example.com.", "10.0.0.5:9092"]),
    ("kafkaBootstrapServers", ["[fd00::5]:9092", "[fd00::6]", "Broker-1.Example.com:9093"]),
    ("kafkaPartitions", 1000),
    ("verificationImage", "registry.example.com:5000/team/hello_world/x:1.0"),
    ("verificationImage", "openshift/hello-openshift"),
    ("verificationImage", f"quay.io/x/y@sha256:{'a' * 64}"),
    ("verificationName", "h" * 55),
    ("readyTimeoutSeconds", 7200),
    ("catalogSource", "redhat-operators.mirror"),
]
BAD: list[tuple[str, Any, str]] = [
    ("appsDomain", "10.0.0.5", "takes a domain"),
    ("appsDomain", "apps.exámple.com", "takes a domain"),
    ("appsDomain", "apps.example.com\n", "takes a domain"),
    ("appsDomain", ".".join(["a" * 60] * 4), "no name of DNS is longer"),
    ("organization", "a\x00b", "on one line"),
    ("organization", "a\nb", "on one line"),
    ("organization", "\u202eb", "on one line"),
    ("organization", "  ", "on one line"),
    ("organization", "\ud800", "half a character"),
    ("subjectAltNames", ["*.com"], "takes a host or"),
    ("subjectAltNames", ["a.*.example.com"], "takes a host or"),
    ("subjectAltNames", ["a.example.com", "a.example.com"], "a.example.com again"),
    ("caDays", 10**30, "36500"),
    ("certificateDays", 10**9, "36500"),
    ("certificateDays", 366, "certificateDays takes at most the 365 of caDays"),
    ("earlyRenewalHours", 10**20, "876000"),
    ("wildcardSecret", "Wildcard", "takes a Kubernetes name"),
    ("wildcardSecret", "a..b", "takes a Kubernetes name"),
    ("wildcardSecret", "gateway-cacert", "does not end in -cacert"),
    ("issuerName", "a b", "takes a Kubernetes name"),
    ("meshNamespace", "knative-serving", "no control plane can be there"),
    ("meshNamespace", "openshift-operators", "no control plane can be there"),
    ("meshNamespace", "kube-system", "no control plane can be there"),
    ("controlPlaneName", "b" * 57, "istiod-NAME"),
    ("controlPlaneProfiles", ["default", "../x"], "takes a word"),
    ("controlPlaneProfiles", ["default", "default"], "default again"),
    ("terminationDrainDuration", "9999999999h", "takes a duration"),
    ("terminationDrainDuration", "\u0664\u0660s", "takes a duration"),
    ("terminationDrainDuration", "40", "takes a duration"),
    *(
        ("excludedPorts", [8444, 8022, port], "without mTLS")
        for port in (80, 443, 8012, 8013, 8080, 8081, 8112, 8443, 15001, 15006, 15090, 15443)
    ),
    ("excludedPorts", list(range(1, 65536)), "without mTLS"),
    ("excludedPorts", [8444, 8022, 8022], "8022 again"),
    *(
        ("projects", [name], "can't join the mesh")
        for name in ("istio-system", "kube-system", "openshift", "openshift-ingress")
    ),
    ("projects", ["knative-serving"], "are in it already"),
    ("projects", ["shop", "shop"], "shop again"),
    ("projects", ["shop\n"], "takes a Kubernetes name"),
    ("projects", ["shop\uff11"], "takes a Kubernetes name"),
    ("labelledSecrets", [{"namespace": "a", "name": "x"}] * 2, "a/x again"),
    (
        "labelledSecrets",
        [{"namespace": "istio-system", "name": "wildcard-certs"}],
        "which this stack makes",
    ),
    *(
        ("kafkaBootstrapServers", [server], "takes a bootstrap server")
        for server in (
            "10.0.0.256:9092",
            "127.0.0.1:9092",
            "0.0.0.0:9092",
            "[::]:9092",
            "[fe80::1%eth0]:9092",
            "[10.0.0.5]:9092",
            "fd00::5",
            "kafka:\uff19092",
            "kafka:0",
            "kafka:65536",
            "kafka:",
            "a..b:9092",
            "kafka:9092\n",
            "http://kafka:9092",
        )
    ),
    ("kafkaBootstrapServers", ["kafka:9092", "KAFKA.:9092"], "kafka:9092 again"),
    ("kafkaFeatures", ["sink", "sink"], "sink again"),
    ("kafkaPartitions", 10**12, "10000"),
    ("kafkaReplicationFactor", 10**6, "1000"),
    ("domainMappings", [MAPPED, {**MAPPED, "project": "bank"}], "shop.example.org again"),
    ("domainMappings", [{**MAPPED, "host": "a.svc.cluster.local"}], "outside of the cluster"),
    ("domainMappings", [{**MAPPED, "service": "1st"}], "begins with a letter"),
    ("domainMappings", [{**MAPPED, "project": "kube-system"}], "takes a project"),
    ("verificationImage", "Team/Hello", "takes an image"),
    ("verificationImage", "hello world", "takes an image"),
    ("verificationName", "1st", "begins with a letter"),
    ("verificationName", "h" * 56, "63 characters together"),
    ("verificationProject", "openshift-ingress", "takes a project"),
    ("serverlessChannel", "stable\x1b[2J", "takes a word"),
    ("catalogSource", "a b", "takes a Kubernetes name"),
    ("readyTimeoutSeconds", 10**30, "86400"),
]


def refused(values: dict[str, Any], secrets: frozenset[str] = frozenset()) -> str:
    with pytest.raises(SettingsError) as caught:
        parse(values, "Pulumi.test.yaml", secrets)
    return str(caught.value)


@pytest.mark.parametrize(("key", "value"), GOOD, ids=repr)
def test_what_is_right_is_taken(key: str, value: Any) -> None:
    parse({key: value}, "Pulumi.test.yaml")


@pytest.mark.parametrize(("key", "value", "said"), BAD, ids=lambda value: repr(value)[:40])
def test_what_is_wrong_is_refused_with_the_reason(key: str, value: Any, said: str) -> None:
    error = refused({key: value})
    assert f"serverless-mesh:{key}" in error or "serverless-mesh:verificationName" in error
    assert said in error
    assert all(line.isprintable() for line in error.splitlines())
    assert len(error) < 1000


def test_a_control_plane_is_in_no_project_that_joins() -> None:
    assert "meshNamespace takes a namespace of its own" in refused(
        {"meshNamespace": "mesh", "projects": ["mesh"]}
    )
    image = {"verificationImage": "hello", "meshNamespace": "default"}
    assert "meshNamespace takes a namespace of its own" in refused(image)


def test_what_does_not_fit_together_is_said_at_once() -> None:
    said = refused({"certificateDays": 400, "earlyRenewalHours": 9000, "wildcardFrom": "authority"})
    assert "2 errors" in said
    assert "certificateDays takes at most" in said
    assert "earlyRenewalHours takes less" in said


def test_certificates_of_an_authority_of_ones_own_have_its_days() -> None:
    parse({"caCertificate": "x", "caKey": "y", "certificateDays": 400}, "Pulumi.test.yaml")
    parse({"wildcardFrom": "secret", "certificateDays": 400}, "Pulumi.test.yaml")


PEM = private_pem(private_key("leaf", 2048, True))
CODED = base64.b64encode(PEM.encode()).decode()
KEYS = {
    "pem": PEM,
    "kinds": PEM.replace("EC PRIVATE", "ENCRYPTED PRIVATE"),
    "openssh": "-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n-----END OPENSSH PRIVATE KEY-----",
    "pgp": "-----BEGIN PGP PRIVATE KEY BLOCK-----\n\nAAAA\n-----END PGP PRIVATE KEY BLOCK-----",
    "after a certificate": f"-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n{PEM}",
    "base64": CODED,
    "base64 in lines": base64.encodebytes(f"-----BEGIN X-----{PEM}".encode()).decode(),
    "base64, shifted by one": base64.b64encode(f"x{PEM}".encode()).decode(),
    "base64, shifted by two": base64.b64encode(f"xx{PEM}".encode()).decode(),
}


@pytest.mark.parametrize("form", KEYS)
@pytest.mark.parametrize("key", [*keys(), "noSuchSetting", "kubernetes:kubeconfig", "other:thing"])
def test_no_plaintext_setting_holds_a_private_key(key: str, form: str) -> None:
    whole = key if ":" in key else f"serverless-mesh:{key}"
    nested = {"a": [{"b": KEYS[form]}]}
    for value in (KEYS[form], json.dumps(nested), json.dumps({KEYS[form]: 1})):
        with pytest.raises(SettingsError, match="private keys in plaintext") as caught:
            from_config({whole: value}, "test")
        assert whole in str(caught.value)
        assert KEYS[form][:40] not in str(caught.value)
        assert "AAAA" not in str(caught.value)


@pytest.mark.parametrize("key", ["caCertificate", "wildcardCertificate"])
def test_a_certificate_holds_no_key_even_as_a_secret(key: str) -> None:
    # It goes into an output that everybody is meant to read.
    whole = f"serverless-mesh:{key}"
    for form in KEYS.values():
        with pytest.raises(SettingsError, match="has a private key in it") as caught:
            from_config({whole: form}, "test", {whole})
        assert form[:60] not in str(caught.value)


def test_no_error_shows_a_secret() -> None:
    with pytest.raises(SettingsError) as caught:
        from_config(
            {"serverless-mesh:organization": "hidden\n"}, "test", {"serverless-mesh:organization"}
        )
    assert "found a secret" in str(caught.value)
    assert "hidden" not in str(caught.value)


def test_names_of_keys_forge_no_lines() -> None:
    for key in ("a\n::error::b", "::error::b", "a\x1b[2J"):
        said = refused({key: 1})
        assert len(said.splitlines()) == 2
        assert all(line.isprintable() for line in said.splitlines())


@pytest.mark.parametrize(
    "content",
    [
        f"config:\n  serverless-mesh:caCertificate: |\n{indent(PEM, '    ')}\n",
        f"config:\n  serverless-mesh:projects: [{{a: {CODED}}}]\n",
        f"config:\n  kubernetes:kubeconfig: {CODED}\n",
        f"config:\n  other:thing: {{nested: [{CODED}]}}\n",
        f"config:\n  serverless-mesh:organization: !!binary {CODED}\n",
        f"config: {{}}\nenvironment:\n  values: {{a: {CODED}}}\n",
    ],
)
def test_the_check_of_a_stack_file_finds_keys_as_well(tmp_path: Path, content: str) -> None:
    file = tmp_path / "Pulumi.test.yaml"
    file.write_text(content, "utf-8")
    done = CliRunner().invoke(app, ["config", "check", str(file)])
    assert done.exit_code == 1, done.output
    assert "private keys in plaintext" in done.output
    assert CODED[:40] not in done.output


def test_defaults_are_settings() -> None:
    assert parse({}, "Pulumi.test.yaml") == Settings()
