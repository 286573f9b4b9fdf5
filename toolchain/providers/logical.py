"""Resources without a remote side: computed once from their inputs and kept in the state.

Both `tls` and `random` have only such resources. A change of an input makes a new one, but for
inputs that only say when that happens; reading gives the state, and deleting does nothing. A table
of kinds says the rest. Inputs and states look as the official plugins write them: the inputs hold
what was given, the state also the defaults, the id and the version of the official schema.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from toolchain.providers.plugin import (
    Diff,
    Failure,
    PluginError,
    Provider,
    Resource,
    UnsupportedError,
)
from toolchain.providers.properties import UNKNOWN, Secret, Unknown, has_unknowns, plain

Values = Mapping[str, Any]
"""Inputs or outputs by name, in plain Python."""
Outcome = tuple[str, dict[str, Any]]
"""A resource's id and its computed outputs."""

Trial = tuple[tuple[str, ...], Callable[[Values], object]]
"""The names of the inputs that a judgement needs, and the judgement, which raises."""

_TYPES: Final = {
    str: "a text",
    int: "a whole number",
    bool: "true or false",
    list: "a list of texts",
    dict: "a mapping",
}


class UnusableInputError(ValueError):
    """An input can't be used; says which one and why."""

    def __init__(self, name: str, reason: str) -> None:
        super().__init__(f"{name} {reason}")
        self.name = name
        self.reason = reason


def tried(trials: Iterable[Trial]) -> Callable[[Values], Iterator[Failure]]:
    """Make a judge of the inputs of functions that raise `UnusableInputError`.

    Each is called when all the inputs that it needs are there and known.
    """

    def problems(inputs: Values) -> Iterator[Failure]:
        for needed, trial in trials:
            if all(name in inputs and not has_unknowns(inputs[name]) for name in needed):
                try:
                    trial(inputs)
                except UnusableInputError as error:
                    yield Failure(error.name, error.reason)

    return problems


@dataclass(frozen=True)
class Input:
    """One input: the Python type of its value, and what it is when it is left out.

    `change` says what another value does: make a new resource, update the state in place, or
    nothing at all. An input whose change does nothing is write-only: it stays out of the outputs.
    """

    type: type[Any]
    required: bool = False
    default: Any = None
    secret: bool = False
    change: Literal["replace", "update", "nothing"] = "replace"
    choices: tuple[Any, ...] = ()
    least: int | None = None
    most: int | None = None


@dataclass(frozen=True)
class Kind:
    """One type of resource: its inputs, its computed outputs, and the functions between them.

    Every function takes inputs with their defaults. `compute` takes known ones; the others must
    expect `UNKNOWN` for any value.
    """

    inputs: Mapping[str, Input]
    outputs: tuple[str, ...]
    compute: Callable[[Values], Outcome]
    secrets: frozenset[str] = frozenset()
    """The outputs that are secret."""
    complete: Callable[[Values], dict[str, Any]] = dict
    """Adds the defaults that depend on other inputs."""
    problems: Callable[[Values], Iterable[Failure]] = lambda _: ()
    """Judges the inputs beyond their types."""
    cautions: Callable[[Values], Iterable[str]] = lambda _: ()
    """What the user is warned of when a resource is made."""
    foreseen: Callable[[Values], dict[str, Any]] = lambda _: {}
    """The outputs that a preview knows already."""
    outdated: Callable[[Values], bool] = lambda _: False
    """Tells from the state, and from new inputs over it, that it is time for a new resource."""
    outdated_output: str = ""
    """The output that says so."""
    imported: Callable[[str], Outcome] | None = None
    """Makes the id and the state (inputs and outputs) from what is given to an import."""
    unsupported: Mapping[str, str] = field(default_factory=dict)
    """Inputs that only the official plugin follows, and why."""
    schema_version: int = 0
    """The version that the official plugin would find in the state."""


class LogicalProvider(Provider):
    """A provider of logical resources, by a table of their kinds."""

    kinds: Mapping[str, Kind]
    absent: Mapping[str, str] = {}
    """Types that only the official plugin makes, and why."""

    def _kind(self, resource: Resource) -> Kind:
        if resource.type not in self.kinds:
            why = self.absent.get(resource.type)
            self.unsupported(f"the resource {resource.type}" + (f" ({why})" if why else ""))
        return self.kinds[resource.type]

    def check(
        self, resource: Resource, old: dict[str, Any], new: dict[str, Any]
    ) -> tuple[dict[str, Any], list[Failure]]:
        """Judge every input, and mark the secret ones."""
        del old
        kind = self._kind(resource)
        given = {n: v for n, v in new.items() if v is not None and not n.startswith("__")}
        failures = []
        for name in given.keys() - kind.inputs.keys():
            if name in kind.unsupported:
                failures.append(Failure(name, self._refused(name, kind.unsupported[name])))
            else:
                takes = ", ".join(sorted(kind.inputs))
                failures.append(Failure(name, f"is no input of this resource; it takes {takes}"))
        for name, spec in kind.inputs.items():
            if name in given:
                if reason := _refusal(spec, plain(given[name])):
                    failures.append(Failure(name, reason))
            elif spec.required:
                failures.append(Failure(name, f"is required: {_TYPES[spec.type]}"))
        if not failures:
            failures = list(dict.fromkeys(kind.problems(_complete(kind, given))))
        inputs = {
            name: _secret(value) if name in kind.inputs and kind.inputs[name].secret else value
            for name, value in given.items()
        }
        shown = [_discreet(kind, given, failure) for failure in failures]
        return inputs, sorted(shown, key=lambda failure: (failure.name, failure.reason))

    def _refused(self, name: str, why: str) -> str:
        try:
            self.unsupported(f"{name} ({why})")
        except UnsupportedError as error:
            return str(error)

    def diff(
        self,
        resource: Resource,
        identity: str,
        old_inputs: dict[str, Any],
        old: dict[str, Any],
        new: dict[str, Any],
    ) -> Diff:
        """Compare the inputs, defaults included; replace also what is outdated."""
        del identity
        kind = self._kind(resource)
        # A state of an older plugin may lack what has a default now.
        before = {**_complete(kind, old_inputs), **plain(old)}
        after = _complete(kind, new)
        changed: dict[str, str] = {}
        for name, spec in kind.inputs.items():
            was, will = _comparable(before.get(name)), _comparable(after.get(name))
            if spec.change != "nothing" and was != will:
                changed[name] = "add" if was is None else "delete" if will is None else "update"
        replaces = [name for name in changed if kind.inputs[name].change == "replace"]
        if kind.outdated({**before, **after}):
            changed[kind.outdated_output] = "update"
            replaces.append(kind.outdated_output)
        return Diff(changed, replaces, of_state=[kind.outdated_output])

    def create(
        self, resource: Resource, inputs: dict[str, Any], *, preview: bool, timeout: float
    ) -> tuple[str, dict[str, Any]]:
        """Compute the outputs; a preview shows most of them as unknown."""
        del timeout
        kind = self._kind(resource)
        complete = _complete(kind, inputs)
        for caution in kind.cautions(complete):
            self.log.warning(resource, caution)
        if preview:
            outputs = {**dict.fromkeys(kind.outputs, UNKNOWN), **kind.foreseen(complete)}
            return "", _state(kind, inputs, outputs, UNKNOWN)
        try:
            identity, outputs = kind.compute(complete)
        except ValueError as error:
            raise PluginError(str(error)) from None
        return identity, _state(kind, inputs, outputs, identity)

    def read(
        self, resource: Resource, identity: str, inputs: dict[str, Any], state: dict[str, Any]
    ) -> tuple[str, dict[str, Any], dict[str, Any]] | None:
        """Return the state as it is, but for its being outdated by now."""
        kind = self._kind(resource)
        if not state:
            return self._import(kind, resource, identity)
        if kind.outdated(plain(state)):
            state = {**state, kind.outdated_output: True}
        return identity, inputs, state

    def _import(
        self, kind: Kind, resource: Resource, given: str
    ) -> tuple[str, dict[str, Any], dict[str, Any]]:
        if kind.imported is None:
            raise PluginError(
                f"{resource.type} can't be imported: it exists only in the state of its stack"
            )
        try:
            identity, found = kind.imported(given)
        except ValueError as error:
            raise PluginError(f"{resource.type} can't be imported: {error}") from None
        inputs = {name: found[name] for name in kind.inputs if name in found}
        outputs = {name: found[name] for name in kind.outputs}
        return identity, {"__defaults": [], **inputs}, _state(kind, inputs, outputs, identity)

    def update(
        self,
        resource: Resource,
        identity: str,
        old: dict[str, Any],
        new: dict[str, Any],
        *,
        preview: bool,
        timeout: float,
    ) -> dict[str, Any]:
        """Take the inputs that change in place into the state."""
        del preview, timeout
        kind = self._kind(resource)
        return _state(kind, new, {name: old.get(name) for name in kind.outputs}, identity)

    def delete(
        self,
        resource: Resource,
        identity: str,
        inputs: dict[str, Any],
        state: dict[str, Any],
        *,
        timeout: float,
    ) -> None:
        """Do nothing: there is nothing but the state."""
        del resource, identity, inputs, state, timeout


def _complete(kind: Kind, inputs: Values) -> dict[str, Any]:
    """Return the inputs in plain Python, with the defaults of those that are left out."""
    defaults = {n: spec.default for n, spec in kind.inputs.items() if spec.default is not None}
    given = {n: plain(v) for n, v in inputs.items() if n in kind.inputs and v is not None}
    return kind.complete({**defaults, **given})


def _state(kind: Kind, inputs: Values, outputs: Values, identity: Any) -> dict[str, Any]:
    # Marked as given, because a user's secret stays one; the defaults are nobody's.
    values = {**_complete(kind, inputs), **inputs}
    kept = {n: values[n] for n, spec in kind.inputs.items() if n in values}
    state = {n: v for n, v in kept.items() if kind.inputs[n].change != "nothing"}
    for name, value in outputs.items():
        state[name] = _secret(value) if name in kind.secrets else value
    if kind.schema_version:
        state["__meta"] = json.dumps(
            {"schema_version": str(kind.schema_version)}, separators=(",", ":")
        )
    return {**state, "id": identity}


def _discreet(kind: Kind, given: Values, failure: Failure) -> Failure:
    """Name a secret input in the reason alone: of any that is named, the engine prints the value.

    A kind's own secrets are never quoted in a reason; what else a user made secret may be.
    """
    name = failure.name.split(".")[0]
    if name in kind.inputs and kind.inputs[name].secret:
        return Failure("", f"{failure.name} {failure.reason}")
    if plain(given.get(name)) != given.get(name):
        return Failure("", f"{failure.name} can't be used; it is secret, so no more is said of it")
    return failure


def _secret(value: Any) -> Secret:
    return value if isinstance(value, Secret) else Secret(value)


def _comparable(value: Any) -> Any:
    """Return the value as comparisons see it: nothing given equals nothing in it."""
    if isinstance(value, dict):
        value = {name: item for name, item in value.items() if item is not None}
    return None if value in ({}, []) else value


def _refusal(spec: Input, value: Any) -> str:
    """Say why the value can't be this input, or nothing; the value of a secret is never quoted."""
    if isinstance(value, Unknown):
        return ""
    if not _fits(spec.type, value):
        return f"takes {_TYPES[spec.type]}, found {_found(spec.type, value)}"
    if spec.choices and value not in spec.choices:
        return f"takes one of {', '.join(map(str, spec.choices))}, found {value!r}"
    if spec.least is not None and value < spec.least:
        return f"takes at least {spec.least}, found {value}"
    if spec.most is not None and value > spec.most:
        return f"takes at most {spec.most}, found {value}"
    return ""


def _fits(wanted: type[Any], value: Any) -> bool:
    if isinstance(value, bool) or wanted is bool:
        return wanted is bool and isinstance(value, bool)
    if wanted is list:
        return isinstance(value, list) and all(isinstance(item, str | Unknown) for item in value)
    return isinstance(value, wanted)


def _found(wanted: type[Any], value: Any) -> str:
    if wanted is list and isinstance(value, list):
        odd = next(item for item in value if not isinstance(item, str | Unknown))
        return f"one with {_found(str, odd)} in it"
    return next((name for kind, name in _TYPES.items() if _fits(kind, value)), "something else")
