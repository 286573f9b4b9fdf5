"""Asking again: a server that is busy, or being started anew, answers a moment later."""

import time
from collections.abc import Callable, Collection
from typing import Final, TypeVar

import urllib3

from mesh_policy.cluster.api import RefusedError

PASSING: Final = frozenset({408, 429, 500, 502, 503, 504})
"""What an API server answers when asking again may help."""
_FIRST: Final = 0.2
_LONGEST: Final = 5.0
"""Seconds between two tries, where the server does not say how many."""
Answer = TypeVar("Answer")


class Retries:
    """The time within which all that is asked with it may be asked again."""

    def __init__(
        self,
        seconds: float,
        clock: Callable[[], float] = time.monotonic,
        wait: Callable[[float], None] = time.sleep,
        unanswered: bool = True,
    ) -> None:
        """Begin it; without `unanswered`, a server that does not answer is not asked again."""
        self._seconds = seconds
        self._clock = clock
        self._wait = wait
        self._unanswered = unanswered
        self._end = clock() + seconds

    def anew(self) -> "Retries":
        """Return one that lasts as long from now on."""
        return Retries(self._seconds, self._clock, self._wait, self._unanswered)

    def ask(self, request: Callable[[], Answer], passing: Collection[int] = PASSING) -> Answer:
        """Return the answer; errors of the `passing` status, or of the connection, ask again.

        Raises:
            RefusedError: the server refuses, or does so until the time is up.
            urllib3.exceptions.HTTPError: it does not answer until the time is up.
        """
        pause = _FIRST
        while True:
            try:
                return request()
            except RefusedError as error:
                asked = error.retry_after
                if error.status not in passing or not self._lasts(asked or pause):
                    raise
                self._wait(asked or pause)
            except urllib3.exceptions.HTTPError:
                if not self._unanswered or not self._lasts(pause):
                    raise
                self._wait(pause)
            pause = min(2 * pause, _LONGEST)

    def _lasts(self, pause: float) -> bool:
        return self._clock() + pause < self._end
