"""The Kubernetes API, as plain data: one client for all that is read of a cluster."""

import json
from collections.abc import Iterable
from typing import Any, Final, NamedTuple, Self

import urllib3

from policy.kubeconfig import Connection, connect

CONNECT_WITHIN: Final = 5
"""Seconds."""


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
            urllib3.exceptions.HTTPError: it does not answer.
        """
        answer = self._connection.pool.request(
            "GET",
            self._connection.server + path,
            fields=list(query),
            headers=self._connection.headers,
            timeout=self._timeout,
        )
        try:
            parsed = json.loads(answer.data)
        except ValueError:
            parsed = None
        if answer.status >= 400:
            said = parsed.get("message") if isinstance(parsed, dict) else None
            after = answer.headers.get("Retry-After", "")
            seconds = float(after) if after.isascii() and after.isdigit() else None
            raise RefusedError(answer.status, said or f"status {answer.status}", seconds)
        if not isinstance(parsed, dict):
            raise RefusedError(answer.status, f"its answer to {path} is no JSON object")
        return parsed

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
            self._kinds[version] = {
                item["kind"]: Served(item["name"], item["namespaced"])
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


def base(version: str) -> str:
    """Return the path of a version: `/api/v1`, `/apis/maistra.io/v2`."""
    return f"/apis/{version}" if "/" in version else f"/api/{version}"
