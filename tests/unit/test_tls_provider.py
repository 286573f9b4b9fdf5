"""The stand-in plugin `tls`: its table against the SDK's, and what it answers to the engine."""

import datetime
import inspect
import json
from typing import Any

import pulumi_tls
import pytest
from cryptography import x509
from pulumi import _types

from toolchain.providers.plugin import Failure, Log, PluginError, Resource, UnsupportedError
from toolchain.providers.properties import UNKNOWN, Secret
from toolchain.providers.tls import keys, names
from toolchain.providers.tls.provider import GET_CERTIFICATE, GET_PUBLIC_KEY, Tls

START = datetime.datetime(2026, 3, 1, 12, tzinfo=datetime.UTC)
KEY = "tls:index/privateKey:PrivateKey"
REQUEST = "tls:index/certRequest:CertRequest"
SELF_SIGNED = "tls:index/selfSignedCert:SelfSignedCert"
LOCALLY_SIGNED = "tls:index/locallySignedCert:LocallySignedCert"


class Clock:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> datetime.datetime:
        return self.now

    def later(self, hours: float) -> None:
        self.now += datetime.timedelta(hours=hours)


class Warnings(Log):
    """Keeps what the user is told."""

    def __init__(self) -> None:
        super().__init__(None)
        self.said: list[str] = []

    def warning(self, resource: Resource, text: str) -> None:
        self.said.append(f"{resource.name}: {text}")


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def log() -> Warnings:
    return Warnings()


@pytest.fixture
def tls(log: Warnings, clock: Clock) -> Tls:
    return Tls(log, clock)


def resource(token: str) -> Resource:
    return Resource(f"urn:pulumi:stack::project::{token}::name")


def check(tls: Tls, token: str, **inputs: Any) -> list[Failure]:
    _, failures = tls.check(resource(token), {}, inputs)
    return failures


def create(tls: Tls, token: str, **inputs: Any) -> tuple[str, dict[str, Any], dict[str, Any]]:
    """Check and create as the engine does; return the id, the inputs kept and the state."""
    kept, failures = tls.check(resource(token), {}, inputs)
    assert failures == []
    identity, state = tls.create(resource(token), kept, preview=False, timeout=0)
    return identity, kept, state


def preview(tls: Tls, token: str, **inputs: Any) -> dict[str, Any]:
    kept, failures = tls.check(resource(token), {}, inputs)
    assert failures == []
    _, state = tls.create(resource(token), kept, preview=True, timeout=0)
    return state


def private(algorithm: str = "ED25519") -> str:
    _, forms = keys.describe(keys.generate(algorithm, rsa_bits=2048, ecdsa_curve="P256"))
    return str(forms["privateKeyPem"])


PEM, OTHER = private(), private()
CERTIFICATE: dict[str, Any] = {
    "privateKeyPem": PEM,
    "subject": {"commonName": "example.com"},
    "validityPeriodHours": 100,
    "allowedUses": ["cert_signing"],
}


@pytest.fixture
def signing(tls: Tls) -> dict[str, Any]:
    """Inputs of a certificate signed by an authority."""
    _, _, root = create(tls, SELF_SIGNED, **CERTIFICATE, isCaCertificate=True)
    _, _, wanted = create(tls, REQUEST, privateKeyPem=OTHER, subject={"commonName": "leaf"})
    return {
        "caCertPem": root["certPem"],
        "caPrivateKeyPem": PEM,
        "certRequestPem": wanted["certRequestPem"],
        "validityPeriodHours": 10,
        "allowedUses": ["server_auth"],
    }


@pytest.mark.parametrize(
    "name", ["PrivateKey", "CertRequest", "SelfSignedCert", "LocallySignedCert"]
)
def test_the_table_is_the_sdks(tls: Tls, name: str) -> None:
    args, made = getattr(pulumi_tls, f"{name}Args"), getattr(pulumi_tls, name)
    kind = tls.kinds[made.pulumi_type]
    inputs = _types.input_type_py_to_pulumi_names(args)
    outputs = set(_types.resource_py_to_pulumi_names(made).values()) - {"id", "urn"}
    assert kind.inputs.keys() == set(inputs.values())
    assert {*kind.outputs} == outputs - set(inputs.values())
    parameters = inspect.signature(args).parameters.values()
    required = {inputs[p.name] for p in parameters if p.default is inspect.Parameter.empty}
    assert {n for n, spec in kind.inputs.items() if spec.required} == required


def test_every_resource_of_the_sdk_is_there(tls: Tls) -> None:
    tokens = {
        made.pulumi_type
        for made in vars(pulumi_tls).values()
        if getattr(made, "pulumi_type", "").startswith("tls:")
    }
    assert tls.kinds.keys() == tokens


def test_the_subject_is_the_sdks() -> None:
    for args in (pulumi_tls.SelfSignedCertSubjectArgs, pulumi_tls.CertRequestSubjectArgs):
        assert names.SUBJECT.keys() == set(_types.input_type_py_to_pulumi_names(args).values())


def test_a_private_key_looks_as_the_official_plugin_writes_it(tls: Tls) -> None:
    identity, inputs, state = create(tls, KEY, algorithm="ECDSA", ecdsaCurve="P384")
    assert inputs == {"algorithm": "ECDSA", "ecdsaCurve": "P384"}
    assert json.loads(state["__meta"]) == {"schema_version": "1"}
    assert state["id"] == identity
    assert state["rsaBits"] == 2048
    secret = {name for name, value in state.items() if isinstance(value, Secret)}
    assert secret == {"privateKeyOpenssh", "privateKeyPem", "privateKeyPemPkcs8"}
    assert state.keys() == {"__meta", "id", *tls.kinds[KEY].inputs, *tls.kinds[KEY].outputs}


def test_a_certificate_looks_as_the_official_plugin_writes_it(tls: Tls) -> None:
    identity, inputs, state = create(tls, SELF_SIGNED, **CERTIFICATE)
    assert inputs == {**CERTIFICATE, "privateKeyPem": Secret(PEM)}
    made = x509.load_pem_x509_certificate(state["certPem"].encode())
    assert state == {
        **inputs,
        "certPem": state["certPem"],
        "earlyRenewalHours": 0,
        "id": str(made.serial_number),
        "isCaCertificate": False,
        "keyAlgorithm": "ED25519",
        "maxPathLength": -1,
        "readyForRenewal": False,
        "setAuthorityKeyId": False,
        "setSubjectKeyId": False,
        "validityEndTime": "2026-03-05T16:00:00Z",
        "validityStartTime": "2026-03-01T12:00:00Z",
    }
    assert identity == state["id"]


def test_a_preview_shows_what_it_can_know(tls: Tls, signing: dict[str, Any]) -> None:
    state = preview(tls, KEY, algorithm="RSA")
    assert state["privateKeyPem"] == Secret(UNKNOWN)
    assert state["publicKeyPem"] is UNKNOWN
    assert (state["ecdsaCurve"], state["rsaBits"]) == ("P224", 2048)
    state = preview(tls, SELF_SIGNED, **CERTIFICATE)
    assert (state["certPem"], state["keyAlgorithm"]) == (UNKNOWN, "ED25519")
    assert state["readyForRenewal"] is False
    assert state["id"] is UNKNOWN
    unknown = dict.fromkeys(("caCertPem", "caPrivateKeyPem", "certRequestPem"), UNKNOWN)
    state = preview(tls, LOCALLY_SIGNED, **{**signing, **unknown})
    assert (state["certPem"], state["caKeyAlgorithm"]) == (UNKNOWN, UNKNOWN)
    assert state["caPrivateKeyPem"] == Secret(UNKNOWN)


def test_an_unknown_part_of_an_input_is_no_failure(tls: Tls) -> None:
    inputs = {**CERTIFICATE, "dnsNames": ["a", UNKNOWN], "subject": {"commonName": UNKNOWN}}
    assert preview(tls, SELF_SIGNED, **inputs)["dnsNames"] == ["a", UNKNOWN]


def test_the_same_inputs_change_nothing(tls: Tls, signing: dict[str, Any]) -> None:
    for token, given in (
        (KEY, {"algorithm": "RSA"}),
        (SELF_SIGNED, CERTIFICATE),
        (LOCALLY_SIGNED, signing),
    ):
        identity, inputs, state = create(tls, token, **given)
        for kept in (inputs, {}):
            diff = tls.diff(resource(token), identity, kept, state, inputs)
            assert diff.changed == {}
        assert tls.read(resource(token), identity, inputs, state) == (identity, inputs, state)


def test_saying_a_default_aloud_changes_nothing(tls: Tls) -> None:
    identity, inputs, state = create(tls, KEY, algorithm="RSA")
    diff = tls.diff(
        resource(KEY), identity, inputs, state, {**inputs, "rsaBits": 2048, "ecdsaCurve": "P224"}
    )
    assert diff.changed == {}


def test_a_state_without_the_newest_inputs_changes_nothing(tls: Tls) -> None:
    identity, inputs, state = create(tls, SELF_SIGNED, **CERTIFICATE)
    older = {name: value for name, value in state.items() if name != "maxPathLength"}
    assert tls.diff(resource(SELF_SIGNED), identity, inputs, older, inputs).changed == {}


CHANGES: dict[str, dict[str, Any]] = {
    KEY: {"algorithm": "ECDSA", "ecdsaCurve": "P521", "rsaBits": 4096},
    REQUEST: {
        "privateKeyPem": OTHER,
        "privateKeyPemWoVersion": 2,
        "subject": {"commonName": "b"},
        "dnsNames": ["b"],
        "ipAddresses": ["::1"],
        "uris": ["a:b"],
    },
    SELF_SIGNED: {
        "privateKeyPem": OTHER,
        "privateKeyPemWoVersion": 2,
        "subject": {"commonName": "b"},
        "dnsNames": ["b"],
        "ipAddresses": ["::1"],
        "uris": ["a:b"],
        "allowedUses": ["crl_signing"],
        "isCaCertificate": True,
        "maxPathLength": 1,
        "setAuthorityKeyId": True,
        "setSubjectKeyId": True,
        "validityPeriodHours": 101,
    },
    LOCALLY_SIGNED: {
        "caCertPem": "other",
        "caPrivateKeyPem": OTHER,
        "caPrivateKeyPemWoVersion": 2,
        "certRequestPem": "other",
        "allowedUses": ["crl_signing"],
        "isCaCertificate": True,
        "maxPathLength": 1,
        "setSubjectKeyId": True,
        "validityPeriodHours": 11,
    },
}


@pytest.mark.parametrize(
    ("token", "name"), [(token, name) for token, given in CHANGES.items() for name in given]
)
def test_a_change_makes_a_new_one(tls: Tls, signing: dict[str, Any], token: str, name: str) -> None:
    given = {
        KEY: {"algorithm": "RSA"},
        REQUEST: {"privateKeyPem": PEM},
        SELF_SIGNED: CERTIFICATE,
        LOCALLY_SIGNED: signing,
    }[token]
    identity, inputs, state = create(tls, token, **given)
    for changed in (CHANGES[token][name], UNKNOWN):
        diff = tls.diff(resource(token), identity, inputs, state, {**inputs, name: changed})
        assert diff.changed.keys() == {name}
        assert list(diff.replaces) == [name]
        assert not diff.delete_before_replace


def test_every_input_but_two_makes_a_new_one(tls: Tls) -> None:
    for token, kind in tls.kinds.items():
        others = {n for n, spec in kind.inputs.items() if spec.change != "replace"}
        assert kind.inputs.keys() - others == CHANGES[token].keys()
        assert others <= {"earlyRenewalHours", "privateKeyPemWo", "caPrivateKeyPemWo"}


def test_early_renewal_changes_in_place_and_renews_when_due(tls: Tls, clock: Clock) -> None:
    identity, inputs, state = create(tls, SELF_SIGNED, **CERTIFICATE, earlyRenewalHours=10)
    later = {**inputs, "earlyRenewalHours": 20}
    assert tls.diff(resource(SELF_SIGNED), identity, inputs, state, later).replaces == []
    updated = tls.update(resource(SELF_SIGNED), identity, state, later, preview=False, timeout=0)
    assert updated == {**state, "earlyRenewalHours": 20}
    clock.later(79)
    assert tls.diff(resource(SELF_SIGNED), identity, later, updated, later).changed == {}
    clock.later(1)
    diff = tls.diff(resource(SELF_SIGNED), identity, later, updated, later)
    assert (dict(diff.changed), list(diff.replaces)) == (
        {"readyForRenewal": "update"},
        ["readyForRenewal"],
    )
    # Renewed as soon as the hours are changed so that it is due, and not before.
    diff = tls.diff(resource(SELF_SIGNED), identity, inputs, state, later)
    assert diff.changed.keys() == {"earlyRenewalHours", "readyForRenewal"}
    diff = tls.diff(resource(SELF_SIGNED), identity, later, updated, inputs)
    assert list(diff.replaces) == []


def test_a_refresh_says_that_a_certificate_is_due(
    tls: Tls, clock: Clock, signing: dict[str, Any]
) -> None:
    identity, inputs, state = create(tls, LOCALLY_SIGNED, **signing)
    clock.later(9.9)
    assert tls.read(resource(LOCALLY_SIGNED), identity, inputs, state) == (identity, inputs, state)
    clock.later(0.1)
    found = tls.read(resource(LOCALLY_SIGNED), identity, inputs, state)
    assert found == (identity, inputs, {**state, "readyForRenewal": True})


def test_a_write_only_key_stays_out_of_the_outputs(tls: Tls) -> None:
    given = {"subject": {"commonName": "a"}, "privateKeyPemWo": PEM, "privateKeyPemWoVersion": 1}
    identity, inputs, state = create(tls, REQUEST, **given)
    assert inputs["privateKeyPemWo"] == Secret(PEM)
    assert state.keys() == {
        *("certRequestPem", "id", "keyAlgorithm", "privateKeyPemWoVersion", "subject")
    }
    assert state["privateKeyPemWoVersion"] == 1
    assert state["keyAlgorithm"] == "ED25519"
    other = {**inputs, "privateKeyPemWo": Secret(OTHER)}
    assert tls.diff(resource(REQUEST), identity, inputs, state, other).changed == {}
    bumped = {**other, "privateKeyPemWoVersion": 2}
    diff = tls.diff(resource(REQUEST), identity, inputs, state, bumped)
    assert list(diff.replaces) == ["privateKeyPemWoVersion"]


WRONG: list[tuple[str, dict[str, Any], str, str]] = [
    (KEY, {"algorithm": None}, "algorithm", "is required"),
    (KEY, {"algorithm": "DSA"}, "algorithm", "takes one of RSA, ECDSA, ED25519, found 'DSA'"),
    (KEY, {"ecdsaCurve": "P25519"}, "ecdsaCurve", "takes one of P224, P256, P384, P521"),
    (KEY, {"rsaBits": 512}, "rsaBits", "takes at least 1024, found 512"),
    (KEY, {"rsaBits": 1 << 20}, "rsaBits", "takes at most 16384"),
    (KEY, {"rsaBits": "2048"}, "rsaBits", "takes a whole number, found a text"),
    (KEY, {"bits": 2048}, "bits", "is no input of this resource; it takes algorithm,"),
    (SELF_SIGNED, {"privateKeyPem": None}, "privateKeyPem", "or privateKeyPemWo in its place"),
    (SELF_SIGNED, {"privateKeyPem": "no PEM"}, "privateKeyPem", "private key in PEM"),
    (
        SELF_SIGNED,
        {"privateKeyPemWo": OTHER, "privateKeyPemWoVersion": 1},
        "privateKeyPemWo",
        "is given beside privateKeyPem",
    ),
    (
        SELF_SIGNED,
        {"privateKeyPem": None, "privateKeyPemWo": PEM},
        "privateKeyPemWoVersion",
        "is required beside privateKeyPemWo",
    ),
    (SELF_SIGNED, {"validityPeriodHours": -1}, "validityPeriodHours", "takes at least 0, found -1"),
    (SELF_SIGNED, {"validityPeriodHours": 10**9}, "validityPeriodHours", "beyond the year 9999"),
    (SELF_SIGNED, {"validityPeriodHours": True}, "validityPeriodHours", "found true or false"),
    (SELF_SIGNED, {"earlyRenewalHours": -1}, "earlyRenewalHours", "takes at least 0, found -1"),
    (SELF_SIGNED, {"maxPathLength": -2}, "maxPathLength", "takes at least -1, found -2"),
    (SELF_SIGNED, {"allowedUses": ["serverAuth"]}, "allowedUses", "holds 'serverAuth'; it takes"),
    (SELF_SIGNED, {"allowedUses": [1]}, "allowedUses", "takes a list of texts, found one with"),
    (SELF_SIGNED, {"dnsNames": ["ä.com"]}, "dnsNames", "holds 'ä.com'"),
    (SELF_SIGNED, {"dnsNames": "a.com"}, "dnsNames", "takes a list of texts, found a text"),
    (SELF_SIGNED, {"ipAddresses": ["1.2.3"]}, "ipAddresses", "holds '1.2.3'"),
    (SELF_SIGNED, {"uris": ["ä:b"]}, "uris", "holds 'ä:b'"),
    (SELF_SIGNED, {"subject": {"country": "DEU"}}, "subject.country", "is refused"),
    (SELF_SIGNED, {"subject": {}, "isCaCertificate": True}, "subject", "takes at least one field"),
    (
        SELF_SIGNED,
        {"setAuthorityKeyId": True},
        "setAuthorityKeyId",
        "needs setSubjectKeyId or isCaCertificate",
    ),
    (LOCALLY_SIGNED, {"caCertPem": "no PEM"}, "caCertPem", "takes a certificate in PEM"),
    (LOCALLY_SIGNED, {"certRequestPem": PEM}, "certRequestPem", "takes a certificate request"),
    (LOCALLY_SIGNED, {"caPrivateKeyPem": OTHER}, "caPrivateKeyPem", "is not the key of caCertPem"),
]


@pytest.mark.parametrize(
    ("token", "wrong", "name", "reason"), WRONG, ids=[f"{w[2]}-{w[3][:30]}" for w in WRONG]
)
def test_a_wrong_input_fails_the_check_by_its_name(
    tls: Tls, signing: dict[str, Any], token: str, wrong: dict[str, Any], name: str, reason: str
) -> None:
    right = {KEY: {"algorithm": "RSA"}, SELF_SIGNED: CERTIFICATE, LOCALLY_SIGNED: signing}[token]
    assert check(tls, token, **right) == []
    (failure,) = check(tls, token, **{**right, **wrong})
    assert f"{failure.name} {failure.reason}".strip().startswith(f"{name} ")
    assert reason in failure.reason


def test_every_wrong_input_is_named_at_once(tls: Tls) -> None:
    wrong = {"privateKeyPem": "no PEM", "dnsNames": ["ä"], "uris": ["ä"], "allowedUses": ["x"]}
    found = check(tls, SELF_SIGNED, **{**CERTIFICATE, **wrong})
    assert [failure.name for failure in found] == ["", "allowedUses", "dnsNames", "uris"]
    assert found[0].reason.startswith("privateKeyPem ")


def test_what_is_known_is_judged_while_the_rest_is_not(tls: Tls, signing: dict[str, Any]) -> None:
    given = {**signing, "caCertPem": UNKNOWN, "certRequestPem": UNKNOWN, "caPrivateKeyPem": "x"}
    (failure,) = check(tls, LOCALLY_SIGNED, **given)
    assert failure.reason.startswith("caPrivateKeyPem ")


@pytest.mark.parametrize("name", ["privateKeyPem", "privateKeyPemWo"])
def test_a_secret_input_is_named_in_the_reason_alone(tls: Tls, name: str) -> None:
    # Of an input that a failure names, the engine prints the value.
    given = {**CERTIFICATE, "privateKeyPem": None, "privateKeyPemWoVersion": 1, name: "no PEM"}
    (failure,) = check(tls, SELF_SIGNED, **given)
    assert failure.name == ""
    assert failure.reason.startswith(f"{name} ")


def test_nothing_is_said_of_what_a_user_made_secret(tls: Tls) -> None:
    for value in (Secret(["10.0.0.999"]), [Secret("10.0.0.999")]):
        (failure,) = check(tls, SELF_SIGNED, **{**CERTIFICATE, "ipAddresses": value})
        assert failure.name == ""
        assert failure.reason.startswith("ipAddresses ")
        assert "999" not in failure.reason


def test_no_failure_and_no_error_holds_a_key(tls: Tls, signing: dict[str, Any]) -> None:
    body = OTHER.splitlines()[1]
    broken = OTHER.replace("-----BEGIN", "-----BEGUN")
    found = [
        *check(tls, SELF_SIGNED, **{**CERTIFICATE, "privateKeyPem": broken}),
        *check(tls, SELF_SIGNED, **{**CERTIFICATE, "privateKeyPem": [OTHER]}),
        *check(tls, LOCALLY_SIGNED, **{**signing, "caCertPem": OTHER}),
        *check(tls, LOCALLY_SIGNED, **{**signing, "caPrivateKeyPem": OTHER}),
    ]
    assert len(found) == 4
    assert body not in repr(found)
    assert body not in repr(create(tls, SELF_SIGNED, **{**CERTIFICATE, "privateKeyPem": OTHER}))
    with pytest.raises(PluginError) as refused:
        tls.create(
            resource(LOCALLY_SIGNED),
            {**signing, "caPrivateKeyPem": Secret(OTHER)},
            preview=False,
            timeout=0,
        )
    assert "caPrivateKeyPem is not the key of caCertPem" in str(refused.value)
    assert body not in str(refused.value)


def test_signing_as_no_authority_is_warned_of(
    tls: Tls, log: Warnings, signing: dict[str, Any]
) -> None:
    create(tls, LOCALLY_SIGNED, **signing)
    assert log.said == []
    _, _, plain_one = create(tls, SELF_SIGNED, **CERTIFICATE)
    create(tls, LOCALLY_SIGNED, **{**signing, "caCertPem": plain_one["certPem"]})
    (warning,) = log.said
    assert "caCertPem is not an authority's certificate" in warning


def test_a_key_can_not_be_imported(tls: Tls) -> None:
    with pytest.raises(PluginError, match="only in the state of its stack"):
        tls.read(resource(KEY), "some-id", {}, {})


def test_other_resources_name_the_official_plugin(tls: Tls) -> None:
    with pytest.raises(UnsupportedError, match="pulumi plugin install resource tls"):
        check(tls, "tls:index/other:Other")


@pytest.mark.parametrize("algorithm", keys.ALGORITHMS)
def test_a_public_key_comes_from_either_form(tls: Tls, algorithm: str) -> None:
    identity, _, state = create(tls, KEY, algorithm=algorithm, ecdsaCurve="P256")
    forms = {name: state[name] for name in keys.PUBLIC}
    for name in ("privateKeyPem", "privateKeyOpenssh"):
        answer = tls.invoke(GET_PUBLIC_KEY, {name: state[name]})
        assert answer == {"id": identity, "algorithm": algorithm, **forms, name: state[name]}


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ({}, "exactly one of"),
        ({"privateKeyPem": PEM, "privateKeyOpenssh": PEM}, "exactly one of"),
        ({"privateKeyPem": "x"}, "privateKeyPem takes an unencrypted private key"),
    ],
)
def test_no_public_key_comes_of_nothing(tls: Tls, arguments: dict[str, Any], reason: str) -> None:
    with pytest.raises(PluginError, match=reason):
        tls.invoke(GET_PUBLIC_KEY, arguments)


def test_a_certificate_is_described(tls: Tls, signing: dict[str, Any]) -> None:
    root = signing["caCertPem"]
    answer = tls.invoke(GET_CERTIFICATE, {"content": root})
    made = x509.load_pem_x509_certificate(root.encode())
    (found,) = answer["certificates"]
    described = set(_types.output_type_types(pulumi_tls.outputs.GetCertificateCertificateResult))
    assert {n.replace("_", "").lower() for n in described} == {n.lower() for n in found}
    assert found == {
        "certPem": root,
        "isCa": True,
        "issuer": "CN=example.com",
        "maxPathLength": -1,
        "notAfter": "2026-03-05T16:00:00Z",
        "notBefore": "2026-03-01T12:00:00Z",
        "publicKeyAlgorithm": "Ed25519",
        "serialNumber": str(made.serial_number),
        "sha1Fingerprint": found["sha1Fingerprint"],
        "signatureAlgorithm": "Ed25519",
        "subject": "CN=example.com",
        "version": 3,
    }
    assert answer["content"] == root


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ({}, "content or url"),
        ({"content": "x"}, "content takes a certificate in PEM"),
        ({"content": "x", "verifyChain": False}, "verifyChain"),
        ({"url": "https://example.com"}, "pulumi plugin install resource tls"),
    ],
)
def test_no_certificate_is_described_of_nothing(
    tls: Tls, arguments: dict[str, Any], reason: str
) -> None:
    with pytest.raises(PluginError, match=reason):
        tls.invoke(GET_CERTIFICATE, arguments)


def test_other_functions_name_the_official_plugin(tls: Tls) -> None:
    with pytest.raises(UnsupportedError, match="pulumi plugin install resource tls"):
        tls.invoke("tls:index/getOther:getOther", {})
