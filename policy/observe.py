"""The observed half of the World: what a cluster has now, of the kinds that rules read.

Lists are read in pages. A kind that may not be read, or that the cluster does not serve, is said so
and stops nothing else.
"""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import urllib3
import yaml
from kubernetes import client, config

from policy.model import Kind
from policy.world import Given

PAGE: Final = 500
_ANSWER_WITHIN: Final = (5, 60)
"""Seconds to connect and to answer."""


class ObserveError(Exception):
    """No cluster could be read; the message says what was tried."""


@dataclass(frozen=True)
class Observation:
    """What was read: the objects, and why some kinds are not among them.

    A kind that the cluster does not serve has no objects: that is knowledge, not a gap.
    """

    objects: tuple[Given, ...]
    unread: dict[Kind, str]


def observe(
    kinds: Iterable[Kind], kubeconfig: str | None = None, context: str | None = None
) -> Observation:
    """Read every object of the kinds; `kubeconfig` is a path, a content or None for the user's own.

    Raises:
        ObserveError: the kubeconfig can't be used or the cluster does not answer.
    """
    found: list[Given] = []
    unread: dict[Kind, str] = {}
    try:
        with _api(kubeconfig, context) as api:
            served = _Served(api)
            for kind in sorted(set(kinds)):
                if (path := served.path(kind)) is None:
                    continue
                try:
                    found.extend(Given(item) for item in _pages(api, path))
                except _RefusedError as error:
                    unread[kind] = f"{kind} can't be listed: {error}"
    except (config.ConfigException, yaml.YAMLError, OSError) as error:
        raise ObserveError(f"the kubeconfig can't be used: {error}") from None
    except urllib3.exceptions.HTTPError as error:
        raise ObserveError(f"the cluster does not answer: {error}") from None
    except _RefusedError as error:
        raise ObserveError(f"the cluster refuses: {error}") from None
    return Observation(tuple(found), unread)


class _RefusedError(Exception):
    """The API server answered with an error."""


class _Served:
    """Which kinds the API server serves, and where; asked once a version of a group."""

    def __init__(self, api: client.ApiClient) -> None:
        self._api = api
        self._bases = {group["name"]: _bases(group) for group in _get(api, "/apis")["groups"]}
        self._bases[""] = ["/api/v1"]
        self._plurals: dict[str, dict[str, str]] = {}

    def path(self, kind: Kind) -> str | None:
        """Return the path of the kind's list, in the preferred version that has it, or None."""
        for base in self._bases.get(kind.group, ()):
            if plural := self._named(base).get(kind.name):
                return f"{base}/{plural}"
        return None

    def _named(self, base: str) -> dict[str, str]:
        if base not in self._plurals:
            self._plurals[base] = {
                item["kind"]: item["name"]
                for item in _get(self._api, base)["resources"]
                if "/" not in item["name"]
            }
        return self._plurals[base]


def _bases(group: dict[str, Any]) -> list[str]:
    """Return the paths of a group's versions, the preferred one first: not every one has all."""
    versions = [group["preferredVersion"], *group["versions"]]
    return list(dict.fromkeys(f"/apis/{version['groupVersion']}" for version in versions))


def _pages(api: client.ApiClient, path: str) -> Iterator[dict[str, Any]]:
    query = [("limit", str(PAGE))]
    while True:
        page = _get(api, path, query)
        about = {"apiVersion": page["apiVersion"], "kind": page["kind"].removesuffix("List")}
        for item in page["items"]:
            yield {**about, **item}
        following = page["metadata"].get("continue")
        if not following:
            return
        query = [("limit", str(PAGE)), ("continue", following)]


def _get(api: client.ApiClient, path: str, query: Any = ()) -> dict[str, Any]:
    arguments = api.param_serialize(
        "GET",
        path,
        query_params=list(query),
        header_params={"Accept": "application/json"},
        auth_settings=["BearerToken"],
    )
    answer = api.call_api(*arguments, _request_timeout=_ANSWER_WITHIN)
    text = answer.read()
    if answer.status >= 400:
        try:
            message = json.loads(text)["message"]
        except (ValueError, KeyError):
            message = f"status {answer.status}"
        raise _RefusedError(message)
    parsed = json.loads(text)
    assert isinstance(parsed, dict)
    return parsed


def _api(kubeconfig: str | None, context: str | None) -> client.ApiClient:
    settings = client.Configuration()
    settings.retries = urllib3.Retry(1)
    try:
        if kubeconfig is None or (
            "\n" not in kubeconfig and not kubeconfig.lstrip().startswith("{")
        ):
            path = None if kubeconfig is None else str(Path(kubeconfig).expanduser())
            config.load_kube_config(path, context, settings)
        else:
            config.load_kube_config_from_dict(yaml.safe_load(kubeconfig), context, settings)
    except (TypeError, AttributeError) as error:
        # The client takes the shape of a kubeconfig for granted.
        raise config.ConfigException(f"it has not the shape of one: {error}") from None
    return client.ApiClient(settings)
