"""Kubernetes objects of any shape, and many of them, indexed."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, NamedTuple

from mesh_policy.documented.kinds import CLUSTER_SCOPED, SECRET, Kind
from mesh_policy.findings import UNTIL_UPDATE, Finding, Ref, Severity, Undetermined, Violation
from mesh_policy.reading.values import UNKNOWN, Unknown, at, items, mapping, show, text


class Given(NamedTuple):
    """An object as it came in, with where it came from (see `Ref.source`).

    In a `secret` one, some value is a secret in the stack: findings show no value of it.
    """

    body: Any
    source: str = ""
    secret: bool = False


class Malformed(NamedTuple):
    """Something that is no Kubernetes object; no rule sees it."""

    source: str
    why: str


@dataclass(frozen=True, eq=False)
class Object:
    """A Kubernetes object and who it is. `declared` tells the stack's (or a file's) from others."""

    ref: Ref
    body: Mapping[str, Any]
    declared: bool = False
    secret: bool = False

    def get(self, *path: str) -> Any:
        """Return the value at `path`: None where there is none, UNKNOWN where not known."""
        return at(self.body, *path)

    @property
    def labels(self) -> Mapping[str, Any]:
        """The labels."""
        return mapping(self.get("metadata", "labels"))

    @property
    def annotations(self) -> Mapping[str, Any]:
        """The annotations."""
        return mapping(self.get("metadata", "annotations"))

    def breaks(
        self,
        path: str,
        found: str,
        needed: str,
        related: tuple[Ref, ...] = (),
        *,
        severity: Severity | None = None,
        consequences: tuple[str, ...] = (),
    ) -> Violation:
        """Return the violation of a rule by this object."""
        # Rules quote no value out of a Secret, so their own words about it may show.
        shown = "a secret value" if self.secret and self.ref.kind != SECRET else found
        return Violation(self.ref, path, shown, needed, related, severity, consequences)

    def unknown(self, path: str) -> Undetermined:
        """Return the finding that the value at `path` is not known until the update."""
        return Undetermined(self.ref, path, UNTIL_UPDATE)

    def unsure(self, path: str, why: str) -> Undetermined:
        """Return the finding that the value at `path` can't be checked by what is here."""
        return Undetermined(self.ref, path, why)


class StackResource(NamedTuple):
    """A resource of a stack; in `properties`, secrets are `reading.values.Secret`."""

    urn: str
    type: str
    properties: Mapping[str, Any]


@dataclass(frozen=True, eq=False)
class Objects:
    """Objects of one cluster, by who they are."""

    by_key: Mapping[Ref, Object]
    unread: Mapping[Kind, str] = field(default_factory=dict, kw_only=True)
    """Kinds that could not be listed, each with the reason."""
    unseen: Mapping[Ref, str] = field(default_factory=dict, kw_only=True)
    """Objects that were asked for by name and could not be read, each with the reason."""
    complete: bool = field(default=False, kw_only=True)
    """Whether a cluster was read, so that what is not here does not exist."""
    given_mesh: str | None = field(default=None, kw_only=True)
    """Namespace of the Serverless mesh, where the caller said it."""

    @cached_property
    def _by_kind(self) -> Mapping[Kind, Sequence[Object]]:
        index: dict[Kind, list[Object]] = defaultdict(list)
        for item in self.by_key.values():
            index[item.ref.kind].append(item)
        for found in index.values():
            found.sort(key=lambda item: (item.ref.namespace, item.ref.name))
        return index

    @cached_property
    def _by_namespace(self) -> Mapping[tuple[Kind, str], Sequence[Object]]:
        index: dict[tuple[Kind, str], list[Object]] = defaultdict(list)
        for kind, found in self._by_kind.items():
            for item in found:
                index[kind, item.ref.namespace].append(item)
        return index

    def objects(self, kind: Kind, namespace: str | None = None) -> Sequence[Object]:
        """Return the objects of a kind, in all namespaces or in one, sorted by their names."""
        if namespace is None:
            return self._by_kind.get(kind, ())
        return self._by_namespace.get((kind, namespace), ())

    def get(self, kind: Kind, namespace: str, name: str) -> Object | None:
        """Return one object, or None."""
        return self.by_key.get(Ref(kind, namespace, name))

    def missing(self, kind: Kind, namespace: str, name: str, needed: str) -> Iterator[Finding]:
        """Say that an object is needed which is not here.

        Where no cluster was read it may exist all the same; where its kind, or it, could not be
        read, `check` has said so already.
        """
        ref = Ref(kind, namespace, name)
        if self.complete and kind not in self.unread and ref not in self.unseen:
            yield Violation(ref, "", "no such object", needed)
        elif not self.complete:
            yield Undetermined(
                ref, "", f"not among the objects given, and no cluster was read; {needed}"
            )


def kind_of(body: Mapping[str, Any]) -> Kind:
    """Return the kind of an object by its apiVersion and kind."""
    group, slash, _ = text(body.get("apiVersion")).partition("/")
    return Kind(group if slash else "", text(body.get("kind")))


def ref_of(body: Mapping[str, Any], source: str = "") -> Ref:
    """Return who an object is; a namespaced object without a namespace is in `default`.

    A name that is not known yet is given by its source, so that it is nobody else's.
    """
    kind = kind_of(body)
    metadata = body.get("metadata")
    name, namespace = at(metadata, "name"), at(metadata, "namespace")
    if name is UNKNOWN or not text(name):
        name = f"({at(metadata, 'generateName') or UNKNOWN!r}) {source or id(body)}"
    if kind in CLUSTER_SCOPED:
        namespace = ""
    elif namespace is UNKNOWN:
        namespace = repr(UNKNOWN)
    else:
        namespace = text(namespace) or "default"
    return Ref(kind, namespace, str(name), text(body.get("apiVersion")), source)


def parsed(given: Iterable[Given], declared: bool, malformed: list[Malformed]) -> Iterator[Object]:
    """Return the objects that came in, lists taken apart; what is none is added to `malformed`."""
    for body, source, secret in given:
        if not isinstance(body, Mapping):
            malformed.append(Malformed(source, f"takes an object, found {show(body)}"))
        elif not text(body.get("apiVersion")) or not text(body.get("kind")):
            malformed.append(Malformed(source, "takes an object with apiVersion and kind"))
        elif text(body.get("kind")).endswith("List") and "items" in body:
            if not isinstance(body["items"], list | tuple | Unknown):
                why = f"{text(body['kind'])}: items takes a list, found {show(body['items'])}"
                malformed.append(Malformed(source, why))
            inner = (Given(_item(body, item), source, secret) for item in items(body["items"]))
            yield from parsed(inner, declared, malformed)
        elif (problem := _nameless(body.get("metadata"))) is not None:
            malformed.append(Malformed(source, f"{text(body['kind'])}: {problem}"))
        else:
            yield Object(ref_of(body, source), body, declared, secret)


def _nameless(metadata: Any) -> str | None:
    if metadata is UNKNOWN:
        return None
    for key in ("name", "generateName"):
        if at(metadata, key) is UNKNOWN or text(at(metadata, key)):
            return None
    return f"metadata.name takes a name, found {show(at(metadata, 'name'))}"


def _item(body: Mapping[str, Any], item: Any) -> Any:
    """Give an item of a typed list (`GatewayList`) what only the list says."""
    kind = text(body["kind"]).removesuffix("List")
    if not kind or not isinstance(item, Mapping):
        return item
    return {"apiVersion": body["apiVersion"], "kind": kind, **item}


def merged(below: Any, above: Any) -> Any:
    """Lay one body over another: mappings are merged, anything else is replaced."""
    if not isinstance(below, Mapping) or not isinstance(above, Mapping):
        return above
    return {**below, **{key: merged(below.get(key), value) for key, value in above.items()}}
