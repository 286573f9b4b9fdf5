"""The stand-in plugin `tls`."""

import datetime
import os
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from toolchain.providers.logical import Input, Kind, LogicalProvider
from toolchain.providers.plugin import Failure, PluginError, serve
from toolchain.providers.properties import plain
from toolchain.providers.tls import certificates, keys
from toolchain.providers.tls.certificates import UnusableInputError

GET_PUBLIC_KEY: Final = "tls:index/getPublicKey:getPublicKey"
CLOCK: Final = "TLS_STAND_IN_HOURS_LATER"
"""Environment variable by which tests move the plugin's clock, in hours."""

_KEY: Final = Input(str, required=True, secret=True)
_NAMES: Final = {name: Input(list) for name in ("dnsNames", "ipAddresses", "uris")}
_CERTIFICATE: Final = {
    "allowedUses": Input(list, required=True),
    "validityPeriodHours": Input(int, required=True, least=0),
    "earlyRenewalHours": Input(int, default=0, least=0, in_place=True),
    "isCaCertificate": Input(bool, default=False),
    "maxPathLength": Input(int),
    "setSubjectKeyId": Input(bool, default=False),
}
_CERTIFICATE_OUTPUTS: Final = (
    "certPem",
    "readyForRenewal",
    "validityEndTime",
    "validityStartTime",
)
_WRITE_ONLY: Final = {
    name: "write-only inputs"
    for key in ("privateKeyPem", "caPrivateKeyPem")
    for name in (f"{key}Wo", f"{key}WoVersion")
}


def now() -> datetime.datetime:
    """Return the time, moved by what a test asks for."""
    later = datetime.timedelta(hours=float(os.environ.get(CLOCK, "0")))
    return datetime.datetime.now(datetime.UTC).replace(microsecond=0) + later


def _private_key(inputs: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    return keys.describe(keys.generate(dict(inputs)))


def _outdated(state: Mapping[str, Any]) -> bool:
    return certificates.ready_for_renewal(state, state.get("earlyRenewalHours") or 0, now())


def _tried(*trials: tuple[str, Callable[[Mapping[str, Any]], object]]) -> Any:
    """Make a judge out of functions that refuse inputs, each run when its own is known."""

    def problems(inputs: Mapping[str, Any]) -> Iterator[Failure]:
        for needed, trial in trials:
            if needed in inputs:
                try:
                    trial(inputs)
                except UnusableInputError as error:
                    yield Failure(error.name, error.reason)

    return problems


def _authority_matches(inputs: Mapping[str, Any]) -> None:
    if "caPrivateKeyPem" in inputs and "caCertPem" in inputs:
        authority = certificates.load_certificate("caCertPem", inputs)
        key = certificates.load_key("caPrivateKeyPem", inputs)
        if key.public_key() != authority.public_key():
            raise UnusableInputError("caPrivateKeyPem", "is not the key of caCertPem")


def _uses(inputs: Mapping[str, Any]) -> None:
    known = certificates.KEY_USAGES.keys() | certificates.EXTENDED_KEY_USAGES.keys()
    if bad := [use for use in inputs["allowedUses"] if use not in known]:
        raise UnusableInputError(
            "allowedUses", f"holds {', '.join(map(repr, bad))}; it takes {', '.join(sorted(known))}"
        )


_SUBJECT_TRIALS: Final = (
    ("subject", lambda inputs: certificates.name(inputs["subject"])),
    *((name, certificates.alternative_names) for name in _NAMES),
    ("privateKeyPem", lambda inputs: certificates.load_key("privateKeyPem", inputs)),
)


class Tls(LogicalProvider):
    """Keys, requests and certificates."""

    name = "tls"
    kinds: Mapping[str, Kind] = {
        "tls:index/privateKey:PrivateKey": Kind(
            inputs={
                "algorithm": Input(str, required=True, choices=keys.ALGORITHMS),
                "rsaBits": Input(int, default=2048, least=1024),
                "ecdsaCurve": Input(str, default="P224", choices=tuple(keys.CURVES)),
            },
            outputs=(
                *keys.SECRETS,
                "publicKeyPem",
                "publicKeyOpenssh",
                "publicKeyFingerprintMd5",
                "publicKeyFingerprintSha256",
            ),
            compute=_private_key,
            secrets=frozenset(keys.SECRETS),
        ),
        "tls:index/certRequest:CertRequest": Kind(
            inputs={"privateKeyPem": _KEY, "subject": Input(dict), **_NAMES},
            outputs=("certRequestPem", "keyAlgorithm"),
            compute=certificates.request,
            problems=_tried(*_SUBJECT_TRIALS),
            unsupported=_WRITE_ONLY,
        ),
        "tls:index/selfSignedCert:SelfSignedCert": Kind(
            inputs={
                "privateKeyPem": _KEY,
                "subject": Input(dict),
                **_NAMES,
                **_CERTIFICATE,
                "setAuthorityKeyId": Input(bool, default=False),
            },
            outputs=(*_CERTIFICATE_OUTPUTS, "keyAlgorithm"),
            compute=lambda inputs: certificates.self_signed(inputs, now()),
            problems=_tried(*_SUBJECT_TRIALS, ("allowedUses", _uses)),
            outdated=_outdated,
            outdated_output="readyForRenewal",
            unsupported=_WRITE_ONLY,
        ),
        "tls:index/locallySignedCert:LocallySignedCert": Kind(
            inputs={
                "certRequestPem": Input(str, required=True),
                "caCertPem": Input(str, required=True),
                "caPrivateKeyPem": _KEY,
                **_CERTIFICATE,
            },
            outputs=(*_CERTIFICATE_OUTPUTS, "caKeyAlgorithm"),
            compute=lambda inputs: certificates.locally_signed(inputs, now()),
            problems=_tried(
                (
                    "certRequestPem",
                    lambda inputs: certificates.load_request("certRequestPem", inputs),
                ),
                ("caCertPem", lambda inputs: certificates.load_certificate("caCertPem", inputs)),
                (
                    "caPrivateKeyPem",
                    lambda inputs: certificates.load_key("caPrivateKeyPem", inputs),
                ),
                ("caPrivateKeyPem", _authority_matches),
                ("allowedUses", _uses),
            ),
            outdated=_outdated,
            outdated_output="readyForRenewal",
            unsupported=_WRITE_ONLY,
        ),
    }

    def invoke(self, token: str, arguments: dict[str, Any]) -> dict[str, Any]:
        """Derive the public forms of a private key."""
        if token != GET_PUBLIC_KEY:
            self.unsupported(f"the function {token}")
        given = plain(arguments)
        pem = given.get("privateKeyPem") or given.get("privateKeyOpenssh")
        if not pem:
            raise PluginError("getPublicKey takes privateKeyPem or privateKeyOpenssh")
        try:
            key = keys.load(pem)
        except keys.UnusableKeyError as error:
            raise PluginError(f"getPublicKey {error}") from None
        identity, outputs = keys.describe(key)
        public = {name: text for name, text in outputs.items() if name not in keys.SECRETS}
        return {"id": identity, "algorithm": keys.algorithm(key), **public}


if __name__ == "__main__":
    serve(Tls)
