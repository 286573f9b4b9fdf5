"""The observed half of the World: what a cluster has now, of the kinds that rules read.

Lists are read in pages. A kind that may not be read, or that the cluster does not serve, is said so
and stops nothing else.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Final

import urllib3

from policy.api import Api, RefusedError, base
from policy.kubeconfig import AT_ONCE, KubeconfigError
from policy.model import Kind, Ref
from policy.world import Given

PAGE: Final = 500
_ANSWER_WITHIN: Final = 60.0
"""Seconds."""


class ObserveError(Exception):
    """No cluster could be read; the message says what was tried."""


Find = Callable[[Ref], Mapping[str, Any] | None]
"""Returns an object of any kind as it is now, None where there is none."""


@dataclass(frozen=True)
class Observation:
    """What was read: the objects, and why some kinds are not among them.

    A kind that the cluster does not serve has no objects: that is knowledge, not a gap.
    """

    objects: tuple[Given, ...]
    unread: dict[Kind, str]
    find: Find | None = None


def observe(
    kinds: Iterable[Kind], kubeconfig: str | None = None, context: str | None = None
) -> Observation:
    """Read every object of the kinds; `kubeconfig` is a path, a content or None for the user's own.

    Raises:
        ObserveError: the kubeconfig can't be used or the cluster does not answer.
    """
    try:
        api = Api.of(kubeconfig, context, _ANSWER_WITHIN)
        versions = _versions(api)
        wanted = sorted(set(kinds))
        with ThreadPoolExecutor(AT_ONCE) as pool:
            read = list(
                pool.map(lambda kind: _read(api, versions.get(kind.group, ()), kind), wanted)
            )
    except KubeconfigError as error:
        raise ObserveError(f"the kubeconfig can't be used: {error}") from None
    except urllib3.exceptions.HTTPError as error:
        raise ObserveError(f"the cluster does not answer: {error}") from None
    except RefusedError as error:
        raise ObserveError(f"the cluster refuses: {error}") from None
    return Observation(
        tuple(found for objects, _ in read for found in objects),
        {kind: refusal for kind, (_, refusal) in zip(wanted, read, strict=True) if refusal},
        lambda ref: api.object(ref.api_version, ref.kind.name, ref.namespace, ref.name),
    )


def _read(api: Api, versions: Iterable[str], kind: Kind) -> tuple[list[Given], str]:
    """Return the kind's objects, or why there are none of them."""
    path = _path(api, versions, kind)
    if path is None:
        return [], ""
    try:
        return [Given(item) for item in _pages(api, path)], ""
    except RefusedError as error:
        return [], f"{kind} can't be listed: {error}"


def _versions(api: Api) -> dict[str, list[str]]:
    """Return the served versions of every group, the preferred first: not every one has all."""
    groups = {
        group["name"]: [
            version["groupVersion"] for version in (group["preferredVersion"], *group["versions"])
        ]
        for group in api.get("/apis")["groups"]
    }
    return {"": ["v1"]} | {name: list(dict.fromkeys(found)) for name, found in groups.items()}


def _path(api: Api, versions: Iterable[str], kind: Kind) -> str | None:
    """Return the path of the kind's list in the first of the versions that has it, or None."""
    for version in versions:
        if served := api.kinds(version).get(kind.name):
            return f"{base(version)}/{served.plural}"
    return None


def _pages(api: Api, path: str) -> Iterator[dict[str, Any]]:
    query = [("limit", str(PAGE))]
    while True:
        page = api.get(path, query)
        about = {"apiVersion": page["apiVersion"], "kind": page["kind"].removesuffix("List")}
        for item in page["items"]:
            yield {**about, **item}
        following = page["metadata"].get("continue")
        if not following:
            return
        query = [("limit", str(PAGE)), ("continue", following)]
