"""Calls a stand-in plugin with the engine's messages, their properties in plain Python.

Secrets are as the messages have them, `secret(value)`; what is not known yet is `rpc.UNKNOWN`.
"""

import asyncio
from collections.abc import Coroutine, Mapping
from contextlib import closing
from dataclasses import dataclass
from typing import Any, Final, TypeVar

from google.protobuf.json_format import MessageToDict
from google.protobuf.struct_pb2 import Struct
from pulumi.provider.experimental.provider import Provider
from pulumi.provider.experimental.server import ProviderServicer
from pulumi.runtime import rpc
from pulumi.runtime.proto import provider_pb2

Answer = TypeVar("Answer")
Properties = dict[str, Any]
secret: Final = rpc.wrap_rpc_secret


def secrets(properties: Mapping[str, Any]) -> set[str]:
    return {name for name, value in properties.items() if rpc.is_rpc_secret(value)}


def run(answer: Coroutine[Any, Any, Answer]) -> Answer:
    # `asyncio.run` would take away the thread's own loop, which the SDK's mocks run on.
    with closing(asyncio.new_event_loop()) as loop:
        return loop.run_until_complete(answer)


def _struct(properties: Mapping[str, Any]) -> Struct:
    struct = Struct()
    struct.update(dict(properties))
    return struct


@dataclass(frozen=True)
class Plugin:
    """One type of resource of a provider, inside of a component."""

    provider: Provider
    token: str

    def _call(self, method: str, **request: Any) -> Any:
        servicer = ProviderServicer([], "1.0.0", self.provider, "")
        message = getattr(provider_pb2, f"{method}Request")(
            urn=f"urn:pulumi:stack::project::a:b:Parent${self.token}::name", **request
        )
        return run(getattr(servicer, method)(message, None))

    def check(self, inputs: Mapping[str, Any]) -> tuple[Properties, dict[str, str]]:
        """Return the inputs kept, and the reasons of the failures by the names of inputs."""
        answer = self._call("Check", news=_struct(inputs))
        failures = {failure.property: failure.reason for failure in answer.failures}
        assert len(failures) == len(answer.failures)
        return MessageToDict(answer.inputs), failures

    def create(
        self, inputs: Mapping[str, Any], *, preview: bool = False
    ) -> tuple[str, Properties, Properties]:
        """Check and create as the engine does; return the id, the inputs kept and the state."""
        kept, failures = self.check(inputs)
        assert failures == {}
        answer = self._call("Create", properties=_struct(kept), preview=preview)
        return answer.id, kept, MessageToDict(answer.properties)

    def diff(self, state: Properties, inputs: Mapping[str, Any]) -> dict[str, str]:
        """Return what is to be done, by the paths of the properties that ask for it."""
        answer = self._call("Diff", olds=_struct(state), news=_struct(inputs))
        changes = {
            path: provider_pb2.PropertyDiff.Kind.Name(each.kind)
            for path, each in answer.detailedDiff.items()
        }
        assert set(answer.diffs) == changes.keys()
        assert set(answer.replaces) == {p for p, kind in changes.items() if "REPLACE" in kind}
        some, none = provider_pb2.DiffResponse.DIFF_SOME, provider_pb2.DiffResponse.DIFF_NONE
        assert answer.changes == (some if changes else none)
        return changes

    def read(
        self, identity: str, inputs: Mapping[str, Any], state: Mapping[str, Any]
    ) -> tuple[str, Properties, Properties]:
        answer = self._call("Read", id=identity, inputs=_struct(inputs), properties=_struct(state))
        return answer.id, MessageToDict(answer.inputs), MessageToDict(answer.properties)

    def update(self, state: Properties, inputs: Mapping[str, Any]) -> Properties:
        answer = self._call("Update", olds=_struct(state), news=_struct(inputs))
        return MessageToDict(answer.properties)
