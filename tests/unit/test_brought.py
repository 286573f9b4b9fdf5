"""Certificates that are brought along are judged as a whole, before anything is applied."""

from datetime import UTC, datetime
from functools import cache

import pytest

from components import brought
from settings import Settings, SettingsError, parse, refuse_plaintext
from tests.policy.cases import Key, certificate, private_key, private_pem

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


def settings(**values: str) -> Settings:
    return parse(values, "Pulumi.test.yaml")


def refused(given: Settings, found: tuple[str, str] | None = None) -> str:
    with pytest.raises(SettingsError) as caught:
        brought.check(given, DOMAIN, found, NOW)
    assert "PRIVATE KEY" not in str(caught.value)
    return str(caught.value)


def pem(**values: str) -> Settings:
    good = {"wildcardCertificate": leaf(), "wildcardKey": private_pem(KEY)}
    return settings(**{"wildcardFrom": "pem", **good, **values})


@pytest.mark.parametrize(
    "chain", [leaf(), leaf() + authority(), leaf(("other.example.com", f"*.{DOMAIN}"))]
)
def test_good_certificates_pass(chain: str) -> None:
    brought.check(pem(wildcardCertificate=chain, caCertificate=authority()), DOMAIN, None, NOW)
    brought.check(pem(wildcardCertificate=chain), DOMAIN, None, NOW)


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"wildcardKey": private_pem(ROOT_KEY)}, "wildcardKey: found another certificate's key"),
        ({"wildcardKey": "not a key"}, "wildcardKey: found"),
        ({"wildcardCertificate": leaf(names=("*.apps.other.example.com",))}, f"*.{DOMAIN}"),
        ({"wildcardCertificate": leaf(names=())}, "no subjectAltName"),
        ({"wildcardCertificate": leaf(days=(-90, -1))}, "expired"),
        ({"wildcardCertificate": leaf(days=(2, 90))}, "is valid from"),
        ({"wildcardCertificate": "not a certificate"}, "no certificate in PEM"),
        ({"caCertificate": authority(KEY, "another")}, "authority"),
        (
            {
                "wildcardCertificate": leaf(key=private_key("short", 1024, False)),
                "wildcardKey": private_pem(private_key("short", 1024, False)),
            },
            "1024 bits",
        ),
    ],
    ids=["key", "no-key", "domain", "no-names", "expired", "not-yet", "no-pem", "chain", "short"],
)
def test_a_wrong_certificate_is_refused(values: dict[str, str], said: str) -> None:
    assert said in refused(pem(**values))


def test_everything_that_is_wrong_is_said_at_once() -> None:
    said = refused(pem(wildcardCertificate=leaf(days=(-9, -1)), wildcardKey=private_pem(ROOT_KEY)))
    assert "expired" in said
    assert "another certificate's key" in said


def test_an_authority_must_be_one() -> None:
    good = settings(caCertificate=authority(), caKey=private_pem(ROOT_KEY))
    brought.check(good, DOMAIN, None, NOW)
    said = refused(settings(caCertificate=leaf(), caKey=private_pem(KEY)))
    assert "caCertificate: found a certificate that may not sign others" in said
    said = refused(settings(caCertificate=authority(), caKey=private_pem(KEY)))
    assert "caKey: found another certificate's key" in said


def test_an_existing_secret_is_judged_where_it_could_be_read() -> None:
    given = settings(wildcardFrom="secret")
    brought.check(given, DOMAIN, (leaf(), private_pem(KEY)), NOW)
    brought.check(given, DOMAIN, None, NOW)
    said = refused(given, (leaf(days=(-9, -1)), private_pem(KEY)))
    assert "tls.crt of the Secret istio-system/wildcard-certs: found CN=leaf expired" in said


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"caKey": "x"}, "caCertificate must be set with wildcardFrom authority"),
        ({"caCertificate": "x"}, "caKey must be set with wildcardFrom authority"),
        ({"wildcardFrom": "pem"}, "wildcardCertificate, wildcardKey must be set"),
        ({"wildcardFrom": "cert-manager"}, "issuerName must be set"),
        ({"wildcardKey": "x"}, "wildcardKey has no use with wildcardFrom authority"),
        ({"wildcardFrom": "secret", "caKey": "x"}, "caKey has no use"),
        ({"issuerName": "x"}, "issuerName has no use"),
    ],
)
def test_what_belongs_together_is_set_together(values: dict[str, str], said: str) -> None:
    with pytest.raises(SettingsError, match=said):
        settings(**values)


def test_a_key_never_shows_in_an_error_or_a_representation() -> None:
    given = pem()
    assert private_pem(KEY) not in repr(given)
    with pytest.raises(SettingsError) as caught:
        parse({"wildcardFrom": "pem", "wildcardKey": [private_pem(KEY)]}, "here")
    assert "PRIVATE KEY" not in str(caught.value)


def test_a_key_in_plaintext_is_refused() -> None:
    refuse_plaintext({"serverless-mesh:wildcardCertificate": leaf()}, "Pulumi.test.yaml")
    with pytest.raises(SettingsError, match="caKey stands in plaintext"):
        refuse_plaintext({"serverless-mesh:caKey": "x"}, "Pulumi.test.yaml")
