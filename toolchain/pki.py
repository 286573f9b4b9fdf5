"""Certificates of the local API server: one authority, a serving certificate, client identities."""

import datetime
import ipaddress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

LIFETIME: Final = datetime.timedelta(days=365)
_SERVER_NAMES: Final = (
    x509.DNSName("localhost"),
    x509.DNSName("kubernetes"),
    x509.DNSName("kubernetes.default.svc"),
    x509.IPAddress(ipaddress.ip_address("127.0.0.1")),
)


@dataclass(frozen=True)
class KeyPair:
    """Paths of a PEM certificate and its PEM key."""

    certificate: Path
    key: Path


class LocalAuthority:
    """The certificate authority of one local API server, kept in a folder of its own."""

    def __init__(self, folder: Path) -> None:
        """Load the authority of `folder`, or make one there."""
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        folder.chmod(0o700)
        self.pair = KeyPair(folder / "ca.crt", folder / "ca.key")
        if not (self.pair.certificate.exists() and self.pair.key.exists()):
            key = ec.generate_private_key(ec.SECP256R1())
            name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "local API server")])
            builder = _builder(name, name, key.public_key()).add_extension(
                x509.BasicConstraints(ca=True, path_length=0), critical=True
            )
            self._write(self.pair, key, builder.sign(key, hashes.SHA256()))

    def server(self) -> KeyPair:
        """Issue the API server's serving certificate, for 127.0.0.1 only."""
        return self._issue("apiserver", [], server=True)

    def client(self, user: str, groups: tuple[str, ...] = ()) -> KeyPair:
        """Issue a client certificate: the common name is the user, organizations are the groups."""
        return self._issue(user, list(groups), server=False)

    def signing_key(self, name: str) -> Path:
        """Make a key of its own, for service account tokens."""
        path = self._folder / f"{name}.key"
        if not path.exists():
            _write_key(path, ec.generate_private_key(ec.SECP256R1()))
        return path

    def _issue(self, name: str, organizations: list[str], *, server: bool) -> KeyPair:
        pair = KeyPair(self._folder / f"{name}.crt", self._folder / f"{name}.key")
        authority_key = serialization.load_pem_private_key(self.pair.key.read_bytes(), None)
        assert isinstance(authority_key, ec.EllipticCurvePrivateKey)
        authority = x509.load_pem_x509_certificate(self.pair.certificate.read_bytes())
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name(
            [
                *(x509.NameAttribute(NameOID.ORGANIZATION_NAME, o) for o in organizations),
                x509.NameAttribute(NameOID.COMMON_NAME, name),
            ]
        )
        usage = ExtendedKeyUsageOID.SERVER_AUTH if server else ExtendedKeyUsageOID.CLIENT_AUTH
        builder = _builder(subject, authority.subject, key.public_key()).add_extension(
            x509.ExtendedKeyUsage([usage]), critical=False
        )
        if server:
            builder = builder.add_extension(
                x509.SubjectAlternativeName(_SERVER_NAMES), critical=False
            )
        self._write(pair, key, builder.sign(authority_key, hashes.SHA256()))
        return pair

    @staticmethod
    def _write(
        pair: KeyPair, key: ec.EllipticCurvePrivateKey, certificate: x509.Certificate
    ) -> None:
        _write_key(pair.key, key)
        pair.certificate.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))


def _builder(
    subject: x509.Name, issuer: x509.Name, public_key: ec.EllipticCurvePublicKey
) -> x509.CertificateBuilder:
    now = datetime.datetime.now(datetime.UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(public_key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(minutes=5))
        .not_valid_after(now + LIFETIME)
    )


def _write_key(path: Path, key: ec.EllipticCurvePrivateKey) -> None:
    path.touch(mode=0o600)
    path.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            # The form whose public half the API server reads out of a key file by itself.
            serialization.PrivateFormat.TraditionalOpenSSL,
            serialization.NoEncryption(),
        )
    )
