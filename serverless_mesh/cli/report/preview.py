"""A preview as the report needs it: what becomes of each resource, and what was said."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final

from mesh_policy.documented.kinds import SECRET, Kind
from mesh_policy.findings import Ref
from mesh_policy.reading.objects import kind_of
from mesh_policy.reading.values import mapping, text


class Operation(StrEnum):
    """What becomes of a resource."""

    CREATE = "create"
    UPDATE = "update"
    REPLACE = "replace"
    DELETE = "delete"
    IMPORT = "import"
    READ = "read"
    SAME = "same"


@dataclass(frozen=True)
class State:
    """A resource before or after the update: its inputs and outputs, `HIDDEN` for each secret."""

    inputs: Mapping[str, Any]
    outputs: Mapping[str, Any]


NOTHING: Final = State({}, {})


@dataclass(frozen=True)
class Change:
    """What becomes of one resource, in the order in which the engine came to it.

    `fields` are the paths that the plugin found changed, each with the engine's word for how.
    `deleted_first` says whether a replacement leaves a moment without it; None: not known.
    """

    urn: str
    type: str
    operation: Operation
    old: State = NOTHING
    new: State = NOTHING
    fields: Mapping[str, str] = field(default_factory=dict)
    parent: str = ""
    dependencies: frozenset[str] = frozenset()
    deleted_first: bool | None = None
    retained: bool = False

    @property
    def name(self) -> str:
        """The logical name."""
        return self.urn.rpartition("::")[2]

    @property
    def is_provider(self) -> bool:
        """Whether it is the configuration of a plugin."""
        return self.type.startswith("pulumi:providers:")

    @property
    def is_made(self) -> bool:
        """Whether it is something outside of the program, rather than a group of resources."""
        return not self.is_component and not self.is_provider

    @property
    def is_patch(self) -> bool:
        """Whether it is the stack's share of an object that others own."""
        return self.is_kubernetes and self.type.endswith("Patch")

    @property
    def is_component(self) -> bool:
        """Whether it only groups others: one of this program's components, or the stack."""
        return self.type == STACK or self.type.startswith("serverlessmesh:")

    @property
    def body(self) -> Mapping[str, Any]:
        """The inputs after the update, before it where it goes."""
        return self.new.inputs or self.old.inputs

    @property
    def is_kubernetes(self) -> bool:
        """Whether it is an object of a cluster."""
        return self.type.startswith("kubernetes:") and bool(text(self.body.get("kind")))

    @property
    def ref(self) -> Ref | None:
        """Which object of a cluster it is, None where it is none."""
        if not self.is_kubernetes:
            return None
        metadata = mapping(self.body.get("metadata"))
        name = text(metadata.get("name")) or self.name
        return Ref(kind_of(self.body), text(metadata.get("namespace")), name)

    @property
    def kind(self) -> Kind | None:
        """Its kind, None where it is no object of a cluster."""
        return self.ref.kind if self.ref else None

    @property
    def is_secret(self) -> bool:
        """Whether its values are not for anybody to see, whoever forgot to mark them."""
        return self.is_provider or self.kind == SECRET

    @property
    def title(self) -> str:
        """Name it for a reader, as `Gateway shop/public` or `tls:PrivateKey key`."""
        if self.ref is not None:
            return f"{self.ref} (the stack's share)" if self.is_patch else str(self.ref)
        package, _, rest = self.type.partition(":")
        short = rest.rpartition(":")[2]
        if self.is_provider:
            return f"provider {short} {self.name}"
        return f"{package}:{short} {self.name}"


STACK: Final = "pulumi:pulumi:Stack"


@dataclass(frozen=True)
class Said:
    """What a policy of a pack reported; `level` is the engine's: advisory, mandatory, remediate."""

    policy: str
    pack: str
    level: str
    message: str
    urn: str = ""


@dataclass(frozen=True)
class Diagnostic:
    """What the engine, a plugin or the program said: `severity` is warning or error."""

    severity: str
    message: str
    urn: str = ""


@dataclass(frozen=True)
class Preview:
    """All of one preview.

    `finished` says whether the engine came to its end; `policies` whether what was read carries
    what policy packs said, and `packs` are those that ran. `ordered` says whether dependencies are
    known.
    """

    changes: tuple[Change, ...] = ()
    said: tuple[Said, ...] = ()
    diagnostics: tuple[Diagnostic, ...] = ()
    remediated: tuple[tuple[str, str], ...] = ()
    """Policies that changed what is declared, each with the resource's URN."""
    config: Mapping[str, str] = field(default_factory=dict)
    packs: tuple[str, ...] = ()
    finished: bool = False
    policies: bool = False
    ordered: bool = False

    @property
    def stack(self) -> str | None:
        """Return `<project>/<stack>` as the resources have it, None where there are none."""
        for change in self.changes:
            parts = change.urn.split("::")
            stack = parts[0].removeprefix("urn:pulumi:")
            if len(parts) > 2 and stack != parts[0]:
                return f"{parts[1]}/{stack}"
        return None

    @property
    def errors(self) -> tuple[Diagnostic, ...]:
        """What failed."""
        return tuple(each for each in self.diagnostics if each.severity == "error")
