"""Stand-in for the official plugin `tls`: RSA keys, requests and certificates."""

import datetime
from collections.abc import Callable, Mapping
from typing import Any, Final

from toolchain.providers import certificates, keys
from toolchain.providers.logical import RENEWAL, Check, Kind, LogicalProvider, serve

KEY: Final = "tls:index/privateKey:PrivateKey"
REQUEST: Final = "tls:index/certRequest:CertRequest"
SELF_SIGNED: Final = "tls:index/selfSignedCert:SelfSignedCert"
LOCALLY_SIGNED: Final = "tls:index/locallySignedCert:LocallySignedCert"

_OUTPUTS: Final = ("certPem", "validityEndTime", "validityStartTime")


def clock() -> datetime.datetime:
    """Return the time."""
    return datetime.datetime.now(datetime.UTC)


def kinds(now: Callable[[], datetime.datetime] = clock) -> Mapping[str, Kind]:
    """Return the types of resources; `now` is the clock that they are dated and renewed by."""
    signing: dict[str, Check] = {
        "allowedUses": certificates.usages,
        "earlyRenewalHours": _at_least(0),
        "validityPeriodHours": _at_least(0),
    }
    defaults = {
        "earlyRenewalHours": 0,
        "isCaCertificate": False,
        "maxPathLength": -1,
        "setSubjectKeyId": False,
        # A certificate that is due already is renewed by the next update, not said to be due now.
        RENEWAL: False,
    }
    in_place = frozenset({"earlyRenewalHours"})
    return {
        KEY: Kind(
            inputs={"algorithm": _rsa, "rsaBits": _at_least(1024)},
            outputs=(*keys.SECRETS, *keys.PUBLIC),
            compute=lambda inputs: keys.generate(inputs["rsaBits"]),
            # The official plugin finds the version of its schema there.
            defaults={"__meta": '{"schema_version":"1"}', "ecdsaCurve": "P224", "rsaBits": 2048},
            secrets=frozenset(keys.SECRETS),
        ),
        REQUEST: Kind(
            inputs={
                "privateKeyPem": keys.load,
                "subject": certificates.distinguished,
                "dnsNames": certificates.alternative,
            },
            outputs=("certRequestPem", "keyAlgorithm"),
            compute=certificates.request,
            optional=frozenset({"subject", "dnsNames"}),
            secrets=frozenset({"privateKeyPem"}),
        ),
        SELF_SIGNED: Kind(
            inputs={
                "privateKeyPem": keys.load,
                "subject": certificates.distinguished,
                "isCaCertificate": _flag,
                "setSubjectKeyId": _flag,
                **signing,
            },
            outputs=(*_OUTPUTS, "keyAlgorithm"),
            compute=lambda inputs: certificates.self_signed(inputs, now()),
            defaults={**defaults, "setAuthorityKeyId": False},
            optional=frozenset({"subject"}),
            in_place=in_place,
            secrets=frozenset({"privateKeyPem"}),
            due=lambda state: certificates.ready_for_renewal(state, now()),
        ),
        LOCALLY_SIGNED: Kind(
            inputs={
                "caCertPem": certificates.load,
                "caPrivateKeyPem": keys.load,
                "certRequestPem": certificates.load_request,
                **signing,
            },
            outputs=(*_OUTPUTS, "caKeyAlgorithm"),
            compute=lambda inputs: certificates.locally_signed(inputs, now()),
            defaults=defaults,
            in_place=in_place,
            secrets=frozenset({"caPrivateKeyPem"}),
            due=lambda state: certificates.ready_for_renewal(state, now()),
        ),
    }


def _rsa(value: Any) -> None:
    if value != "RSA":
        raise ValueError("takes RSA; the official plugin takes more")


def _flag(value: Any) -> None:
    if not isinstance(value, bool):
        raise ValueError("takes true or false")


def _at_least(least: int) -> Check:
    def check(value: Any) -> None:
        if type(value) is not int or value < least:
            raise ValueError(f"takes a whole number of at least {least}")

    return check


if __name__ == "__main__":
    serve(LogicalProvider("tls", kinds()))
