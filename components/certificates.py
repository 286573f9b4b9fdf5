"""The certificate authority and the wildcard certificate that encrypts traffic into the mesh.

Documentation: "Creating a certificate to encrypt incoming external traffic". Beyond it, the
wildcard certificate carries a subjectAltName, which every client of today asks for.
"""

import base64
from typing import Any, Final

import pulumi
import pulumi_tls as tls
from pulumi_random import RandomUuid

from components.names import CERTIFICATE_UID
from components.resources import Manifest, child_options, declare, ready, retained
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

    Both are brought along where the settings have them. Outputs: `certificate_pem` (public) and
    `private_key_pem` (a secret, for signing only).
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
        if settings.ca_certificate is not None and settings.ca_key is not None:
            self.certificate_pem = pulumi.Output.from_input(settings.ca_certificate)
            self.private_key_pem = pulumi.Output.secret(settings.ca_key.get_secret_value())
        else:
            self._make(name, settings, apps_domain, child_options(self, opts))
        self.register_outputs({"certificatePem": self.certificate_pem})

    def _make(
        self, name: str, settings: Settings, apps_domain: str, child: pulumi.ResourceOptions
    ) -> None:
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


class WildcardCertificate(pulumi.ComponentResource):
    """The certificate for `*.<apps domain>` in the secret from which the gateway serves it.

    It is signed by `authority`, or, without one, comes from where the settings say. Output:
    `authority_pem`, the certificate that clients must trust, None where it is not known.
    """

    authority_pem: pulumi.Output[str] | None

    def __init__(
        self,
        name: str,
        settings: Settings,
        apps_domain: str,
        authority: CertificateAuthority | None = None,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("serverlessmesh:certificates:WildcardCertificate", name, None, opts)
        child = child_options(self, opts)
        brought = settings.ca_certificate
        self.authority_pem = None if brought is None else pulumi.Output.from_input(brought)
        if authority is not None:
            self.authority_pem = authority.certificate_pem
            self._secret(settings, *_signed(name, settings, apps_domain, authority, child), child)
        match settings.wildcard_from:
            case "pem":
                assert settings.wildcard_key is not None, "the settings ask for both"
                key = pulumi.Output.secret(settings.wildcard_key.get_secret_value())
                certificate = pulumi.Output.from_input(settings.wildcard_certificate or "")
                self._secret(settings, certificate, key, child)
            case "cert-manager":
                uid = RandomUuid("certificate-uid", opts=child)
                manifest = issued(settings, apps_domain, {CERTIFICATE_UID: uid.result})
                waiting = ready(manifest, settings.ready_timeout_seconds)
                declare(settings.wildcard_secret, waiting, retained(child, settings.protect))
        self.register_outputs({"authorityPem": self.authority_pem})

    def _secret(
        self,
        settings: Settings,
        certificate: pulumi.Output[str],
        key: pulumi.Output[str],
        child: pulumi.ResourceOptions,
    ) -> None:
        uid = RandomUuid("certificate-uid", opts=child)
        manifest = {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {
                "name": settings.wildcard_secret,
                "namespace": settings.mesh_namespace,
                "labels": {CERTIFICATE_UID: uid.result},
            },
            "type": "kubernetes.io/tls",
            # `data` rather than `stringData`, which the API server never gives back: a refresh
            # could not compare it.
            "data": pulumi.Output.secret(
                {"tls.crt": certificate.apply(encoded), "tls.key": key.apply(encoded)}
            ),
        }
        secret = pulumi.ResourceOptions(additional_secret_outputs=["data"])
        opts = pulumi.ResourceOptions.merge(child, secret)
        declare(settings.wildcard_secret, manifest, retained(opts, settings.protect))


def _signed(
    name: str,
    settings: Settings,
    apps_domain: str,
    authority: CertificateAuthority,
    child: pulumi.ResourceOptions,
) -> tuple[pulumi.Output[str], pulumi.Output[str]]:
    """Make a certificate that the authority signs; return it and its key."""
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
    return certificate.cert_pem, key.private_key_pem


def issued(settings: Settings, apps_domain: str, labels: dict[str, Any]) -> Manifest:
    """Return the manifest by which cert-manager issues the wildcard certificate."""
    # It takes no zero; left out, it renews after two thirds of the duration.
    early = f"{settings.early_renewal_hours}h" if settings.early_renewal_hours else None
    return {
        "apiVersion": "cert-manager.io/v1",
        "kind": "Certificate",
        "metadata": {"name": settings.wildcard_secret, "namespace": settings.mesh_namespace},
        "spec": {
            "secretName": settings.wildcard_secret,
            "secretTemplate": {"labels": labels},
            "dnsNames": dns_names(settings, apps_domain),
            "subject": {"organizations": [settings.organization]},
            "duration": f"{settings.certificate_days * 24}h",
            **({"renewBefore": early} if early else {}),
            "privateKey": {"algorithm": "RSA", "size": settings.key_bits},
            "usages": ["digital signature", "key encipherment", "server auth"],
            "issuerRef": {
                "group": "cert-manager.io",
                "kind": settings.issuer_kind,
                "name": settings.issuer_name,
            },
        },
    }
