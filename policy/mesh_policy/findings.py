"""What a rule can find: which object it is about, and what is wrong or is not known."""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from mesh_policy.documented.kinds import Kind
from mesh_policy.escaping import printable


class Severity(StrEnum):
    """How much a violation matters."""

    ERROR = "error"
    """Traffic is dropped, unencrypted or stolen, or the combination is not supported."""
    WARNING = "warning"
    """It works, but something that is asked for is missing, or something is at risk."""


@dataclass(frozen=True, order=True)
class Ref:
    """Which object a finding is about.

    `namespace` is empty for cluster-scoped objects. `source` is where the object was read, for
    example `gateways.yaml:12` or the URN of a stack's resource; empty for the live cluster.
    """

    kind: Kind
    namespace: str
    name: str
    api_version: str = field(default="", compare=False)
    source: str = field(default="", compare=False)

    def __str__(self) -> str:
        if self.namespace and not self.name:
            return f"{self.kind.name} in {self.namespace}"
        name = f"{self.namespace}/{self.name}" if self.namespace else self.name
        return printable(f"{self.kind.name} {name}".rstrip())


@dataclass(frozen=True)
class Violation:
    """An object breaks a rule: at `field` there is `found` where `needed` is needed.

    `related` are the other objects without which it would not; never more than a few. `severity` is
    given where it differs from the rule's own. `consequences` are what else is wrong for the same
    reason, a clause each.
    """

    ref: Ref
    field: str
    found: str
    needed: str
    related: tuple[Ref, ...] = ()
    severity: Severity | None = None
    consequences: tuple[str, ...] = ()

    def concerns(self, ref: Ref) -> bool:
        """Say whether the object `ref` has a part in it."""
        return ref == self.ref or ref in self.related

    def __str__(self) -> str:
        place = f" {self.field}" if self.field else ""
        return printable(f"{self.ref}{place}: found {self.found}; needed: {self.needed}")


@dataclass(frozen=True)
class Undetermined:
    """A rule can't tell: a value is unknown until the update, or an object is not here."""

    ref: Ref
    field: str
    why: str

    def concerns(self, ref: Ref) -> bool:
        """Say whether it is about the object `ref`."""
        return ref == self.ref

    def __str__(self) -> str:
        place = f" {self.field}" if self.field else ""
        return printable(f"{self.ref}{place}: {self.why}")


@dataclass(frozen=True)
class Unread(Undetermined):
    """A rule needs what was there to look at and could not be read, so it has not checked.

    `ref` is a kind (without a name) or an object; `why` says what happened and what to grant.
    """


Finding = Violation | Undetermined
UNTIL_UPDATE: Final = "unknown until update"
