"""Loopback addresses in the place of pod addresses, so that documented ports stay as they are.

Each mesh claims a network of its own out of 127.0.0.0/8: several can run side by side, each with
its 8443, 8081, 8022 and so on, and nothing is ever reachable from outside the machine.
"""

import contextlib
import ipaddress
import random
import socket
from types import TracebackType
from typing import Final, Self

_MARK: Final = 61000
"""The port of a network's first address that its owner holds, so that nobody else takes it."""


class LoopbackNetwork:
    """A /24 of 127.0.0.0/8, held until `close` (or the end of the process)."""

    def __init__(self) -> None:
        """Claim a network that nobody on this machine holds."""
        self._mark = socket.socket()
        self._names: dict[str, str] = {}
        while True:
            # 127.0.x.x is left out: other programs have habits there.
            second, third = random.randint(1, 254), random.randint(0, 255)  # noqa: S311
            self.network = ipaddress.IPv4Network(f"127.{second}.{third}.0/24")
            with contextlib.suppress(OSError):
                self._mark.bind((str(self.network[1]), _MARK))
                self._mark.listen()
                return

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Give the network back."""
        self._mark.close()

    def address(self, name: str) -> str:
        """Return the address of the name given: the next free one, then always the same."""
        return self._names.setdefault(name, str(self.network[len(self._names) + 2]))
