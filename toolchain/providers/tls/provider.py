"""The resources and functions of the plugin `tls`, as a table."""

import datetime
import hashlib
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from toolchain.providers.logical import (
    Input,
    Kind,
    LogicalProvider,
    Outcome,
    Trial,
    UnusableInputError,
    Values,
    tried,
)
from toolchain.providers.plugin import Failure, Log, PluginError
from toolchain.providers.properties import Secret, has_unknowns, plain
from toolchain.providers.tls import certificates, inspection, keys, names

Clock = Callable[[], datetime.datetime]
Problems = Callable[[Values], Iterator[Failure]]

GET_CERTIFICATE: Final = "tls:index/getCertificate:getCertificate"
GET_PUBLIC_KEY: Final = "tls:index/getPublicKey:getPublicKey"

_TEXTS: Final = Input(list)
_FLAG: Final = Input(bool, default=False)
_NAMED: Final = {"subject": Input(dict), **dict.fromkeys(names.ALTERNATIVES, _TEXTS)}
_CERTIFICATE: Final = {
    "allowedUses": Input(list, required=True),
    "earlyRenewalHours": Input(int, default=0, least=0, change="update"),
    "isCaCertificate": _FLAG,
    "maxPathLength": Input(int, default=-1, least=-1),
    "setSubjectKeyId": _FLAG,
    "validityPeriodHours": Input(int, required=True, least=0),
}
_CERTIFICATE_OUTPUTS: Final = (
    "certPem",
    "readyForRenewal",
    "validityEndTime",
    "validityStartTime",
)
_NAMED_TRIALS: Final[tuple[Trial, ...]] = (
    (("subject",), lambda inputs: names.distinguished(inputs["subject"])),
    (("dnsNames",), lambda inputs: names.alternative({"dnsNames": inputs["dnsNames"]})),
    (("ipAddresses",), lambda inputs: names.alternative({"ipAddresses": inputs["ipAddresses"]})),
    (("uris",), lambda inputs: names.alternative({"uris": inputs["uris"]})),
)


def clock() -> datetime.datetime:
    """Return the time."""
    return datetime.datetime.now(datetime.UTC)


def kinds(now: Clock) -> Mapping[str, Kind]:
    """Return the types of resources, by their tokens."""

    def outdated(state: Values) -> bool:
        return certificates.ready_for_renewal(state, now())

    signing: tuple[Trial, ...] = (
        (("allowedUses",), certificates.usages),
        (("validityPeriodHours",), lambda inputs: certificates.validity_end(inputs, now())),
    )
    return {
        "tls:index/privateKey:PrivateKey": Kind(
            inputs={
                "algorithm": Input(str, required=True, choices=keys.ALGORITHMS),
                "ecdsaCurve": Input(str, default="P224", choices=tuple(keys.CURVES)),
                "rsaBits": Input(int, default=2048, least=1024, most=16384),
            },
            outputs=(*keys.SECRETS, *keys.PUBLIC),
            compute=_private_key,
            secrets=frozenset(keys.SECRETS),
            schema_version=1,
        ),
        "tls:index/certRequest:CertRequest": Kind(
            inputs={**_key("privateKeyPem"), **_NAMED},
            outputs=("certRequestPem", "keyAlgorithm"),
            compute=certificates.request,
            problems=_with_key("privateKeyPem", _NAMED_TRIALS),
            foreseen=_algorithm("keyAlgorithm", "privateKeyPem"),
        ),
        "tls:index/selfSignedCert:SelfSignedCert": Kind(
            inputs={
                **_key("privateKeyPem"),
                **_NAMED,
                **_CERTIFICATE,
                "setAuthorityKeyId": _FLAG,
            },
            outputs=(*_CERTIFICATE_OUTPUTS, "keyAlgorithm"),
            compute=lambda inputs: certificates.self_signed(inputs, now()),
            problems=_with_key(
                "privateKeyPem",
                (
                    *_NAMED_TRIALS,
                    *signing,
                    (("isCaCertificate",), _named_authority),
                    (
                        ("setAuthorityKeyId", "setSubjectKeyId", "isCaCertificate"),
                        _identified_authority,
                    ),
                ),
            ),
            foreseen=_certificate_algorithm("keyAlgorithm", "privateKeyPem"),
            outdated=outdated,
            outdated_output="readyForRenewal",
        ),
        "tls:index/locallySignedCert:LocallySignedCert": Kind(
            inputs={
                "caCertPem": Input(str, required=True),
                **_key("caPrivateKeyPem"),
                "certRequestPem": Input(str, required=True),
                **_CERTIFICATE,
            },
            outputs=(*_CERTIFICATE_OUTPUTS, "caKeyAlgorithm"),
            compute=lambda inputs: certificates.locally_signed(inputs, now()),
            problems=_with_key(
                "caPrivateKeyPem",
                (
                    *signing,
                    (("caCertPem",), lambda i: certificates.load_certificate("caCertPem", i)),
                    (("caCertPem", "caPrivateKeyPem"), certificates.authority),
                    (("caCertPem", "caPrivateKeyPemWo"), certificates.authority),
                    (("certRequestPem",), lambda i: certificates.load_request("certRequestPem", i)),
                    (("certRequestPem", "isCaCertificate"), _named_requested_authority),
                ),
            ),
            cautions=_no_authority,
            foreseen=_certificate_algorithm("caKeyAlgorithm", "caPrivateKeyPem"),
            outdated=outdated,
            outdated_output="readyForRenewal",
        ),
    }


def _key(name: str) -> dict[str, Input]:
    """Return the three inputs by which a private key is given."""
    return {
        name: Input(str, secret=True),
        f"{name}Wo": Input(str, secret=True, change="nothing"),
        f"{name}WoVersion": Input(int),
    }


def _with_key(name: str, trials: tuple[Trial, ...]) -> Problems:
    """Judge the private key beside the rest: given once, readable, and with its version."""
    hidden, version = f"{name}Wo", f"{name}WoVersion"
    judged = tried(
        (
            *(
                ((key,), lambda inputs: certificates.load_key(name, inputs))
                for key in (name, hidden)
            ),
            *trials,
        )
    )

    def problems(inputs: Values) -> Iterator[Failure]:
        if name not in inputs and hidden not in inputs:
            yield Failure(name, f"is required, or {hidden} in its place")
        elif name in inputs and hidden in inputs:
            yield Failure(hidden, f"is given beside {name}; it takes only one of them")
        else:
            yield from judged(inputs)
        if hidden in inputs and version not in inputs:
            yield Failure(version, f"is required beside {hidden}: its change says that the key did")

    return problems


def _named_authority(inputs: Values) -> None:
    subject = inputs.get("subject") or {}
    if inputs["isCaCertificate"] and not any(subject.values()):
        raise UnusableInputError("subject", "takes at least one field when isCaCertificate is true")


def _named_requested_authority(inputs: Values) -> None:
    request = certificates.load_request("certRequestPem", inputs)
    if inputs["isCaCertificate"] and not list(request.subject):
        raise UnusableInputError(
            "certRequestPem", "takes a request with a subject when isCaCertificate is true"
        )


def _identified_authority(inputs: Values) -> None:
    if inputs["setAuthorityKeyId"] and not (inputs["setSubjectKeyId"] or inputs["isCaCertificate"]):
        raise UnusableInputError(
            "setAuthorityKeyId", "needs setSubjectKeyId or isCaCertificate, as there is no id else"
        )


def _no_authority(inputs: Values) -> Iterator[str]:
    if not has_unknowns(inputs["caCertPem"]):
        certificate = certificates.load_certificate("caCertPem", inputs)
        if not certificates.is_authority(certificate):
            yield "caCertPem is not an authority's certificate: clients will refuse what it signs"


def _private_key(inputs: Values) -> Outcome:
    key = keys.generate(
        inputs["algorithm"], rsa_bits=inputs["rsaBits"], ecdsa_curve=inputs["ecdsaCurve"]
    )
    return keys.describe(key)


def _algorithm(output: str, name: str) -> Callable[[Values], dict[str, Any]]:
    def foreseen(inputs: Values) -> dict[str, Any]:
        if has_unknowns(inputs.get(name, inputs.get(f"{name}Wo"))):
            return {}
        return {output: keys.algorithm(certificates.load_key(name, inputs))}

    return foreseen


def _certificate_algorithm(output: str, name: str) -> Callable[[Values], dict[str, Any]]:
    algorithm = _algorithm(output, name)
    return lambda inputs: {"readyForRenewal": False, **algorithm(inputs)}


class Tls(LogicalProvider):
    """Keys, requests and certificates; `now` is the clock that they are dated and renewed by."""

    name = "tls"

    def __init__(self, log: Log, now: Clock = clock) -> None:
        super().__init__(log)
        self.kinds = kinds(now)

    def invoke(self, token: str, arguments: dict[str, Any]) -> dict[str, Any]:
        """Derive the public forms of a private key, or describe a certificate."""
        given = {name: value for name, value in plain(arguments).items() if value is not None}
        try:
            if token == GET_PUBLIC_KEY:
                return _public_key(given)
            if token == GET_CERTIFICATE:
                if "url" in given:
                    self.unsupported("getCertificate with url")
                return _certificate(given)
        except ValueError as error:
            raise PluginError(f"{token}: {error}") from None
        return super().invoke(token, given)


def _public_key(given: dict[str, Any]) -> dict[str, Any]:
    readers = {"privateKeyPem": keys.load, "privateKeyOpenssh": keys.load_openssh}
    names_given = [name for name in readers if name in given]
    if len(names_given) != 1:
        raise ValueError(f"takes exactly one of {' and '.join(readers)}")
    (name,) = names_given
    try:
        key = readers[name](given[name])
    except keys.UnusableKeyError as error:
        raise UnusableInputError(name, str(error)) from None
    identity, forms = keys.describe_public(key.public_key())
    return {
        "id": identity,
        "algorithm": keys.algorithm(key),
        **forms,
        name: Secret(given[name]),
    }


def _certificate(given: dict[str, Any]) -> dict[str, Any]:
    if "content" not in given:
        raise ValueError("takes content or url")
    if "verifyChain" in given:
        raise UnusableInputError("verifyChain", "takes no part beside content")
    try:
        found = inspection.describe(given["content"])
    except ValueError as error:
        raise UnusableInputError("content", str(error)) from None
    identity = hashlib.sha1(found["sha1Fingerprint"].encode(), usedforsecurity=False)
    return {
        "id": identity.hexdigest(),
        "certificates": [found],
        "content": given["content"],
        "verifyChain": True,
    }
