"""Reads the fixtures: a YAML file is a world and the findings expected of one rule in it.

The first document says what is expected and what the world is like; the others are the declared
objects. A line of `expect` is `<Kind> <namespace>/<name> <field>`, led by `unknown:` where the rule
can't tell and by `warning:` where a rule that is else an error only warns; it may be followed by
` -- ` and a part of what the finding says.

Tags: `!unknown` is a value that only the update tells; `!secret` one that Pulumi holds as a secret;
`!certificate` makes the data of a TLS secret, with keys and dates of this very run.
"""

import base64
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from mesh_policy.documented.kinds import Kind
from mesh_policy.findings import Finding, Severity, Undetermined
from mesh_policy.reading.objects import Given, StackResource, ref_of
from mesh_policy.reading.values import UNKNOWN, Secret
from mesh_policy.rule import Rule, evaluate
from mesh_policy.world import World

FIXTURES = Path(__file__).parent / "fixtures"
NOW = datetime.now(UTC)


class Loader(yaml.CSafeLoader):
    pass


def _unknown(loader: Loader, node: yaml.Node) -> Any:
    return UNKNOWN


def _secret(loader: Loader, node: yaml.Node) -> Any:
    assert isinstance(node, yaml.ScalarNode)
    return Secret(loader.construct_scalar(node))


def _certificate(loader: Loader, node: yaml.Node) -> Any:
    assert isinstance(node, yaml.MappingNode)
    return tls_data(
        **{str(name): value for name, value in loader.construct_mapping(node, deep=True).items()}
    )


Loader.add_constructor("!unknown", _unknown)
Loader.add_constructor("!certificate", _certificate)
Loader.add_constructor("!secret", _secret)
Key = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey
CURVES: dict[int, ec.EllipticCurve] = {384: ec.SECP384R1(), 521: ec.SECP521R1()}


@cache
def private_key(whose: str, bits: int, curve: bool) -> Key:
    """Make a key once; one on a curve is on P-256, unless `bits` are those of another."""
    if curve:
        return ec.generate_private_key(CURVES.get(bits, ec.SECP256R1()))
    return rsa.generate_private_key(65537, bits)


def private_pem(key: Key) -> str:
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.TraditionalOpenSSL,
        serialization.NoEncryption(),
    ).decode()


def certificate(
    subject: str,
    key: Key,
    issuer: str,
    issuer_key: Key,
    names: list[str],
    days: tuple[int, int],
    use: str,
) -> str:
    def name(common_name: str) -> x509.Name:
        return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])

    builder = (
        x509.CertificateBuilder()
        .subject_name(name(subject))
        .issuer_name(name(issuer))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(NOW + timedelta(days=days[0]))
        .not_valid_after(NOW + timedelta(days=days[1]))
    )
    if names:
        alternative = x509.SubjectAlternativeName([x509.DNSName(each) for each in names])
        builder = builder.add_extension(alternative, critical=False)
    uses = {
        "server": ExtendedKeyUsageOID.SERVER_AUTH,
        "client": ExtendedKeyUsageOID.CLIENT_AUTH,
    }
    if use == "authority":
        builder = builder.add_extension(x509.BasicConstraints(True, None), critical=True)
    if use in uses:
        builder = builder.add_extension(x509.ExtendedKeyUsage([uses[use]]), critical=False)
    return (
        builder.sign(issuer_key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM).decode()
    )


def weakly_signed(certificate: str, issuer_key: Key, weak: str) -> str:
    """Sign a certificate again with `sha1` or `md5`, which cryptography makes no more of.

    RSA with each of them has a name as long as RSA with SHA-256, so that no length changes.
    """
    assert isinstance(issuer_key, rsa.RSAPrivateKey)
    named = bytes.fromhex("2a864886f70d0101")
    last, digest = {"sha1": (b"\x05", hashes.SHA1()), "md5": (b"\x04", hashes.MD5())}[weak]
    found = x509.load_pem_x509_certificate(certificate.encode())
    signed, whole = (
        each.replace(named + b"\x0b", named + last)
        for each in (found.tbs_certificate_bytes, found.public_bytes(serialization.Encoding.DER))
    )
    signature = issuer_key.sign(signed, padding.PKCS1v15(), digest)
    coded = base64.encodebytes(whole[: -len(signature)] + signature).decode()
    return f"-----BEGIN CERTIFICATE-----\n{coded}-----END CERTIFICATE-----\n"


def tls_data(
    names: list[str] | None = None,
    common_name: str = "*.apps.openshift.example.com",
    start: int = -1,
    end: int = 364,
    bits: int = 2048,
    curve: bool = False,
    key: str = "own",
    use: str = "server",
    chain: str = "leaf",
    digest: str = "",
    authority: str = "",
    encoded: bool = True,
) -> dict[str, str]:
    """Make `tls.crt` and `tls.key`.

    `key: other` gives another certificate's key. `chain: full` adds the authority's certificate,
    `glued` without a new line before it, `crossed` as an older one, which has expired, signed it,
    and `wrong` adds another one's; `unfit` has an intermediate one that is no authority.
    `digest: sha1` or `md5` signs with that; `authority: own` or `other` fills in `ca.crt`.
    """
    own, middle = private_key("leaf", bits, curve), private_key("middle", 2048, False)
    root, other_root = private_key("root", 2048, False), private_key("other root", 2048, False)
    always = (-2, 3650)
    roots = {
        "own": certificate("root", root, "root", root, [], always, "authority"),
        "other": certificate("other", other_root, "other", other_root, [], always, "authority"),
    }
    issuer, issuer_key = ("middle", middle) if chain == "unfit" else ("root", root)
    leaf = certificate(common_name, own, issuer, issuer_key, names or [], (start, end), use)
    if digest:
        leaf = weakly_signed(leaf, issuer_key, digest)
    match chain:
        case "full":
            leaf += roots["own"]
        case "glued":
            leaf = leaf.rstrip() + roots["own"]
        case "wrong":
            leaf += roots["other"]
        case "crossed":
            leaf += certificate("root", root, "other", other_root, [], (-2, -1), "authority")
        case "unfit":
            leaf += certificate("middle", middle, "root", root, [], always, "")
    found = {
        "tls.crt": leaf,
        "tls.key": private_pem(own if key == "own" else private_key("other", 2048, False)),
    }
    if authority:
        found["ca.crt"] = roots[authority]
    if not encoded:
        return found
    return {name: base64.b64encode(value.encode()).decode() for name, value in found.items()}


@dataclass(frozen=True)
class Case:
    """A fixture: its world and what is expected of the rule."""

    path: Path
    expected: tuple[str, ...]
    world: World

    @property
    def rule(self) -> str:
        return self.path.parent.name

    @property
    def good(self) -> bool:
        return not self.expected

    @property
    def bad(self) -> bool:
        """Whether something is wrong for certain."""
        return any(not line.startswith(("unknown:", "warning:")) for line in self.expected)

    @property
    def shows(self) -> bool:
        """Whether there is something to see: an object that is declared, deleted or of a stack."""
        return bool(self.world.by_key or self.world.going or self.world.stack)

    def findings(self, rule: Rule) -> list[Finding]:
        return findings(rule, self.world)


def kind(written: str) -> Kind:
    name, _, group = written.partition(".")
    return Kind(group, name)


def load(path: Path) -> Case:
    header, *declared = yaml.load_all(path.read_text(), Loader)
    stack = [
        StackResource(each["urn"], each["type"], each["properties"])
        for each in header.get("stack", [])
    ]
    world = World.of(
        [Given(body, f"{path.name}#{index}") for index, body in enumerate(declared) if body],
        [Given(body) for body in header.get("observed", [])],
        patches=[Given(body) for body in header.get("patches", [])],
        deleted=[Given(body) for body in header.get("deleted", [])],
        owned=frozenset(map(ref_of, header["owned"])) if "owned" in header else None,
        unread={kind(name): why for name, why in header.get("unread", {}).items()},
        unseen={ref_of(each["object"]): each["why"] for each in header.get("unseen", [])},
        complete=header.get("complete", False),
        mesh=header.get("mesh"),
        stack=stack,
        now=NOW,
    )
    assert not world.malformed, world.malformed
    return Case(path, tuple(header["expect"]), world)


def summary(finding: Finding) -> str:
    """Write a finding as `expect` does."""
    if isinstance(finding, Undetermined):
        mark = "unknown: "
    else:
        mark = "warning: " if finding.severity is Severity.WARNING else ""
    return f"{mark}{finding.ref} {finding.field}".strip()


def says(finding: Finding) -> str:
    return (
        finding.why if isinstance(finding, Undetermined) else f"{finding.found} | {finding.needed}"
    )


def findings(rule: Rule, world: World) -> list[Finding]:
    return [result.finding for result in evaluate([rule], world)]


def agrees(expected: str, finding: Finding) -> bool:
    place, part = place_of(expected), expected.partition(" -- ")[2]
    return summary(finding) == place and part in says(finding)


def place_of(expected: str) -> str:
    return expected.partition(" -- ")[0].strip()


def cases(rule: str) -> list[Case]:
    """Return the fixtures of a rule."""
    return [load(path) for path in sorted((FIXTURES / rule).glob("*.yaml"))]
