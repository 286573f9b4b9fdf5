"""Certificates that are provided are checked as a whole, before anything is applied."""

from datetime import UTC, datetime
from functools import cache

import pytest

from preflight import certificates
from serverless_mesh.settings import Settings, SettingsError, refuse_plaintext
from tests.policy.cases import Key, certificate, private_key, private_pem, weakly_signed
from tests.stack_files import settings

DOMAIN = "apps.openshift.example.com"
NOW = datetime.now(UTC)
KEY = private_key("leaf", 2048, False)
ROOT_KEY = private_key("root", 2048, False)


@cache
def authority(key: Key = ROOT_KEY, name: str = "root", use: str = "authority") -> str:
    return certificate(name, key, name, key, [], (-1, 3650), use)


def leaf(
    names: tuple[str, ...] = (f"*.{DOMAIN}",), days: tuple[int, int] = (-1, 90), key: Key = KEY
) -> str:
    return certificate("leaf", key, "root", ROOT_KEY, list(names), days, "server")


def refused(given: Settings, found: tuple[str, str] | None = None) -> str:
    with pytest.raises(SettingsError) as caught:
        certificates.check(given, DOMAIN, found, NOW)
    assert "PRIVATE KEY" not in str(caught.value)
    return str(caught.value)


def pem(key: str = private_pem(KEY), **section: str) -> Settings:
    return settings(certificate={"from": "pem", "certificate": leaf(), **section}, privateKey=key)


def own(authority: str, key: str) -> Settings:
    return settings(certificate={"caCertificate": authority}, privateKey=key)


@pytest.mark.parametrize(
    "chain", [leaf(), leaf() + authority(), leaf(("other.example.com", f"*.{DOMAIN}"))]
)
def test_good_certificates_pass(chain: str) -> None:
    certificates.check(pem(certificate=chain, caCertificate=authority()), DOMAIN, None, NOW)
    certificates.check(pem(certificate=chain), DOMAIN, None, NOW)


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"key": private_pem(ROOT_KEY)}, "privateKey: found another certificate's key"),
        ({"key": "not a key"}, "privateKey: found"),
        ({"certificate": leaf(names=("*.apps.other.example.com",))}, f"*.{DOMAIN}"),
        ({"certificate": leaf(names=())}, "no subjectAltName"),
        ({"certificate": leaf(days=(-90, -1))}, "expired"),
        ({"certificate": leaf(days=(2, 90))}, "is valid from"),
        ({"certificate": "not a certificate"}, "no certificate in PEM"),
        ({"caCertificate": authority(KEY, "another")}, "authority"),
        ({"caCertificate": "no authority"}, "certificate.caCertificate: found no certificate"),
        ({"certificate": leaf().rstrip() + authority()}, "with something else on its line"),
        ({"certificate": leaf() + authority(use="")}, "which may not sign others"),
        ({"certificate": weakly_signed(leaf(), ROOT_KEY, "sha1")}, "is signed with SHA1"),
        (
            {
                "certificate": leaf(key=private_key("short", 1024, False)),
                "key": private_pem(private_key("short", 1024, False)),
            },
            "1024 bits",
        ),
    ],
    ids=[
        *("key", "no-key", "domain", "no-names", "expired", "not-yet", "no-pem", "chain"),
        *("no-authority", "glued", "unfit", "weak", "short"),
    ],
)
def test_a_wrong_certificate_is_refused(values: dict[str, str], said: str) -> None:
    assert said in refused(pem(**values))


@pytest.mark.parametrize(
    ("mesh", "served"),
    [
        ({}, False),
        ({"version": 3}, True),
        ({"version": 3, "istioVersion": "v1.24-latest"}, False),
        ({"version": 3, "istioVersion": "v1.25.0"}, True),
    ],
    ids=["service-mesh-2", "unknown", "older", "newer"],
)
def test_a_curve_is_judged_by_the_meshs_istio(mesh: dict[str, object], served: bool) -> None:
    key = private_key("curve", 384, True)
    section = {"from": "pem", "certificate": leaf(key=key)}
    given = settings(certificate=section, privateKey=private_pem(key), mesh=mesh)
    if served:
        certificates.check(given, DOMAIN, None, NOW)
    else:
        assert "certificate.certificate: found an EC key on secp384r1" in refused(given)


def test_an_expired_signer_that_clients_may_trust_otherwise_stops_nothing() -> None:
    old = private_key("old", 2048, False)
    crossed = certificate("root", ROOT_KEY, "old", old, [], (-9, -1), "authority")
    certificates.check(pem(certificate=leaf() + crossed), DOMAIN, None, NOW)
    given = pem(certificate=leaf() + crossed, caCertificate=authority())
    certificates.check(given, DOMAIN, None, NOW)


def test_the_names_that_a_template_makes_are_covered() -> None:
    template = "{{.Name}}.{{.Namespace}}.{{.Domain}}"
    for names, passes in (((f"*.{DOMAIN}", f"*.shop.{DOMAIN}"), True), ((f"*.{DOMAIN}",), False)):
        chosen = {"domainTemplate": template}
        made = settings(
            certificate={"subjectAltNames": names[1:]}, knative=chosen, projects=["shop"]
        )
        given = settings(
            certificate={"from": "pem", "certificate": leaf(names)},
            privateKey=private_pem(KEY),
            knative=chosen,
            projects=["shop"],
        )
        for each in (made, given):
            if passes:
                certificates.check(each, DOMAIN, None, NOW)
            else:
                said = refused(each)
                assert f"knative.domainTemplate: found {template}, which makes hello.shop." in said
                assert f"are *.{DOMAIN}: one label below the domain" in said


def test_everything_that_is_wrong_is_said_at_once() -> None:
    said = refused(pem(private_pem(ROOT_KEY), certificate=leaf(days=(-9, -1))))
    assert "expired" in said
    assert "another certificate's key" in said


def test_an_authority_must_be_one() -> None:
    certificates.check(own(authority(), private_pem(ROOT_KEY)), DOMAIN, None, NOW)
    said = refused(own(leaf(), private_pem(KEY)))
    assert "certificate.caCertificate: found a certificate that may not sign others" in said
    said = refused(own(authority(), private_pem(KEY)))
    assert "serverless-mesh:privateKey: found another certificate's key" in said


def test_an_existing_secret_is_judged_where_it_could_be_read() -> None:
    given = settings(certificate={"from": "secret"})
    certificates.check(given, DOMAIN, (leaf(), private_pem(KEY)), NOW)
    certificates.check(given, DOMAIN, None, NOW)
    said = refused(given, (leaf(days=(-9, -1)), private_pem(KEY)))
    assert "tls.crt of the Secret istio-system/wildcard-certs: found CN=leaf expired" in said
    trusting = settings(certificate={"from": "secret", "caCertificate": "no authority"})
    said = refused(trusting, (leaf(), private_pem(KEY)))
    assert "certificate.caCertificate: found no certificate" in said


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"privateKey": "x"}, "certificate.caCertificate must be set with privateKey"),
        ({"certificate.caCertificate": "x"}, "privateKey must be set with certificate.caCertif"),
        ({"certificate.from": "pem"}, "certificate.certificate must be set"),
        (
            {"certificate.from": "pem", "certificate.certificate": "x"},
            "privateKey must be set with certificate.from pem",
        ),
        ({"certificate.from": "cert-manager"}, "certificate.issuer must be set"),
        (
            {"certificate.from": "secret", "privateKey": "x"},
            "privateKey has no use with certificate.from secret",
        ),
        ({"certificate.issuer.name": "x"}, "certificate.issuer is no setting"),
    ],
)
def test_what_belongs_together_is_set_together(values: dict[str, str], said: str) -> None:
    with pytest.raises(SettingsError, match=said):
        settings(values)


def test_a_key_never_shows_in_an_error_or_a_representation() -> None:
    given = pem()
    assert private_pem(KEY) not in repr(given)
    with pytest.raises(SettingsError) as caught:
        settings(certificate={"from": "pem"}, privateKey=[private_pem(KEY)])
    assert "PRIVATE KEY" not in str(caught.value)


def test_a_key_in_plaintext_is_refused() -> None:
    refuse_plaintext({"serverless-mesh:certificate": {"certificate": leaf()}}, "Pulumi.test.yaml")
    with pytest.raises(SettingsError, match="privateKey stands in plaintext"):
        refuse_plaintext({"serverless-mesh:privateKey": "x"}, "Pulumi.test.yaml")
