"""Settings take what a cluster, Istio, Knative and DNS take, and refuse the rest with reasons."""

import base64
import json
from pathlib import Path
from textwrap import indent
from typing import Any

import pytest
from typer.testing import CliRunner

from serverless_mesh.cli.main import app
from serverless_mesh.settings import Settings, SettingsError, check, from_config, keys, parse
from tests.policy.cases import private_key, private_pem
from tests.stack_files import nested

MAPPED = {"host": "shop.example.org", "project": "shop", "service": "hello"}
GOOD: list[tuple[str, Any]] = [
    ("appsDomain", "apps.openshift.example.com"),
    ("knative.defaultDomain", "kn.example.org"),
    ("knative.domainTemplate", "{{.Namespace}}-{{.Name}}.{{.Domain}}"),
    ("certificate.organization", "Müller & Söhne"),
    ("certificate.subjectAltNames", ["shop.example.org", "*.shop.example.org"]),
    ("certificate.days", 365),
    ("certificate.secret", "wildcard.certs-2"),
    ("certificate.secret", ".".join(["a" * 60] * 4)),
    ("knative.labelledSecrets", [{"namespace": "shop", "name": "shop.example.org-tls"}]),
    ("knative.labelledSecrets", [{"namespace": "a", "name": "x"}, {"namespace": "b", "name": "x"}]),
    ("domainMappings", [{**MAPPED, "secret": "shop.example.org"}]),
    ("mesh.namespace", "mesh"),
    ("mesh.name", "b" * 56),
    ("mesh.profiles", ["default", "small_2.1"]),
    ("mesh.drainDuration", "40000ms"),
    ("mesh.drainDuration", "1.5m"),
    ("mesh.drainDuration", "1h2m3.5s"),
    ("mesh.excludedPorts", [8444, 8022, 9090, 9091]),
    ("projects", ["shop", "2nd-shop", "kubernetes-tools", "my-knative-serving"]),
    ("kafka.bootstrapServers", ["kafka:9092", "kafka.example.com.", "10.0.0.5:9092"]),
    ("kafka.bootstrapServers", ["[fd00::5]:9092", "[fd00::6]", "Broker-1.Example.com:9093"]),
    ("kafka.partitions", 1000),
    ("verification.image", "registry.example.com:5000/team/hello_world/x:1.0"),
    ("verification.image", "openshift/hello-openshift"),
    ("verification.image", f"quay.io/x/y@sha256:{'a' * 64}"),
    ("verification.name", "h" * 55),
    ("readyTimeoutSeconds", 7200),
    ("operators.catalogSource", "redhat-operators.mirror"),
]
BAD: list[tuple[str, Any, str]] = [
    ("appsDomain", "10.0.0.5", "takes a domain"),
    ("appsDomain", "apps.exámple.com", "takes a domain"),
    ("appsDomain", "apps.example.com\n", "takes a domain"),
    ("certificate.organization", "a\x00b", "on one line"),
    ("certificate.organization", "a\nb", "on one line"),
    ("certificate.organization", "\u202eb", "on one line"),
    ("certificate.organization", "  ", "on one line"),
    ("certificate.organization", "\ud800", "half a character"),
    ("certificate.subjectAltNames", ["*.com"], "takes a host or"),
    ("certificate.subjectAltNames", ["a.*.example.com"], "takes a host or"),
    ("certificate.subjectAltNames", ["a.example.com", "a.example.com"], "a.example.com again"),
    ("certificate.caDays", 10**30, "36500"),
    ("certificate.days", 10**9, "36500"),
    ("certificate.days", 366, "certificate.days takes at most the 365 of caDays"),
    ("certificate.earlyRenewalHours", 10**20, "876000"),
    ("certificate.secret", "Wildcard", "takes a Kubernetes name"),
    ("certificate.secret", "a..b", "takes a Kubernetes name"),
    ("certificate.secret", "gateway-cacert", "does not end in -cacert"),
    ("certificate.issuer.name", "a b", "takes a Kubernetes name"),
    ("mesh.namespace", "knative-serving", "no control plane can be there"),
    ("mesh.namespace", "openshift-operators", "no control plane can be there"),
    ("mesh.namespace", "kube-system", "no control plane can be there"),
    ("mesh.name", "b" * 57, "istiod-NAME"),
    ("mesh.profiles", ["default", "../x"], "takes a word"),
    ("mesh.profiles", ["default", "default"], "default again"),
    ("mesh.drainDuration", "9999999999h", "takes a duration"),
    ("mesh.drainDuration", "\u0664\u0660s", "takes a duration"),
    ("mesh.drainDuration", "40", "takes a duration"),
    *(
        ("mesh.excludedPorts", [8444, 8022, port], "without mTLS")
        for port in (80, 443, 8012, 8013, 8080, 8081, 8112, 8443, 15001, 15006, 15090, 15443)
    ),
    ("mesh.excludedPorts", list(range(1, 65536)), "without mTLS"),
    ("mesh.excludedPorts", [8444, 8022, 8022], "8022 again"),
    *(
        ("projects", [name], "can't join the mesh")
        for name in ("istio-system", "kube-system", "openshift", "openshift-ingress")
    ),
    ("projects", ["knative-serving"], "are in it already"),
    ("projects", ["shop", "shop"], "shop again"),
    ("projects", ["shop\n"], "takes a Kubernetes name"),
    ("projects", ["shop\uff11"], "takes a Kubernetes name"),
    ("knative.labelledSecrets", [{"namespace": "a", "name": "x"}] * 2, "a/x again"),
    (
        "knative.labelledSecrets",
        [{"namespace": "istio-system", "name": "wildcard-certs"}],
        "which this stack makes",
    ),
    *(
        ("kafka.bootstrapServers", [server], "takes a bootstrap server")
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
    ("kafka.bootstrapServers", ["kafka:9092", "KAFKA.:9092"], "kafka:9092 again"),
    ("kafka.features", ["sink", "sink"], "sink again"),
    ("kafka.partitions", 10**12, "10000"),
    ("kafka.replicationFactor", 10**6, "1000"),
    ("domainMappings", [MAPPED, {**MAPPED, "project": "bank"}], "shop.example.org again"),
    ("domainMappings", [{**MAPPED, "host": "a.svc.cluster.local"}], "outside of the cluster"),
    ("domainMappings", [{**MAPPED, "service": "1st"}], "begins with a letter"),
    ("domainMappings", [{**MAPPED, "project": "kube-system"}], "takes a project"),
    ("verification.image", "Team/Hello", "takes an image"),
    ("verification.image", "hello world", "takes an image"),
    ("verification.name", "1st", "begins with a letter"),
    ("verification.name", "h" * 56, "no label of DNS has more than 63"),
    ("knative.domainTemplate", "{{.Name}}", "takes a template of Go"),
    ("knative.domainTemplate", "{{if .Name}}a{{end}}.{{.Domain}}", "takes a template of Go"),
    ("knative.domainTemplate", "{{.Name}}_{{.Namespace}}.{{.Domain}}", "takes a template of Go"),
    ("knative.defaultDomain", "*.example.org", "takes a domain"),
    ("verification.project", "openshift-ingress", "takes a project"),
    ("operators.serverlessChannel", "stable\x1b[2J", "takes a word"),
    ("operators.catalogSource", "a b", "takes a Kubernetes name"),
    ("readyTimeoutSeconds", 10**30, "86400"),
]


BESIDE: dict[str, dict[str, Any]] = {
    "kafka": {"bootstrapServers": ["kafka:9092"]},
    "verification": {"image": "hello"},
    "certificate.issuer": {"from": "cert-manager"},
}
"""What else a section must have."""


def stack_file(key: str, value: Any) -> dict[str, Any]:
    """Return the values of a stack file with this one, and what must be beside it."""
    beside = {
        f"{section.partition('.')[0]}.{name}": needed
        for section, values in BESIDE.items()
        if key.startswith(f"{section}.")
        for name, needed in values.items()
    }
    return nested({**beside, key: value})


def refused(values: dict[str, Any], secrets: frozenset[str] = frozenset()) -> str:
    with pytest.raises(SettingsError) as caught:
        parse(values, "Pulumi.test.yaml", secrets)
    return str(caught.value)


@pytest.mark.parametrize(("key", "value"), GOOD, ids=repr)
def test_what_is_right_is_taken(key: str, value: Any) -> None:
    parse(stack_file(key, value), "Pulumi.test.yaml")


@pytest.mark.parametrize(("key", "value", "said"), BAD, ids=lambda value: repr(value)[:40])
def test_what_is_wrong_is_refused_with_the_reason(key: str, value: Any, said: str) -> None:
    error = refused(stack_file(key, value))
    assert f"serverless-mesh:{key}" in error or "half a character" in error
    assert said in error
    assert all(line.isprintable() for line in error.splitlines())
    assert len(error) < 1000


def test_a_control_plane_is_in_no_project_that_joins() -> None:
    assert "mesh.namespace takes a namespace of its own" in refused(
        {"mesh": {"namespace": "mesh"}, "projects": ["mesh"]}
    )
    proving = {"verification": {"image": "hello"}, "mesh": {"namespace": "default"}}
    assert "mesh.namespace takes a namespace of its own" in refused(proving)


def test_what_does_not_fit_together_is_said_at_once() -> None:
    said = refused({"certificate": {"days": 400, "earlyRenewalHours": 9000}})
    assert "2 errors" in said
    assert "certificate.days takes at most" in said
    assert "certificate.earlyRenewalHours takes less" in said


def test_the_host_of_the_verification_is_a_name() -> None:
    domain = ".".join(["a" * 60] * 4)
    said = refused({"appsDomain": domain, "verification": {"image": "hello"}})
    assert "no name of DNS has more than 253" in said


def test_the_host_of_the_verification_is_by_the_template() -> None:
    long = {"image": "hello", "name": "h" * 40, "project": "p" * 40}
    template = "{{.Name}}.{{.Namespace}}.{{.Domain}}"
    found = {"verification": long, "knative": {"domainTemplate": template}}
    parse(found, "Pulumi.test.yaml")


def test_kafka_is_a_part_of_eventing() -> None:
    brokers = {"bootstrapServers": ["kafka.kafka:9092"]}
    said = refused({"kafka": brokers, "knative": {"eventing": False}})
    assert "kafka takes knative.eventing true, found false" in said


def test_certificates_of_an_authority_of_ones_own_have_its_days() -> None:
    own = {"caCertificate": "x", "days": 400}
    parse({"certificate": own, "privateKey": "y"}, "Pulumi.test.yaml")


def test_what_has_no_meaning_does_not_exist() -> None:
    for source, key in (("secret", "days"), ("pem", "keyBits"), ("authority", "issuer")):
        said = refused({"certificate": {"from": source, key: 1, "certificate": "x"}})
        assert f"certificate.{key} is no setting" in said


def test_the_nearest_key_is_that_of_the_section() -> None:
    said = refused({"mesh": {"namspace": "a"}, "kafka": {"bootstrapServer": []}, "knativ": {}})
    assert "mesh.namspace is no setting; did you mean mesh.namespace?" in said
    assert "did you mean kafka.bootstrapServers?" in said
    assert "knativ is no setting; did you mean knative?" in said


@pytest.mark.parametrize("value", [3, "x", [1], True])
@pytest.mark.parametrize("key", ["mesh", "certificate", "knative", "kafka", "operators"])
def test_a_section_is_one(key: str, value: Any) -> None:
    assert f"serverless-mesh:{key} takes a section" in refused({key: value})


def test_where_a_certificate_comes_from_is_one_of_four() -> None:
    said = refused({"certificate": {"from": "vault", "days": 3}})
    assert "certificate.from takes 'authority', 'pem', 'secret', 'cert-manager', found" in said


def test_an_encrypted_value_counts_as_being_there(tmp_path: Path) -> None:
    secure = {"secure": "v1:abc"}
    check(
        {
            "privateKey": secure,
            "certificate": {"from": "pem", "certificate": secure},
            "kafka": {"bootstrapServers": [secure, "kafka:9092"], "partitions": secure},
            "mesh": secure,
        },
        "Pulumi.test.yaml",
    )
    with pytest.raises(SettingsError, match=r"1 error.*\n.*kafka.features takes"):
        check({"kafka": {"bootstrapServers": [secure], "features": 3}}, "Pulumi.test.yaml")


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


@pytest.mark.parametrize(
    "section",
    [
        {"caCertificate": ""},
        {"from": "pem", "certificate": ""},
        {"from": "secret", "caCertificate": ""},
    ],
    ids=str,
)
def test_a_certificate_holds_no_key_even_as_a_secret(section: dict[str, str]) -> None:
    # It goes into an output that everybody is meant to read.
    whole = "serverless-mesh:certificate"
    for form in KEYS.values():
        given = {key: value or form for key, value in section.items()}
        with pytest.raises(SettingsError, match="has a private key in it") as caught:
            from_config({whole: json.dumps(given)}, "test", {whole})
        assert form[:60] not in str(caught.value)


@pytest.mark.parametrize("key", [key for key in keys() if key != "privateKey"])
def test_no_secret_holds_a_key_but_the_one_for_it(key: str) -> None:
    # The engine takes a section for secret as a whole, so that part of it may be in plaintext.
    whole = f"serverless-mesh:{key}"
    for value in ({"privateKey": PEM}, [PEM], {"a": [PEM]}):
        with pytest.raises(SettingsError) as caught:
            from_config({whole: json.dumps(value)}, "test", {whole})
        assert PEM[:60] not in str(caught.value)


def test_a_key_that_a_secret_section_would_take_is_refused() -> None:
    key = "serverless-mesh:certificate"
    with pytest.raises(SettingsError, match="belongs into serverless-mesh:privateKey"):
        from_config({key: json.dumps({"organization": CODED[:60]})}, "test", {key})


def test_no_error_shows_a_secret() -> None:
    key = "serverless-mesh:certificate"
    with pytest.raises(SettingsError) as caught:
        from_config({key: json.dumps({"organization": "hidden\n"})}, "test", {key})
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
        f"config:\n  serverless-mesh:certificate:\n    caCertificate: |\n{indent(PEM, '      ')}\n",
        f"config:\n  serverless-mesh:projects: [{{a: {CODED}}}]\n",
        f"config:\n  kubernetes:kubeconfig: {CODED}\n",
        f"config:\n  other:thing: {{nested: [{CODED}]}}\n",
        f"config:\n  serverless-mesh:certificate: {{organization: !!binary {CODED}}}\n",
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
