"""The certificate authority and the wildcard certificate that encrypts traffic into the mesh.

Documentation: "Creating a certificate to encrypt incoming external traffic". Beyond it, the
wildcard certificate carries a subjectAltName, which every client of today asks for.
"""

import base64
from typing import Any, Final, NamedTuple

import pulumi
import pulumi_tls as tls
from pulumi_random import RandomUuid
from pydantic import SecretStr

from components.resources import Manifest, child_options, declare, ready, retained
from mesh_policy.documented.kinds import CERTIFICATE, SECRET, header
from mesh_policy.documented.names import CERTIFICATE_UID
from serverless_mesh.ingress import Ingress
from serverless_mesh.settings import (
    Certificate,
    FromAuthority,
    FromCertManager,
    FromPem,
    Issued,
    Lifecycle,
)

COMMON_NAME_LIMIT: Final = 64
"""X.509's upper bound of a common name; a longer wildcard stands in the subjectAltName alone."""


def base_domain(domain: str) -> str:
    """Return the domain of the organization: the domain without `apps` and the cluster."""
    labels = domain.split(".")
    return ".".join(labels[2:]) if len(labels) >= 4 else domain


def authority_subject(section: FromAuthority, domain: str) -> dict[str, Any]:
    """Return the subject of the certificate authority, as arguments of pulumi-tls."""
    common_name = section.ca_common_name or base_domain(domain)[:COMMON_NAME_LIMIT]
    return {"organization": section.organization, "common_name": common_name}


def wildcard_subject(section: Issued, domain: str) -> dict[str, Any]:
    """Return the subject of the wildcard certificate, as arguments of pulumi-tls."""
    wildcard = f"*.{domain}"
    common_name = {"common_name": wildcard} if len(wildcard) <= COMMON_NAME_LIMIT else {}
    return {"organization": section.organization, **common_name}


def encoded(text: str) -> str:
    """Encode a text for a Secret's `data`."""
    return base64.b64encode(text.encode()).decode()


class Place(NamedTuple):
    """Where a secret is."""

    namespace: str
    name: str


class CertificateAuthority(pulumi.ComponentResource):
    """A root key and the self-signed certificate that signs the wildcard certificate.

    Both are provided by the settings where they have them. Outputs: `certificate_pem` (public) and
    `private_key_pem` (a secret, for signing only).
    """

    certificate_pem: pulumi.Output[str]
    private_key_pem: pulumi.Output[str]

    def __init__(
        self,
        name: str,
        section: FromAuthority,
        private_key: SecretStr | None,
        domain: str,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("serverlessmesh:certificates:CertificateAuthority", name, None, opts)
        if section.ca_certificate is not None and private_key is not None:
            self.certificate_pem = pulumi.Output.from_input(section.ca_certificate)
            self.private_key_pem = pulumi.Output.secret(private_key.get_secret_value())
        else:
            self._make(name, section, domain, child_options(self, opts))
        self.register_outputs({"certificatePem": self.certificate_pem})

    def _make(
        self, name: str, section: FromAuthority, domain: str, child: pulumi.ResourceOptions
    ) -> None:
        key = tls.PrivateKey(f"{name}-key", algorithm="RSA", rsa_bits=section.key_bits, opts=child)
        certificate = tls.SelfSignedCert(
            name,
            private_key_pem=key.private_key_pem,
            subject=tls.SelfSignedCertSubjectArgs(**authority_subject(section, domain)),
            validity_period_hours=section.ca_days * 24,
            early_renewal_hours=section.early_renewal_hours,
            is_ca_certificate=True,
            set_subject_key_id=True,
            allowed_uses=["cert_signing", "crl_signing", "digital_signature"],
            opts=child,
        )
        self.certificate_pem = certificate.cert_pem
        self.private_key_pem = key.private_key_pem


class WildcardCertificate(pulumi.ComponentResource):
    """The certificate for `*.<domain>` in the secret from which the gateway serves it.

    It is signed by `authority`, or, without one, comes from where the settings say. Output:
    `authority_pem`, the certificate that clients must trust, None where it is not known.
    """

    authority_pem: pulumi.Output[str] | None

    def __init__(
        self,
        name: str,
        section: Certificate,
        private_key: SecretStr | None,
        ingress: Ingress,
        domain: str,
        lifecycle: Lifecycle,
        authority: CertificateAuthority | None = None,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("serverlessmesh:certificates:WildcardCertificate", name, None, opts)
        child = child_options(self, opts)
        place, keep = Place(ingress.namespace, section.secret), lifecycle.protect
        self.authority_pem = None
        if not isinstance(section, FromCertManager) and section.ca_certificate is not None:
            self.authority_pem = pulumi.Output.from_input(section.ca_certificate)
        match section:
            case FromAuthority():
                assert authority is not None, "it signs the certificate"
                self.authority_pem = authority.certificate_pem
                certificate, key = _signed(name, section, domain, authority, child)
                _secret(place, certificate, key, child, keep)
            case FromPem():
                assert private_key is not None, "the settings ask for both"
                key = pulumi.Output.secret(private_key.get_secret_value())
                certificate = pulumi.Output.from_input(section.certificate)
                _secret(place, certificate, key, child, keep)
            case FromCertManager():
                uid = RandomUuid("certificate-uid", opts=child)
                manifest = issued(section, ingress, domain, {CERTIFICATE_UID: uid.result})
                waiting = ready(manifest, lifecycle.ready_timeout_seconds)
                declare(section.secret, waiting, retained(child, keep))
        self.register_outputs({"authorityPem": self.authority_pem})


def _secret(
    place: Place,
    certificate: pulumi.Output[str],
    key: pulumi.Output[str],
    child: pulumi.ResourceOptions,
    keep: bool,
) -> None:
    """Declare the secret with the certificate."""
    uid = RandomUuid("certificate-uid", opts=child)
    manifest = {
        **header(SECRET),
        "metadata": {**place._asdict(), "labels": {CERTIFICATE_UID: uid.result}},
        "type": "kubernetes.io/tls",
        # `data` rather than `stringData`, which the API server never gives back: a refresh
        # could not compare it.
        "data": pulumi.Output.secret(
            {"tls.crt": certificate.apply(encoded), "tls.key": key.apply(encoded)}
        ),
    }
    secret = pulumi.ResourceOptions(additional_secret_outputs=["data"])
    opts = pulumi.ResourceOptions.merge(child, secret)
    declare(place.name, manifest, retained(opts, keep))


def _signed(
    name: str,
    section: FromAuthority,
    domain: str,
    authority: CertificateAuthority,
    child: pulumi.ResourceOptions,
) -> tuple[pulumi.Output[str], pulumi.Output[str]]:
    """Make a certificate that the authority signs; return it and its key."""
    key = tls.PrivateKey(f"{name}-key", algorithm="RSA", rsa_bits=section.key_bits, opts=child)
    request = tls.CertRequest(
        f"{name}-request",
        private_key_pem=key.private_key_pem,
        subject=tls.CertRequestSubjectArgs(**wildcard_subject(section, domain)),
        dns_names=section.names(domain),
        opts=child,
    )
    certificate = tls.LocallySignedCert(
        name,
        cert_request_pem=request.cert_request_pem,
        ca_private_key_pem=authority.private_key_pem,
        ca_cert_pem=authority.certificate_pem,
        validity_period_hours=section.days * 24,
        early_renewal_hours=section.early_renewal_hours,
        allowed_uses=["digital_signature", "key_encipherment", "server_auth"],
        opts=child,
    )
    return certificate.cert_pem, key.private_key_pem


def issued(
    section: FromCertManager, ingress: Ingress, domain: str, labels: dict[str, Any]
) -> Manifest:
    """Return the manifest by which cert-manager issues the wildcard certificate."""
    # It takes no zero; left out, it renews after two thirds of the duration.
    early = f"{section.early_renewal_hours}h" if section.early_renewal_hours else None
    return {
        **header(CERTIFICATE),
        "metadata": {"name": section.secret, "namespace": ingress.namespace},
        "spec": {
            "secretName": section.secret,
            "secretTemplate": {"labels": labels},
            "dnsNames": section.names(domain),
            "subject": {"organizations": [section.organization]},
            "duration": f"{section.days * 24}h",
            **({"renewBefore": early} if early else {}),
            "privateKey": {"algorithm": "RSA", "size": section.key_bits},
            "usages": ["digital signature", "key encipherment", "server auth"],
            "issuerRef": {
                "group": CERTIFICATE.group,
                "kind": section.issuer.kind,
                "name": section.issuer.name,
            },
        },
    }
