"""No private key stands in plaintext, in a stack's state or in a ConfigMap."""

import re
from collections.abc import Iterator
from typing import Any, Final

from mesh_policy.documented.kinds import CONFIG_MAP, Kind
from mesh_policy.documented.sections import CERTIFICATE_SECTION
from mesh_policy.findings import Finding, Ref, Severity, Undetermined, Violation
from mesh_policy.reading.objects import StackResource
from mesh_policy.reading.private_keys import holds_private_key
from mesh_policy.reading.values import UNKNOWN, walk
from mesh_policy.rule import Rule
from mesh_policy.world import World

_KEY_NAME: Final = re.compile(r"(?i)private_?key(_?pem)?(_?openssh|_?pkcs8)?$")


def check(world: World) -> Iterator[Finding]:
    """Check the properties of the stack's resources, and the ConfigMaps that are here."""
    for resource in world.stack:
        yield from _resource(resource)
    for item in world.objects(CONFIG_MAP):
        for path, value in walk(item.body):
            if _is_key(value):
                yield item.breaks(path, "a private key in plaintext", "a Secret for it")


def _resource(resource: StackResource) -> Iterator[Finding]:
    ref = Ref(Kind("", resource.type), "", resource.urn.rpartition("::")[2], source=resource.urn)
    for path, value in walk(resource.properties):
        if value is UNKNOWN and _KEY_NAME.search(path):
            yield Undetermined(ref, path, "unknown until update")
        elif _is_key(value):
            found = "a private key in plaintext"
            yield Violation(ref, path, found, "a secret: pulumi.Output.secret, or config --secret")


def _is_key(value: Any) -> bool:
    # A value that Pulumi holds as a secret is no text here.
    return isinstance(value, str) and holds_private_key(value)


RULE = Rule(
    id="no-plaintext-keys",
    title="No private key stands in plaintext",
    severity=Severity.ERROR,
    why=(
        "A stack's state, its previews and its ConfigMaps are read by many. Whoever reads the key "
        "can play the ingress gateway, or, with the authority's, anybody."
    ),
    remedy=(
        "Mark the value as a secret in the program, set it with `pulumi config set --secret`, or "
        "keep it in a Kubernetes Secret. Then replace the key: the old one has been seen."
    ),
    section=CERTIFICATE_SECTION,
    kinds=frozenset(),
    check=check,
    # There may be very many, and what others keep in theirs is no part of a stack.
    check_only=frozenset({CONFIG_MAP}),
    harmful=True,
    exemptible=False,
)
