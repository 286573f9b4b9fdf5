"""The certificate authority and the wildcard certificate that encrypts traffic into the mesh.

Documentation: "Creating a certificate to encrypt incoming external traffic". Beyond it, the
wildcard certificate carries a subjectAltName, which every client of today asks for.
"""

import base64
from typing import Any, Final

import pulumi
import pulumi_tls as tls
from pulumi_kubernetes.core import v1
from pulumi_kubernetes.meta.v1 import ObjectMetaArgs
from pulumi_random import RandomUuid

from components.children import child_options
from components.names import CERTIFICATE_UID, OWNED
from settings import Settings

COMMON_NAME_LIMIT: Final = 64
"""X.509's upper bound of a common name; a longer wildcard stands in the subjectAltName alone."""


def base_domain(apps_domain: str) -> str:
    """Return the domain of the organization: the apps domain without `apps` and the cluster."""
    labels = apps_domain.split(".")
    return ".".join(labels[2:]) if len(labels) >= 4 else apps_domain


def authority_subject(settings: Settings, apps_domain: str) -> dict[str, Any]:
    """Return the subject of the certificate authority, as arguments of pulumi-tls."""
    common_name = settings.ca_common_name or base_domain(apps_domain)[:COMMON_NAME_LIMIT]
    return {"organization": settings.organization, "common_name": common_name}


def wildcard_subject(settings: Settings, apps_domain: str) -> dict[str, Any]:
    """Return the subject of the wildcard certificate, as arguments of pulumi-tls."""
    wildcard = f"*.{apps_domain}"
    common_name = {"common_name": wildcard} if len(wildcard) <= COMMON_NAME_LIMIT else {}
    return {"organization": settings.organization, **common_name}


def dns_names(settings: Settings, apps_domain: str) -> list[str]:
    """Return the names of the wildcard certificate, the wildcard first, none twice."""
    return list(dict.fromkeys([f"*.{apps_domain}", *settings.subject_alt_names]))


def encoded(text: str) -> str:
    """Encode a text for a Secret's `data`."""
    return base64.b64encode(text.encode()).decode()


class CertificateAuthority(pulumi.ComponentResource):
    """A root key and the self-signed certificate that signs the wildcard certificate.

    Outputs: `certificate_pem` (public) and `private_key_pem` (a secret, for signing only).
    """

    certificate_pem: pulumi.Output[str]
    private_key_pem: pulumi.Output[str]

    def __init__(
        self,
        name: str,
        settings: Settings,
        apps_domain: str,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("serverlessmesh:certificates:CertificateAuthority", name, None, opts)
        child = child_options(self, opts)
        key = tls.PrivateKey(f"{name}-key", algorithm="RSA", rsa_bits=settings.key_bits, opts=child)
        certificate = tls.SelfSignedCert(
            name,
            private_key_pem=key.private_key_pem,
            subject=tls.SelfSignedCertSubjectArgs(**authority_subject(settings, apps_domain)),
            validity_period_hours=settings.ca_days * 24,
            early_renewal_hours=settings.early_renewal_hours,
            is_ca_certificate=True,
            set_subject_key_id=True,
            allowed_uses=["cert_signing", "crl_signing", "digital_signature"],
            opts=child,
        )
        self.certificate_pem = certificate.cert_pem
        self.private_key_pem = key.private_key_pem
        self.register_outputs({"certificatePem": self.certificate_pem})


class WildcardCertificate(pulumi.ComponentResource):
    """The certificate for `*.<apps domain>` and the secret from which the gateway serves it.

    Outputs: `certificate_pem` (public) and `secret_name`.
    """

    certificate_pem: pulumi.Output[str]
    secret_name: pulumi.Output[str]

    def __init__(
        self,
        name: str,
        settings: Settings,
        apps_domain: str,
        authority: CertificateAuthority,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("serverlessmesh:certificates:WildcardCertificate", name, None, opts)
        child = child_options(self, opts)
        key = tls.PrivateKey(f"{name}-key", algorithm="RSA", rsa_bits=settings.key_bits, opts=child)
        request = tls.CertRequest(
            f"{name}-request",
            private_key_pem=key.private_key_pem,
            subject=tls.CertRequestSubjectArgs(**wildcard_subject(settings, apps_domain)),
            dns_names=dns_names(settings, apps_domain),
            opts=child,
        )
        certificate = tls.LocallySignedCert(
            name,
            cert_request_pem=request.cert_request_pem,
            ca_private_key_pem=authority.private_key_pem,
            ca_cert_pem=authority.certificate_pem,
            validity_period_hours=settings.certificate_days * 24,
            early_renewal_hours=settings.early_renewal_hours,
            allowed_uses=["digital_signature", "key_encipherment", "server_auth"],
            opts=child,
        )
        uid = RandomUuid("certificate-uid", opts=child)
        secret = v1.Secret(
            settings.wildcard_secret,
            metadata=ObjectMetaArgs(
                name=settings.wildcard_secret,
                namespace=settings.mesh_namespace,
                labels={CERTIFICATE_UID: uid.result},
                annotations=OWNED,
            ),
            type="kubernetes.io/tls",
            # `data` rather than `stringData`, which the API server never gives back: a refresh
            # could not compare it.
            data={
                "tls.crt": certificate.cert_pem.apply(encoded),
                "tls.key": key.private_key_pem.apply(encoded),
            },
            opts=child,
        )
        self.certificate_pem = certificate.cert_pem
        self.secret_name = secret.metadata.name
        self.register_outputs({"secretName": self.secret_name})
