"""Istio's own code, asked what it makes of a world: no cluster, nothing that listens.

What is asked and answered is said in `toolchain/go/istio/istio-traffic/protocol.go`.
"""

import json
import subprocess
from collections.abc import Iterable, Iterator
from types import TracebackType
from typing import Any, Self

from toolchain import processes
from toolchain.errors import LocalEnvironmentError
from toolchain.mesh.programs import TRAFFIC


class IstioTraffic:
    """The program, running; a context manager, which ends it."""

    def __init__(self) -> None:
        """Start it.

        Raises:
            LocalEnvironmentError: it is not there.
        """
        if not TRAFFIC.exists():
            raise LocalEnvironmentError(f"{TRAFFIC.name} is not set up: run `make test`")
        self._process = subprocess.Popen(
            [TRAFFIC], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        )

    def __enter__(self) -> Self:
        """Return itself: it has been started."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """End the program."""
        if self._process.stdin is not None:
            self._process.stdin.close()
        processes.stop(self._process)
        if self._process.stdout is not None:
            self._process.stdout.close()

    def answer(self, world: dict[str, Any]) -> dict[str, Any]:
        """Return what istiod makes of a world.

        Raises:
            LocalEnvironmentError: it has ended.
        """
        (found,) = self.answers([world])
        return found

    def answers(self, worlds: Iterable[dict[str, Any]]) -> Iterator[dict[str, Any]]:
        """Give what istiod makes of each world, in their order.

        Raises:
            LocalEnvironmentError: it has ended.
        """
        asked, answered = self._process.stdin, self._process.stdout
        assert asked is not None
        assert answered is not None
        for world in worlds:
            try:
                asked.write(json.dumps(world).encode() + b"\n")
                asked.flush()
                line = answered.readline()
            except BrokenPipeError:
                line = b""
            if not line:
                raise LocalEnvironmentError(f"{TRAFFIC.name} ended with {self._process.poll()}")
            yield json.loads(line)
