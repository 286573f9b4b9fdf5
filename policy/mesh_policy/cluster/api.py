"""The Kubernetes API, as plain data: one client for all that is read of a cluster.

Whatever answers there is not trusted: not to end, nor to be small, nor to be Kubernetes.
"""

import json
import ssl
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from time import monotonic
from typing import Any, Final, NamedTuple, Self
from urllib.parse import urlsplit

import urllib3

from mesh_policy.cluster.deadline import within
from mesh_policy.cluster.kubeconfig import Connection, connect
from mesh_policy.escaping import printable

CONNECT_WITHIN: Final = 5
"""Seconds."""
LARGEST: Final = 256 << 20
"""Bytes of one answer: a page has 500 objects of at most 1.5 MiB, and hardly ever one so large."""
_CHUNK: Final = 1 << 16
_LONGEST: Final = 500


class NotAnsweredError(urllib3.exceptions.HTTPError):
    """The API server does not answer; the message says which and why, and quotes no secret."""


class RefusedError(Exception):
    """The API server answered with an error: `status` is its code.

    `retry_after` are the seconds after which to ask again, where it says so.
    """

    def __init__(self, status: int, message: str, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.retry_after = retry_after


class Served(NamedTuple):
    """A kind that the cluster serves: the word for it in paths, and whether namespaces hold it."""

    plural: str
    namespaced: bool


class Api:
    """Reads one cluster; safe to ask from several threads, each answer over a kept connection."""

    def __init__(self, connection: Connection, answer_within: float) -> None:
        self._connection = connection
        address = urlsplit(connection.server)
        self._place = printable(f"{address.hostname}:{address.port or address.scheme}")
        self._answer_within = answer_within
        self._timeout = urllib3.Timeout(connect=CONNECT_WITHIN, read=answer_within)
        self._kinds: dict[str, dict[str, Served]] = {}

    @classmethod
    def of(cls, kubeconfig: str | None, context: str | None, answer_within: float) -> Self:
        """Connect; `kubeconfig` is a path, a content or None for the user's own.

        `answer_within` are the seconds that the server may take for one answer.

        Raises:
            KubeconfigError: the kubeconfig can't be used.
        """
        return cls(connect(kubeconfig, context), answer_within)

    def get(self, path: str, query: Iterable[tuple[str, str]] = ()) -> dict[str, Any]:
        """Return the answer to `path`, for example `/apis/config.openshift.io/v1/ingresses`.

        Raises:
            RefusedError: the server answers with an error, or with something that is no object.
            urllib3.exceptions.HTTPError: it does not answer, or not in time.
        """
        fields = list(query)
        try:
            status, after, content = within(self._answer_within, lambda: self._ask(path, fields))
        except TimeoutError as error:
            raise NotAnsweredError(f"{self._place}: {error} to answer") from None
        except (urllib3.exceptions.HTTPError, OSError, ValueError) as error:
            # Their own texts quote the kubeconfig, and run over lines.
            raise NotAnsweredError(f"{self._place}: {_why(error)}") from None
        if len(content) > LARGEST:
            raise RefusedError(status, f"its answer to {path} is larger than {LARGEST >> 20} MiB")
        try:
            parsed = json.loads(content)
        except (ValueError, RecursionError):
            parsed = None
        if status >= 400:
            said = parsed.get("message") if isinstance(parsed, dict) else None
            message = printable(said)[:_LONGEST] if isinstance(said, str) else ""
            seconds = float(after) if after.isascii() and after.isdigit() else None
            raise RefusedError(status, message or f"status {status}", seconds)
        if not isinstance(parsed, dict):
            raise RefusedError(status, f"its answer to {path} is no JSON object")
        return parsed

    def _ask(self, path: str, fields: list[tuple[str, str]]) -> tuple[int, str, bytes]:
        """Return the answer's status, when to ask again (empty: it does not say), and content."""
        ends = monotonic() + self._answer_within
        answer = self._connection.pool.request(
            "GET",
            self._connection.server + path,
            fields=fields,
            headers=self._connection.headers,
            timeout=self._timeout,
            preload_content=False,
        )
        content = bytearray()
        while len(content) <= LARGEST and (chunk := answer.read1(_CHUNK)):
            content += chunk
            if monotonic() > ends:
                # Nobody waits for the rest any more.
                answer.close()
                raise TimeoutError(f"it takes longer than {self._answer_within:g} s")
        if len(content) > LARGEST:
            answer.close()
        answer.release_conn()
        return answer.status, answer.headers.get("Retry-After", ""), bytes(content)

    def find(self, path: str) -> dict[str, Any] | None:
        """Return the answer to `path`, None where there is no such object or kind.

        Raises:
            RefusedError: the server answers with another error.
            urllib3.exceptions.HTTPError: it does not answer.
        """
        try:
            return self.get(path)
        except RefusedError as error:
            if error.status == 404:
                return None
            raise

    def kinds(self, version: str) -> dict[str, Served]:
        """Return the kinds of a version (`v1`, `maistra.io/v2`) by name; none if it is not served.

        Raises:
            RefusedError: the server answers with another error.
            urllib3.exceptions.HTTPError: it does not answer.
        """
        if version not in self._kinds:
            found = self.find(base(version)) or {"resources": []}
            with shaped(base(version)):
                self._kinds[version] = {
                    item["kind"]: Served(named(item["name"]), item["namespaced"])
                    for item in found["resources"]
                    if "/" not in item["name"]
                }
        return self._kinds[version]

    def object(self, version: str, kind: str, namespace: str, name: str) -> dict[str, Any] | None:
        """Return an object, None where there is none or its kind is not served.

        Raises:
            RefusedError: the server answers with another error.
            urllib3.exceptions.HTTPError: it does not answer.
        """
        served = self.kinds(version).get(kind)
        if served is None:
            return None
        place = f"/namespaces/{namespace}" if served.namespaced else ""
        return self.find(f"{base(version)}{place}/{served.plural}/{name}")


@contextmanager
def shaped(path: str) -> Iterator[None]:
    """Read an answer to `path` of which the shape is taken for granted.

    Raises:
        RefusedError: it has another one.
    """
    try:
        yield
    except (AttributeError, KeyError, TypeError):
        raise RefusedError(200, f"its answer to {path} is not that of Kubernetes") from None


def named(value: Any) -> str:
    """Return a text as it is, where `shaped` is to refuse anything else."""
    if not isinstance(value, str):
        raise TypeError
    return value


def _why(error: Exception) -> str:
    """Say in a few words why there is no answer."""
    cause: BaseException | None = error
    if isinstance(error, urllib3.exceptions.MaxRetryError):
        cause = error.reason
    while cause is not None:
        if isinstance(cause, ssl.SSLCertVerificationError):
            return f"its certificate is refused: {cause.verify_message}"
        if isinstance(cause, OSError) and cause.strerror:
            return printable(cause.strerror)
        inner = cause.__cause__ or next(iter(a for a in cause.args if _is_error(a)), None)
        if inner is None:
            break
        cause = inner
    return _WORDS.get(type(cause), f"no answer over HTTP ({type(cause).__name__})")


def _is_error(value: object) -> bool:
    return isinstance(value, BaseException)


_WORDS: Final[dict[type | None, str]] = {
    urllib3.exceptions.NameResolutionError: "its name has no address",
    urllib3.exceptions.ConnectTimeoutError: f"no connection within {CONNECT_WITHIN} s",
    urllib3.exceptions.ReadTimeoutError: "no answer in time",
    urllib3.exceptions.ProtocolError: "it breaks off",
}


def base(version: str) -> str:
    """Return the path of a version: `/api/v1`, `/apis/maistra.io/v2`."""
    return f"/apis/{version}" if "/" in version else f"/api/{version}"
