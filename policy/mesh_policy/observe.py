"""The observed half of the World: what a cluster has now, of what rules read.

In two steps. Most kinds are listed whole, in pages. Of others, such as secrets, only those objects
are read that those refer to, by their names: nobody has to be allowed to list all of them.
What may not be read is said so, with the right that is missing, and stops nothing else; what the
cluster does not serve has no objects.
"""

import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, Final

import urllib3

from mesh_policy.cluster.api import Api, RefusedError, Served, base, shaped
from mesh_policy.cluster.kubeconfig import AT_ONCE, KubeconfigError
from mesh_policy.cluster.retries import Retries
from mesh_policy.documented.kinds import Kind
from mesh_policy.findings import Ref
from mesh_policy.reading.objects import Given
from mesh_policy.reading.values import text
from mesh_policy.rule import Rule, named
from mesh_policy.world import World

PAGE: Final = 500
_PAGES: Final = 4000
"""No cluster holds as many of one kind: a list that goes on is none."""
_ANSWER_WITHIN: Final = 20.0
"""Seconds for one answer."""
RETRY_SECONDS: Final = 60.0
"""Seconds within which errors that may pass are tried again, all kinds together."""
_EXPIRED: Final = 410
"""The next page is asked for too late, and the list has to be begun again."""
_FORBIDDEN: Final = 403
_NAME: Final = re.compile(r"[a-z0-9]([-.a-z0-9]*[a-z0-9])?")
"""What can be the name of an object; anything else must not become part of a path."""


class ObserveError(Exception):
    """No cluster could be read; the message says what was tried."""


@dataclass(frozen=True)
class Observation:
    """What was read: the objects, and why some kinds, and some objects, are not among them.

    A kind that the cluster does not serve has no objects: that is knowledge, not a gap.
    """

    objects: tuple[Given, ...]
    unread: Mapping[Kind, str]
    unseen: Mapping[Ref, str] = field(default_factory=dict)
    unserved: frozenset[Kind] = frozenset()
    """The kinds that the cluster does not serve: nobody has installed what brings them."""
    asked: frozenset[Ref] = frozenset()
    """The objects that were asked for by name, whatever came of it."""
    reader: "Callable[[Ref], Given | str | None] | None" = field(default=None, repr=False)
    """Reads one object: None where there is none, a text that says why it can't be read."""

    def following(self, refs: Iterable[Ref]) -> "Observation":
        """Return the observation with these objects as well; each is asked for once."""
        further = sorted(set(refs) - self.asked)
        if self.reader is None or not further:
            return self
        found = [self.reader(ref) for ref in further]
        refusals = {
            ref: why for ref, why in zip(further, found, strict=True) if isinstance(why, str)
        }
        return replace(
            self,
            objects=(*self.objects, *(each for each in found if isinstance(each, Given))),
            unseen={**self.unseen, **refusals},
            asked=self.asked.union(further),
        )


def followed(
    rules: Iterable[Rule],
    seen: Observation,
    overlaid: Callable[[Observation], World],
    patched: Collection[Ref] = (),
) -> tuple[Observation, World]:
    """Read what the rules name in a world as well; return all that is seen, and the world with it.

    `overlaid` makes a world of what is seen. What is declared need not be read, unless it is only
    `patched`.
    """
    world = overlaid(seen)
    wanted = (ref for ref in named(rules, world) if ref not in world.by_key or ref in patched)
    further = seen.following(wanted)
    return (seen, world) if further is seen else (further, overlaid(further))


def observe(
    kinds: Iterable[Kind],
    kubeconfig: str | None = None,
    context: str | None = None,
    retries: Retries | None = None,
) -> Observation:
    """Read every object of the kinds; `kubeconfig` is a path, a content or None for the user's own.

    Raises:
        ObserveError: the kubeconfig can't be used or the cluster does not answer.
    """
    retries = retries or Retries(RETRY_SECONDS)
    try:
        api = Api.of(kubeconfig, context, _ANSWER_WITHIN)
        reader = _Reader(api, retries, retries.ask(lambda: _versions(api)))
    except KubeconfigError as error:
        raise ObserveError(f"the kubeconfig can't be used: {error}") from None
    except urllib3.exceptions.HTTPError as error:
        raise ObserveError(f"the cluster does not answer: {error}") from None
    except RefusedError as error:
        raise ObserveError(f"the cluster refuses: {error}") from None
    wanted = sorted(set(kinds))
    with ThreadPoolExecutor(AT_ONCE) as pool:
        read = list(pool.map(reader.list, wanted))
    return Observation(
        tuple(found for each in read if isinstance(each, list) for found in each),
        {kind: why for kind, why in zip(wanted, read, strict=True) if isinstance(why, str)},
        unserved=frozenset(kind for kind, each in zip(wanted, read, strict=True) if each is None),
        reader=reader.get,
    )


def _versions(api: Api) -> dict[str, list[str]]:
    """Return the served versions of every group, the preferred first: not every one has all."""
    found = api.get("/apis")
    with shaped("/apis"):
        groups = {
            text(group["name"]): [
                text(version["groupVersion"])
                for version in (group["preferredVersion"], *group["versions"])
            ]
            for group in found["groups"]
        }
    return {"": ["v1"]} | {name: list(dict.fromkeys(found)) for name, found in groups.items()}


@dataclass(frozen=True)
class _Reader:
    """Reads kinds and objects of one cluster; what can't be read is a text that says why."""

    api: Api
    retries: Retries
    versions: Mapping[str, Iterable[str]]

    def list(self, kind: Kind) -> list[Given] | str | None:
        """Return the kind's objects, or why there are none of them; None: it is not served."""
        served = None
        try:
            served = self._served(kind, self.retries)
            if served is None:
                return None
            path = f"{base(served[0])}/{served[1].plural}"
            found = self.retries.ask(lambda: list(self._pages(path)), {_EXPIRED})
        except (RefusedError, urllib3.exceptions.HTTPError) as error:
            return f"{kind} can't be listed: {error}{_grant(error, kind, served, 'list')}"
        return [Given(item) for item in found]

    def get(self, ref: Ref) -> Given | str | None:
        """Return an object, None where there is none, or why it can't be read."""
        if not all(map(_NAME.fullmatch, filter(None, (ref.namespace, ref.name)))):
            return None
        # It may be long after the kinds were listed.
        served, retries = None, self.retries.anew()
        try:
            served = self._served(ref.kind, retries)
            if served is None:
                return None
            version, kind = served[0], ref.kind.name
            found = retries.ask(lambda: self.api.object(version, kind, ref.namespace, ref.name))
        except (RefusedError, urllib3.exceptions.HTTPError) as error:
            right = _grant(error, ref.kind, served, "get", ref.name, ref.namespace)
            return f"can't be read: {error}{right}"
        return Given(found) if found else None

    def _served(self, kind: Kind, retries: Retries) -> tuple[str, Served] | None:
        """Return the first version that has the kind, and how it is served there; or None."""
        for version in self.versions.get(kind.group, ()):
            kinds = retries.ask(partial(self.api.kinds, version))
            if served := kinds.get(kind.name):
                return version, served
        return None

    def _pages(self, path: str) -> Iterator[dict[str, Any]]:
        query = [("limit", str(PAGE))]
        for _ in range(_PAGES):
            page = self.retries.ask(partial(self.api.get, path, query))
            with shaped(path):
                kind = page["kind"].removesuffix("List")
                about = {"apiVersion": page["apiVersion"], "kind": kind}
                found = [{**about, **item} for item in page["items"]]
                following = page["metadata"].get("continue")
            yield from found
            if not following:
                return
            query = [("limit", str(PAGE)), ("continue", str(following))]
        raise RefusedError(0, f"its list {path} does not end")


def _grant(
    error: Exception,
    kind: Kind,
    served: tuple[str, Served] | None,
    verb: str,
    name: str = "",
    namespace: str = "",
) -> str:
    """Say which right is missing, where that is what the error is about."""
    if served is None or not isinstance(error, RefusedError) or error.status != _FORBIDDEN:
        return ""
    rule = f'apiGroups: ["{kind.group}"], resources: ["{served[1].plural}"]'
    if name:
        rule += f', resourceNames: ["{name}"]'
    where = f" in the namespace {namespace}" if namespace else ""
    return f'; grant {rule}, verbs: ["{verb}"]{where}'
