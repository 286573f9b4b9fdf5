"""The stand-in plugin `tls`: its table against the SDK's, and what it answers to the engine."""

import datetime
import inspect
import json
from typing import Any

import pulumi_tls
import pytest
from cryptography import x509
from pulumi import _types
from pulumi.provider.experimental.provider import GetSchemaRequest, InvokeRequest
from pulumi.runtime import rpc

from tests.toolchain.plugin_calls import Plugin, run, secret, secrets
from toolchain.providers import keys
from toolchain.providers.logical import LogicalProvider
from toolchain.providers.tls import KEY, LOCALLY_SIGNED, REQUEST, SELF_SIGNED, kinds

START = datetime.datetime(2026, 3, 1, 12, tzinfo=datetime.UTC)


class Clock:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> datetime.datetime:
        return self.now

    def later(self, hours: float) -> None:
        self.now += datetime.timedelta(hours=hours)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def tls(clock: Clock) -> dict[str, Plugin]:
    provider = LogicalProvider("tls", kinds(clock))
    return {token: Plugin(provider, token) for token in kinds()}


PEM, OTHER = (keys.generate(2048)[1]["privateKeyPem"] for _ in range(2))
CERTIFICATE: dict[str, Any] = {
    "privateKeyPem": PEM,
    "subject": {"commonName": "example.com"},
    "validityPeriodHours": 100,
    "allowedUses": ["cert_signing"],
}


@pytest.fixture
def signing(tls: dict[str, Plugin]) -> dict[str, Any]:
    """Inputs of a certificate signed by an authority."""
    _, _, root = tls[SELF_SIGNED].create({**CERTIFICATE, "isCaCertificate": True})
    _, _, wanted = tls[REQUEST].create({"privateKeyPem": OTHER, "subject": {"commonName": "leaf"}})
    return {
        "caCertPem": root["certPem"],
        "caPrivateKeyPem": PEM,
        "certRequestPem": wanted["certRequestPem"],
        "validityPeriodHours": 10,
        "allowedUses": ["server_auth"],
    }


@pytest.fixture
def right(signing: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Inputs of each type of resource."""
    return {
        KEY: {"algorithm": "RSA"},
        REQUEST: {"privateKeyPem": PEM},
        SELF_SIGNED: CERTIFICATE,
        LOCALLY_SIGNED: signing,
    }


@pytest.mark.parametrize("token", kinds())
def test_the_table_is_the_sdks(token: str) -> None:
    name = token.rpartition(":")[2]
    args, made = getattr(pulumi_tls, f"{name}Args"), getattr(pulumi_tls, name)
    assert made.pulumi_type == token
    kind = kinds()[token]
    inputs = _types.input_type_py_to_pulumi_names(args)
    properties = set(_types.resource_py_to_pulumi_names(made).values())
    assert kind.inputs.keys() <= set(inputs.values())
    held = {*kind.inputs, *kind.outputs, *kind.defaults} - {"__meta"}
    assert properties - set(inputs.values()) <= held <= properties
    parameters = inspect.signature(args).parameters.values()
    required = {inputs[p.name] for p in parameters if p.default is inspect.Parameter.empty}
    # Of the private key and its write-only twin, which the stand-in does not take, one is.
    ours = kind.inputs.keys() - kind.defaults.keys() - kind.optional
    assert ours - required <= {"privateKeyPem", "caPrivateKeyPem"}
    assert required <= ours


def test_a_private_key_looks_as_the_official_plugin_writes_it(tls: dict[str, Plugin]) -> None:
    identity, inputs, state = tls[KEY].create({"algorithm": "RSA"})
    assert inputs == {"algorithm": "RSA"}
    assert json.loads(state["__meta"]) == {"schema_version": "1"}
    assert (state["id"], state["rsaBits"], state["ecdsaCurve"]) == (identity, 2048, "P224")
    assert secrets(state) == {"privateKeyOpenssh", "privateKeyPem", "privateKeyPemPkcs8"}
    names = {"__meta", "algorithm", "ecdsaCurve", "id", "rsaBits"}
    assert state.keys() == {*names, *keys.SECRETS, *keys.PUBLIC}


def test_a_certificate_looks_as_the_official_plugin_writes_it(tls: dict[str, Plugin]) -> None:
    identity, inputs, state = tls[SELF_SIGNED].create(CERTIFICATE)
    assert inputs == {**CERTIFICATE, "privateKeyPem": secret(PEM)}
    made = x509.load_pem_x509_certificate(state["certPem"].encode())
    assert state == {
        **inputs,
        "certPem": state["certPem"],
        "earlyRenewalHours": 0,
        "id": str(made.serial_number),
        "isCaCertificate": False,
        "keyAlgorithm": "RSA",
        "maxPathLength": -1,
        "readyForRenewal": False,
        "setAuthorityKeyId": False,
        "setSubjectKeyId": False,
        "validityEndTime": "2026-03-05T16:00:00Z",
        "validityStartTime": "2026-03-01T12:00:00Z",
    }
    assert identity == state["id"]


def test_a_preview_shows_what_it_can_know(tls: dict[str, Plugin], signing: dict[str, Any]) -> None:
    identity, _, state = tls[KEY].create({"algorithm": "RSA"}, preview=True)
    assert (identity, state["id"], state["publicKeyPem"]) == ("", rpc.UNKNOWN, rpc.UNKNOWN)
    assert state["privateKeyPem"] == secret(rpc.UNKNOWN)
    assert state["rsaBits"] == 2048
    unknown = dict.fromkeys(("caCertPem", "caPrivateKeyPem", "certRequestPem"), rpc.UNKNOWN)
    _, _, state = tls[LOCALLY_SIGNED].create({**signing, **unknown}, preview=True)
    assert (state["certPem"], state["caKeyAlgorithm"]) == (rpc.UNKNOWN, rpc.UNKNOWN)
    assert state["caPrivateKeyPem"] == secret(rpc.UNKNOWN)
    assert (state["readyForRenewal"], state["validityPeriodHours"]) == (False, 10)


def test_an_unknown_part_of_an_input_is_no_failure(tls: dict[str, Plugin]) -> None:
    inputs = {
        "privateKeyPem": PEM,
        "dnsNames": ["a", rpc.UNKNOWN],
        "subject": {"commonName": rpc.UNKNOWN},
    }
    _, _, state = tls[REQUEST].create(inputs, preview=True)
    assert state["dnsNames"] == ["a", rpc.UNKNOWN]


@pytest.mark.parametrize("token", kinds())
def test_the_same_inputs_change_nothing(
    tls: dict[str, Plugin], right: dict[str, dict[str, Any]], token: str
) -> None:
    identity, inputs, state = tls[token].create(right[token])
    assert tls[token].diff(state, inputs) == {}
    assert tls[token].read(identity, inputs, state) == (identity, inputs, state)


def test_saying_a_default_aloud_changes_nothing(tls: dict[str, Plugin]) -> None:
    _, inputs, state = tls[KEY].create({"algorithm": "RSA"})
    assert tls[KEY].diff(state, {**inputs, "rsaBits": 2048}) == {}


def test_a_state_without_the_newest_inputs_changes_nothing(tls: dict[str, Plugin]) -> None:
    _, inputs, state = tls[SELF_SIGNED].create(CERTIFICATE)
    del state["isCaCertificate"]
    assert tls[SELF_SIGNED].diff(state, inputs) == {}


CHANGES: dict[str, dict[str, Any]] = {
    KEY: {"algorithm": "ECDSA", "rsaBits": 4096},
    REQUEST: {"privateKeyPem": OTHER, "subject": {"commonName": "b"}, "dnsNames": ["b"]},
    SELF_SIGNED: {
        "privateKeyPem": OTHER,
        "subject": {"commonName": "b"},
        "allowedUses": ["crl_signing"],
        "isCaCertificate": True,
        "setSubjectKeyId": True,
        "validityPeriodHours": 101,
    },
    LOCALLY_SIGNED: {
        "caCertPem": "other",
        "caPrivateKeyPem": OTHER,
        "certRequestPem": "other",
        "allowedUses": ["crl_signing"],
        "validityPeriodHours": 11,
    },
}


@pytest.mark.parametrize(
    ("token", "name"), [(token, name) for token, given in CHANGES.items() for name in given]
)
def test_a_change_makes_a_new_one(
    tls: dict[str, Plugin], right: dict[str, dict[str, Any]], token: str, name: str
) -> None:
    _, inputs, state = tls[token].create(right[token])
    change = "UPDATE_REPLACE" if name in state else "ADD_REPLACE"
    for changed in (CHANGES[token][name], rpc.UNKNOWN):
        assert tls[token].diff(state, {**inputs, name: changed}) == {name: change}


def test_every_input_but_early_renewal_makes_a_new_one() -> None:
    for token, kind in kinds().items():
        assert kind.inputs.keys() - {"earlyRenewalHours"} == CHANGES[token].keys()


def test_early_renewal_changes_in_place_and_renews_when_due(
    tls: dict[str, Plugin], clock: Clock
) -> None:
    plugin = tls[SELF_SIGNED]
    _, inputs, state = plugin.create({**CERTIFICATE, "earlyRenewalHours": 10})
    later = {**inputs, "earlyRenewalHours": 20}
    assert plugin.diff(state, later) == {"earlyRenewalHours": "UPDATE"}
    updated = plugin.update(state, later)
    assert updated == {**state, "earlyRenewalHours": 20}
    clock.later(79)
    assert plugin.diff(updated, later) == {}
    clock.later(1)
    assert plugin.diff(updated, later) == {"readyForRenewal": "UPDATE_REPLACE"}
    # Renewed as soon as the hours are changed so that it is due, and not before.
    assert plugin.diff(state, later) == {
        "earlyRenewalHours": "UPDATE",
        "readyForRenewal": "UPDATE_REPLACE",
    }
    assert plugin.diff(updated, inputs) == {"earlyRenewalHours": "UPDATE"}


def test_a_refresh_says_that_a_certificate_is_due(
    tls: dict[str, Plugin], clock: Clock, signing: dict[str, Any]
) -> None:
    plugin = tls[LOCALLY_SIGNED]
    identity, inputs, state = plugin.create(signing)
    clock.later(9.9)
    assert plugin.read(identity, inputs, state) == (identity, inputs, state)
    clock.later(0.1)
    found = plugin.read(identity, inputs, state)
    assert found == (identity, inputs, {**state, "readyForRenewal": True})


WRONG: list[tuple[str, dict[str, Any], str, str]] = [
    (KEY, {"algorithm": None}, "algorithm", "is required"),
    (KEY, {"algorithm": "ECDSA"}, "algorithm", "takes RSA; the official plugin takes more"),
    (KEY, {"rsaBits": 512}, "rsaBits", "takes a whole number of at least 1024"),
    (KEY, {"rsaBits": "2048"}, "rsaBits", "takes a whole number"),
    (KEY, {"ecdsaCurve": "P256"}, "ecdsaCurve", "pulumi plugin install resource tls"),
    (SELF_SIGNED, {"privateKeyPem": None}, "privateKeyPem", "is required"),
    (SELF_SIGNED, {"validityPeriodHours": -1}, "validityPeriodHours", "at least 0"),
    (SELF_SIGNED, {"validityPeriodHours": True}, "validityPeriodHours", "a whole number"),
    (SELF_SIGNED, {"earlyRenewalHours": 0.5}, "earlyRenewalHours", "a whole number"),
    (SELF_SIGNED, {"isCaCertificate": "yes"}, "isCaCertificate", "takes true or false"),
    (SELF_SIGNED, {"allowedUses": ["serverAuth"]}, "allowedUses", "takes a list of digital_"),
    (SELF_SIGNED, {"subject": {"commonName": "x" * 65}}, "subject", "is refused"),
    (SELF_SIGNED, {"subject": {"country": "DE"}}, "subject", "takes organization, commonName"),
    (SELF_SIGNED, {"dnsNames": ["a"]}, "dnsNames", "pulumi plugin install resource tls"),
    (REQUEST, {"dnsNames": ["ä.com"]}, "dnsNames", "takes a list of domain names in ASCII"),
    (LOCALLY_SIGNED, {"caCertPem": "no PEM"}, "caCertPem", "takes a certificate in PEM"),
    (LOCALLY_SIGNED, {"certRequestPem": PEM}, "certRequestPem", "takes a certificate request"),
]


@pytest.mark.parametrize(
    ("token", "wrong", "name", "reason"), WRONG, ids=[f"{w[2]}-{w[3][:30]}" for w in WRONG]
)
def test_a_wrong_input_fails_the_check_by_its_name(
    tls: dict[str, Plugin],
    right: dict[str, dict[str, Any]],
    token: str,
    wrong: dict[str, Any],
    name: str,
    reason: str,
) -> None:
    assert tls[token].check(right[token])[1] == {}
    _, failures = tls[token].check({**right[token], **wrong})
    assert failures.keys() == {name}
    assert reason in failures[name]


def test_every_wrong_input_is_named_at_once(tls: dict[str, Plugin]) -> None:
    wrong = {"privateKeyPem": "no PEM", "subject": {"x": "y"}, "allowedUses": ["x"]}
    _, failures = tls[SELF_SIGNED].check({**CERTIFICATE, **wrong})
    assert failures.keys() == {"", "allowedUses", "subject"}


def test_what_is_known_is_checked_while_the_rest_is_not(
    tls: dict[str, Plugin], signing: dict[str, Any]
) -> None:
    unknown = dict.fromkeys(("caCertPem", "certRequestPem"), rpc.UNKNOWN)
    _, failures = tls[LOCALLY_SIGNED].check({**signing, **unknown, "caPrivateKeyPem": "x"})
    assert failures[""].startswith("caPrivateKeyPem ")


def test_a_secret_input_is_named_in_the_reason_alone(tls: dict[str, Plugin]) -> None:
    # Of an input that a failure names, the engine prints the value.
    _, failures = tls[REQUEST].check({"privateKeyPem": "no PEM"})
    assert failures.keys() == {""}
    assert failures[""].startswith("privateKeyPem takes an unencrypted private key")
    for value in (secret(["ä.com"]), [secret("ä.com")]):
        _, failures = tls[REQUEST].check({"privateKeyPem": PEM, "dnsNames": value})
        assert failures == {"": "dnsNames takes a list of domain names in ASCII"}


def test_no_failure_and_no_error_holds_a_key(
    tls: dict[str, Plugin], signing: dict[str, Any]
) -> None:
    body = OTHER.splitlines()[1]
    broken = OTHER.replace("-----BEGIN", "-----BEGUN")
    found = [
        tls[SELF_SIGNED].check({**CERTIFICATE, "privateKeyPem": broken})[1],
        tls[LOCALLY_SIGNED].check({**signing, "caCertPem": OTHER})[1],
        tls[LOCALLY_SIGNED].check({**signing, "unheardOf": secret(OTHER)})[1],
    ]
    assert all(found)
    assert body not in str(found)
    with pytest.raises(Exception, match="caPrivateKeyPem is not the key of caCertPem") as refused:
        tls[LOCALLY_SIGNED].create({**signing, "caPrivateKeyPem": OTHER})
    assert body not in str(refused.value)


def test_a_key_can_not_be_imported(tls: dict[str, Plugin]) -> None:
    with pytest.raises(NotImplementedError, match="only in its stack's state"):
        tls[KEY].read("some-id", {}, {})


def test_what_only_the_official_plugin_does_names_it(tls: dict[str, Plugin]) -> None:
    provider = tls[KEY].provider
    other = Plugin(provider, "tls:index/other:Other")
    official = "pulumi plugin install resource tls"
    assert official in other.check({})[1][""]
    with pytest.raises(NotImplementedError, match=official):
        other.read("some-id", {}, {"id": "some-id"})
    with pytest.raises(NotImplementedError, match=official):
        run(provider.get_schema(GetSchemaRequest(0)))
    answer = run(provider.invoke(InvokeRequest("tls:index/getPublicKey:getPublicKey", {})))
    assert official in answer.failures[0].reason
