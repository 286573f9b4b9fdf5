"""Resources without a remote side: computed once from their inputs and kept in the state.

Both `tls` and `random` have only such resources. A change of an input makes a new one, but for
inputs that only say when that happens; reading gives the state, and deleting does nothing. A table
of kinds says the rest. Inputs and states look as the official plugins write them: the inputs hold
what was given, the state also the defaults and the id.
"""

import asyncio
import os
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from google.protobuf.empty_pb2 import Empty
from grpc import aio
from grpc.aio import ServicerContext
from pulumi.provider.experimental.property_value import PropertyValue
from pulumi.provider.experimental.provider import (
    CheckFailure,
    CheckRequest,
    CheckResponse,
    CreateRequest,
    CreateResponse,
    DeleteRequest,
    DiffRequest,
    DiffResponse,
    GetSchemaRequest,
    GetSchemaResponse,
    InvokeRequest,
    InvokeResponse,
    PropertyDiff,
    PropertyDiffKind,
    Provider,
    ReadRequest,
    ReadResponse,
    UpdateRequest,
    UpdateResponse,
)
from pulumi.provider.experimental.server import ProviderServicer
from pulumi.runtime import rpc
from pulumi.runtime.proto.plugin_pb2 import PluginAttach
from pulumi.runtime.proto.provider_pb2_grpc import add_ResourceProviderServicer_to_server

Values = Mapping[str, Any]
"""Properties by name, in plain Python."""
Properties = Mapping[str, PropertyValue]
Check = Callable[[Any], object]
"""Takes a known value. Raises a ValueError that says what is taken and never what was found."""
Outcome = tuple[str, dict[str, str]]
"""A resource's id and its computed outputs."""

_LARGEST_MESSAGE: Final = 400 * 1024 * 1024
"""Bytes, as between all parts of the engine."""
# The SDK's own `PropertyValue.computed()` can't be sent: its `marshal` refuses it.
UNKNOWN: Final = PropertyValue(rpc.UNKNOWN)
RENEWAL: Final = "readyForRenewal"
"""The output that says whether it is time for a new resource."""


@dataclass(frozen=True)
class Kind:
    """One type of resource: its inputs, its computed outputs, and the functions between them."""

    inputs: Mapping[str, Check]
    outputs: tuple[str, ...]
    compute: Callable[[Values], Outcome]
    """Takes the inputs, known and checked, with the defaults."""
    defaults: Values = field(default_factory=dict)
    """What the state holds where nothing else is given or computed."""
    optional: frozenset[str] = frozenset()
    """The inputs that may be left out and have no default."""
    in_place: frozenset[str] = frozenset()
    """The inputs whose change makes no new resource."""
    secrets: frozenset[str] = frozenset()
    """The inputs and outputs that are always secret."""
    due: Callable[[Values], bool] = lambda _: False
    """Says from the state whether it is time for a new resource."""
    imported: Callable[[str], Outcome] | None = None
    """Makes a state from what is given to an import."""


class LogicalProvider(Provider):
    """A provider of logical resources, by a table of their kinds."""

    def __init__(self, name: str, kinds: Mapping[str, Kind]) -> None:
        self._name = name
        self._kinds = kinds

    def _unsupported(self, what: str) -> str:
        return (
            f"{what} is not supported by this stand-in for pulumi-resource-{self._name}; install "
            f"the official plugin for it: pulumi plugin install resource {self._name}"
        )

    def _kind(self, urn: str) -> Kind:
        # The SDK's `request.type` would hold the types of the parents too.
        token = urn.split("::")[2].rpartition("$")[2]
        if token not in self._kinds:
            # To every other exception the SDK's server adds a traceback.
            raise NotImplementedError(self._unsupported(f"the resource {token}"))
        return self._kinds[token]

    async def check(self, request: CheckRequest) -> CheckResponse:
        """Check every input, and mark the secret ones."""
        try:
            kind = self._kind(request.urn)
        except NotImplementedError as error:
            return CheckResponse(failures=[CheckFailure("", str(error))])
        inputs = {
            name: value.with_secret(value.is_secret or name in kind.secrets)
            for name, value in request.new_inputs.items()
            if value.value is not None and not name.startswith("__")
        }
        return CheckResponse(inputs, list(self._failures(kind, inputs)))

    def _failures(self, kind: Kind, inputs: Properties) -> Iterator[CheckFailure]:
        absent = kind.inputs.keys() - inputs.keys()
        for name in sorted(absent - kind.defaults.keys() - kind.optional):
            yield CheckFailure(name, "is required")
        for name, value in inputs.items():
            try:
                if name not in kind.inputs:
                    raise ValueError(self._unsupported(f"the input {name}"))
                if _known(value):
                    kind.inputs[name](_plain(value))
            except ValueError as error:
                if value.contains_secret():
                    # Of an input that a failure names, the engine prints the value.
                    yield CheckFailure("", f"{name} {error}")
                else:
                    yield CheckFailure(name, str(error))

    async def diff(self, request: DiffRequest) -> DiffResponse:
        """Compare the inputs, defaults included; replace also what is due."""
        kind = self._kind(request.urn)
        # The state of an older plugin may lack what has a default now.
        before = {**kind.defaults, **_plain_all(request.old_state)}
        after = {**kind.defaults, **_plain_all(request.new_inputs)}
        changes: dict[str, PropertyDiff] = {}
        for name in kind.inputs:
            was, will = _comparable(before.get(name)), _comparable(after.get(name))
            if was != will:
                change = "ADD" if was is None else "DELETE" if will is None else "UPDATE"
                change += "" if name in kind.in_place else "_REPLACE"
                changes[name] = PropertyDiff(PropertyDiffKind[change], input_diff=True)
        if kind.due({**before, **after}):
            changes[RENEWAL] = PropertyDiff(PropertyDiffKind.UPDATE_REPLACE, input_diff=False)
        return DiffResponse(
            changes=bool(changes),
            replaces=[name for name in changes if name not in kind.in_place],
            diffs=list(changes),
            detailed_diff=changes,
        )

    async def create(self, request: CreateRequest) -> CreateResponse:
        """Compute the outputs; a preview shows them as unknown."""
        kind = self._kind(request.urn)
        if request.preview:
            outputs = dict.fromkeys((*kind.outputs, "id"), UNKNOWN)
            return CreateResponse("", _state(kind, request.properties, outputs))
        values = {**kind.defaults, **_plain_all(request.properties)}
        # Beside the loop, so that keys are made at once.
        identity, computed = await asyncio.to_thread(kind.compute, values)
        outputs = _wrapped({**computed, "id": identity})
        return CreateResponse(identity, _state(kind, request.properties, outputs))

    async def read(self, request: ReadRequest) -> ReadResponse:
        """Return the state as it is, but for its being due by now; without one, import it."""
        kind = self._kind(request.urn)
        if request.properties:
            due = {RENEWAL: PropertyValue(True)} if kind.due(_plain_all(request.properties)) else {}
            return ReadResponse(request.resource_id, {**request.properties, **due}, request.inputs)
        if kind.imported is None:
            raise NotImplementedError("can't be imported: it exists only in its stack's state")
        identity, computed = kind.imported(request.resource_id)
        outputs = _wrapped({**computed, "id": identity})
        return ReadResponse(identity, _state(kind, {}, outputs), {"__defaults": PropertyValue([])})

    async def update(self, request: UpdateRequest) -> UpdateResponse:
        """Take the inputs that change in place into the state."""
        kind = self._kind(request.urn)
        kept = {name: request.olds[name] for name in (*kind.outputs, "id")}
        return UpdateResponse(_state(kind, request.news, kept))

    async def delete(self, request: DeleteRequest) -> None:
        """Do nothing: there is nothing but the state."""

    async def invoke(self, request: InvokeRequest) -> InvokeResponse:
        """Refuse every function."""
        reason = self._unsupported(f"the function {request.tok}")
        return InvokeResponse(failures=[CheckFailure("", reason)])

    async def get_schema(self, request: GetSchemaRequest) -> GetSchemaResponse:
        """Refuse to give the schema, of which `pulumi import` writes code."""
        raise NotImplementedError(
            self._unsupported("generating code (pulumi import --generate-code=false does not)")
        )


def _state(kind: Kind, inputs: Properties, outputs: Properties) -> dict[str, PropertyValue]:
    values = {**_wrapped(kind.defaults), **inputs, **outputs}
    return {
        name: value.with_secret(value.is_secret or name in kind.secrets)
        for name, value in values.items()
    }


def _wrapped(values: Values) -> dict[str, PropertyValue]:
    """Wrap texts, flags and whole numbers; of numbers the SDK takes only floats."""
    return {
        name: PropertyValue(float(value) if type(value) is int else value)
        for name, value in values.items()
    }


def _plain_all(properties: Properties) -> dict[str, Any]:
    return {name: _plain(value) for name, value in properties.items() if value.value is not None}


def _plain(property_value: PropertyValue) -> Any:
    match property_value.value:
        case Mapping() as items:
            return _plain_all(items)
        case tuple() as items:
            return [_plain(item) for item in items]
        case float() as number if number.is_integer():
            return int(number)
        case value:
            return value


def _comparable(value: Any) -> Any:
    """Return the value as comparisons see it: nothing given equals nothing in it."""
    return None if value in ({}, []) else value


def _known(property_value: PropertyValue) -> bool:
    """Say whether nothing in the value is left to the update."""
    match property_value.value:
        case Mapping() as items:
            return all(map(_known, items.values()))
        case tuple() as items:
            return all(map(_known, items))
        case value:
            return value != rpc.UNKNOWN


class _Servicer(ProviderServicer):
    """The SDK's, but that engines may attach to one that runs (`PULUMI_DEBUG_PROVIDERS`)."""

    async def Attach(  # noqa: N802  (gRPC finds it by this name)
        self, _request: PluginAttach, _context: ServicerContext[PluginAttach, Empty]
    ) -> Empty:
        return Empty()


def serve(provider: Provider) -> None:
    """Print a port and serve whoever asks there, until the process that started this one ends."""
    threading.Thread(target=_end_with, args=(os.getppid(),), daemon=True).start()
    asyncio.run(_serve(provider))


async def _serve(provider: Provider) -> None:
    # The SDK's own `main` wants to be told of one engine, and refuses to be attached to.
    version = os.environ.get("PULUMI_PLUGIN_VERSION", "0.0.0")
    server = aio.server(options=[("grpc.max_receive_message_length", _LARGEST_MESSAGE)])
    add_ResourceProviderServicer_to_server(_Servicer([], version, provider, ""), server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    sys.stdout.write(f"{port}\n")
    sys.stdout.flush()
    await server.wait_for_termination()


def _end_with(parent: int) -> None:
    """End when the parent is gone, however it went: a killed engine ends nobody."""
    while os.getppid() == parent:
        time.sleep(1)
    os._exit(0)
