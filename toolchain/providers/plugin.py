"""What every provider plugin does alike: serve the engine, and put its words into Python.

A plugin is started by the engine with the engine's address, prints the port on which it serves, and
ends with the engine.
"""

import abc
import functools
import os
import sys
import threading
import traceback
from collections.abc import Callable, Mapping, Sequence
from concurrent import futures
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Final, NoReturn, TypeVar

import grpc
from google.protobuf import any_pb2, empty_pb2
from pulumi.runtime.proto import engine_pb2, engine_pb2_grpc, plugin_pb2, provider_pb2, status_pb2
from pulumi.runtime.proto.provider_pb2_grpc import (
    ResourceProviderServicer,
    add_ResourceProviderServicer_to_server,
)

from toolchain.providers.properties import decode, encode

THREADS: Final = 64
"""The engine asks for many resources at once, and some of them wait for long."""
_GIGABYTE: Final = 1 << 30
_PropertyDiff: Final = provider_pb2.PropertyDiff
Answer = TypeVar("Answer")


class PluginError(Exception):
    """An operation failed; the message is what the user reads."""


class UnsupportedError(PluginError):
    """The stand-in does not do this; the official plugin does."""


class InitFailedError(PluginError):
    """A resource is there but not as it should be yet: its state is kept, the update fails."""

    def __init__(
        self, identity: str, state: dict[str, Any], inputs: dict[str, Any], reasons: list[str]
    ) -> None:
        super().__init__("; ".join(reasons))
        self.identity = identity
        self.state = state
        self.inputs = inputs
        self.reasons = reasons


@dataclass(frozen=True)
class Resource:
    """The resource that an operation is about."""

    urn: str

    @property
    def type(self) -> str:
        """The type token, for example `tls:index/privateKey:PrivateKey`."""
        return self.urn.split("::")[2].rpartition("$")[2]

    @property
    def name(self) -> str:
        """The logical name."""
        return self.urn.split("::", 3)[3]


@dataclass(frozen=True)
class Failure:
    """An input that can't be used.

    The engine prints the value of the input that `name` names, a secret one too: where that may
    be, leave the name empty and put it into the reason.
    """

    name: str
    reason: str


@dataclass(frozen=True)
class Diff:
    """How new inputs differ: `changed` maps property paths to "add", "delete" or "update".

    `replaces` are those of the paths that ask for a new resource; `of_state` those that are paths
    of the state and not of the inputs.
    """

    changed: Mapping[str, str] = field(default_factory=dict)
    replaces: Sequence[str] = ()
    delete_before_replace: bool = False
    of_state: Sequence[str] = ()


class Provider(abc.ABC):
    """A provider: everything about its resources, nothing about the wire.

    Inputs and states are trees of plain Python with `Secret` and `UNKNOWN` (see properties.py).
    """

    name: ClassVar[str]

    def __init__(self, log: "Log") -> None:
        self.log = log

    def configure(self, variables: Mapping[str, Any]) -> None:
        """Take the provider's own configuration; by default there is none."""
        del variables

    def diff_config(self, old: dict[str, Any], new: dict[str, Any]) -> Diff:
        """Say how a change of the provider's own configuration touches its resources."""
        return Diff(
            {name: "update" for name in old.keys() | new.keys() if old.get(name) != new.get(name)}
        )

    @abc.abstractmethod
    def check(
        self, resource: Resource, old: dict[str, Any], new: dict[str, Any]
    ) -> tuple[dict[str, Any], list[Failure]]:
        """Return the inputs with their defaults, and those that can't be used."""

    @abc.abstractmethod
    def diff(
        self,
        resource: Resource,
        identity: str,
        old_inputs: dict[str, Any],
        old: dict[str, Any],
        new: dict[str, Any],
    ) -> Diff:
        """Compare new inputs with the old inputs and the old state."""

    @abc.abstractmethod
    def create(
        self, resource: Resource, inputs: dict[str, Any], *, preview: bool, timeout: float
    ) -> tuple[str, dict[str, Any]]:
        """Make a resource; return its id and state. `timeout` in seconds, 0 for the default."""

    @abc.abstractmethod
    def read(
        self, resource: Resource, identity: str, inputs: dict[str, Any], state: dict[str, Any]
    ) -> tuple[str, dict[str, Any], dict[str, Any]] | None:
        """Return the id, inputs and state as they are now, or None when the resource is gone.

        Without `state` the resource is imported.
        """

    @abc.abstractmethod
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
        """Change a resource in place; return its state."""

    @abc.abstractmethod
    def delete(
        self,
        resource: Resource,
        identity: str,
        inputs: dict[str, Any],
        state: dict[str, Any],
        *,
        timeout: float,
    ) -> None:
        """Delete a resource; one that is gone already is fine."""

    def invoke(self, token: str, arguments: dict[str, Any]) -> dict[str, Any]:
        """Run a function of the provider."""
        del arguments
        self.unsupported(f"the function {token}")

    def cancel(self) -> None:
        """Abort what is waiting; by default nothing does."""
        return

    def unsupported(self, what: str) -> NoReturn:
        """Say that only the official plugin does this.

        Raises:
            UnsupportedError: always.
        """
        raise UnsupportedError(
            f"{what} is not supported by this stand-in for pulumi-resource-{self.name}; install "
            f"the official plugin for it: pulumi plugin install resource {self.name}"
        )


class Log:
    """Speaks to the user through the engine, beside the resource that it is about."""

    def __init__(self, address: str | None) -> None:
        self._engine = (
            engine_pb2_grpc.EngineStub(grpc.insecure_channel(address)) if address else None
        )

    def status(self, resource: Resource, text: str) -> None:
        """Show what is being done just now; replaced by the next one."""
        self._say(engine_pb2.INFO, resource, text, ephemeral=True)

    def info(self, resource: Resource, text: str) -> None:
        """Say something worth keeping."""
        self._say(engine_pb2.INFO, resource, text, ephemeral=False)

    def warning(self, resource: Resource, text: str) -> None:
        """Say something that the user should look into."""
        self._say(engine_pb2.WARNING, resource, text, ephemeral=False)

    def _say(
        self,
        severity: engine_pb2.LogSeverity.ValueType,
        resource: Resource,
        text: str,
        *,
        ephemeral: bool,
    ) -> None:
        if self._engine is None:
            return
        request = engine_pb2.LogRequest(
            severity=severity, urn=resource.urn, message=text, ephemeral=ephemeral
        )
        try:
            self._engine.Log(request)
        except grpc.RpcError:
            # The engine is on its way out; what it does not hear, nobody needs.
            return


def _answer(
    operation: Callable[["_Servicer", Any], Answer],
) -> Callable[["_Servicer", Any, Any], Answer]:
    """Turn what an operation raises into an answer that the engine understands."""

    @functools.wraps(operation)
    def answered(servicer: "_Servicer", request: Any, context: Any) -> Answer:
        try:
            return operation(servicer, request)
        except InitFailedError as error:
            detail = provider_pb2.ErrorResourceInitFailed(
                id=error.identity,
                properties=encode(error.state),
                inputs=encode(error.inputs),
                reasons=error.reasons,
            )
            packed = any_pb2.Any()
            packed.Pack(detail)
            code = grpc.StatusCode.UNKNOWN
            status = status_pb2.Status(code=code.value[0], message=str(error), details=[packed])
            details = (("grpc-status-details-bin", status.SerializeToString()),)
            context.set_trailing_metadata(details)
            context.abort(code, str(error))
        except UnsupportedError as error:
            context.abort(grpc.StatusCode.UNIMPLEMENTED, str(error))
        except PluginError as error:
            context.abort(grpc.StatusCode.UNKNOWN, str(error))
        except Exception as error:
            # A bug of ours: the user gets its place, and not the values that it was about.
            place = traceback.extract_tb(error.__traceback__)[-1]
            where = f"{Path(place.filename).name}:{place.lineno}"
            context.abort(
                grpc.StatusCode.INTERNAL,
                f"bug in the stand-in plugin: {type(error).__name__} at {where}",
            )
        raise AssertionError("abort has raised")

    return answered


class _Servicer(ResourceProviderServicer):
    """The wire's side of a provider; the names are the protocol's."""

    def __init__(self, provider: Provider, version: str) -> None:
        self._provider = provider
        self._version = version

    @_answer
    def GetPluginInfo(self, _: Any) -> plugin_pb2.PluginInfo:
        return plugin_pb2.PluginInfo(version=self._version)

    @_answer
    def Attach(self, _: Any) -> empty_pb2.Empty:
        return empty_pb2.Empty()

    @_answer
    def Cancel(self, _: Any) -> empty_pb2.Empty:
        self._provider.cancel()
        return empty_pb2.Empty()

    @_answer
    def CheckConfig(self, request: Any) -> provider_pb2.CheckResponse:
        return provider_pb2.CheckResponse(inputs=request.news)

    @_answer
    def DiffConfig(self, request: Any) -> provider_pb2.DiffResponse:
        old = decode(request.old_inputs) or decode(request.olds)
        return _diff_response(self._provider.diff_config(old, decode(request.news)))

    @_answer
    def Configure(self, request: Any) -> provider_pb2.ConfigureResponse:
        self._provider.configure(decode(request.args))
        return provider_pb2.ConfigureResponse(acceptSecrets=True, supportsPreview=True)

    @_answer
    def Check(self, request: Any) -> provider_pb2.CheckResponse:
        inputs, failures = self._provider.check(
            Resource(request.urn), decode(request.olds), decode(request.news)
        )
        return provider_pb2.CheckResponse(
            inputs=encode(inputs),
            failures=[
                provider_pb2.CheckFailure(property=failure.name, reason=failure.reason)
                for failure in failures
            ],
        )

    @_answer
    def Diff(self, request: Any) -> provider_pb2.DiffResponse:
        new = decode(request.news)
        old_inputs = decode(request.old_inputs)
        diff = self._provider.diff(
            Resource(request.urn), request.id, old_inputs, decode(request.olds), new
        )
        return _diff_response(_without(diff, list(request.ignoreChanges)))

    @_answer
    def Create(self, request: Any) -> provider_pb2.CreateResponse:
        identity, state = self._provider.create(
            Resource(request.urn),
            decode(request.properties),
            preview=request.preview,
            timeout=request.timeout,
        )
        return provider_pb2.CreateResponse(id=identity, properties=encode(state))

    @_answer
    def Read(self, request: Any) -> provider_pb2.ReadResponse:
        found = self._provider.read(
            Resource(request.urn), request.id, decode(request.inputs), decode(request.properties)
        )
        if found is None:
            return provider_pb2.ReadResponse()
        identity, inputs, state = found
        return provider_pb2.ReadResponse(
            id=identity, inputs=encode(inputs), properties=encode(state)
        )

    @_answer
    def Update(self, request: Any) -> provider_pb2.UpdateResponse:
        state = self._provider.update(
            Resource(request.urn),
            request.id,
            decode(request.olds),
            decode(request.news),
            preview=request.preview,
            timeout=request.timeout,
        )
        return provider_pb2.UpdateResponse(properties=encode(state))

    @_answer
    def Delete(self, request: Any) -> empty_pb2.Empty:
        self._provider.delete(
            Resource(request.urn),
            request.id,
            decode(request.old_inputs),
            decode(request.properties),
            timeout=request.timeout,
        )
        return empty_pb2.Empty()

    @_answer
    def Invoke(self, request: Any) -> provider_pb2.InvokeResponse:
        answer = provider_pb2.InvokeResponse()
        # The field's name is a word of Python's.
        getattr(answer, "return").CopyFrom(
            encode(self._provider.invoke(request.tok, decode(request.args)))
        )
        return answer

    @_answer
    def GetSchema(self, _: Any) -> NoReturn:
        self._provider.unsupported("generating code (pulumi import --generate-code=false does not)")

    @_answer
    def Call(self, request: Any) -> NoReturn:
        self._provider.unsupported(f"the method {request.tok}")

    @_answer
    def Construct(self, request: Any) -> NoReturn:
        self._provider.unsupported(f"the component {request.type}")


_KINDS: Final = {
    ("add", False): _PropertyDiff.ADD,
    ("add", True): _PropertyDiff.ADD_REPLACE,
    ("delete", False): _PropertyDiff.DELETE,
    ("delete", True): _PropertyDiff.DELETE_REPLACE,
    ("update", False): _PropertyDiff.UPDATE,
    ("update", True): _PropertyDiff.UPDATE_REPLACE,
}


def _diff_response(diff: Diff) -> provider_pb2.DiffResponse:
    answers = provider_pb2.DiffResponse
    return provider_pb2.DiffResponse(
        changes=answers.DIFF_SOME if diff.changed else answers.DIFF_NONE,
        replaces=list(diff.replaces),
        deleteBeforeReplace=diff.delete_before_replace,
        diffs=sorted({path.split(".")[0].split("[")[0] for path in diff.changed}),
        detailedDiff={
            path: _PropertyDiff(
                kind=_KINDS[kind, path in diff.replaces], inputDiff=path not in diff.of_state
            )
            for path, kind in diff.changed.items()
        },
        hasDetailedDiff=True,
    )


def _without(diff: Diff, ignored: Sequence[str]) -> Diff:
    """Leave out the changes that the user asked to ignore, with everything below them."""

    def kept(path: str) -> bool:
        return not any(
            path == name or path.startswith((f"{name}.", f"{name}[")) for name in ignored
        )

    return Diff(
        {path: kind for path, kind in diff.changed.items() if kept(path)},
        [path for path in diff.replaces if kept(path)],
        diff.delete_before_replace,
        diff.of_state,
    )


def serve(make: Callable[[Log], Provider]) -> None:
    """Serve the engine whose address is the last argument, until it ends."""
    address = next((part for part in reversed(sys.argv[1:]) if not part.startswith("-")), None)
    version = os.environ.get("PULUMI_PLUGIN_VERSION", "0.0.0")
    options = [
        ("grpc.max_receive_message_length", _GIGABYTE),
        ("grpc.max_send_message_length", _GIGABYTE),
    ]
    server = grpc.server(futures.ThreadPoolExecutor(THREADS), options=options)
    add_ResourceProviderServicer_to_server(_Servicer(make(Log(address)), version), server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    print(port, flush=True)  # noqa: T201 - the engine reads it
    _wait_for_end_of(os.getppid())
    server.stop(None)


def _wait_for_end_of(parent: int) -> None:
    """Wait until the process that started this one is gone, however it went."""
    never = threading.Event()
    while os.getppid() == parent:
        never.wait(1)
