"""The World: Kubernetes objects as they will be, declared over observed, indexed for the rules."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Self

from policy.model import UNTIL_UPDATE, Finding, Kind, Ref, Undetermined, Violation
from policy.values import UNKNOWN, Unknown, at, items, mapping, show, text

if TYPE_CHECKING:
    from policy.mesh import Mesh

NAMESPACE: Final = Kind("", "Namespace")
CLUSTER_SCOPED: Final = frozenset(
    {
        NAMESPACE,
        Kind("config.openshift.io", "Ingress"),
        Kind("config.openshift.io", "ClusterVersion"),
        Kind("apiextensions.k8s.io", "CustomResourceDefinition"),
        Kind("networking.internal.knative.dev", "ClusterDomainClaim"),
        Kind("sailoperator.io", "Istio"),
        Kind("sailoperator.io", "IstioCNI"),
    }
)
"""The kinds without a namespace among those that rules read and the program declares."""


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
        self, path: str, found: str, needed: str, related: tuple[Ref, ...] = ()
    ) -> Violation:
        """Return the violation of a rule by this object."""
        # Rules quote no value out of a Secret, so their own words about it may show.
        hidden = self.secret and self.ref.kind != Kind("", "Secret")
        return Violation(self.ref, path, "a secret value" if hidden else found, needed, related)

    def unknown(self, path: str) -> Undetermined:
        """Return the finding that the value at `path` is not known until the update."""
        return Undetermined(self.ref, path, UNTIL_UPDATE)

    def unsure(self, path: str, why: str) -> Undetermined:
        """Return the finding that the value at `path` can't be judged by what is here."""
        return Undetermined(self.ref, path, why)


class StackResource(NamedTuple):
    """A resource of a stack; in `properties`, secrets are `policy.values.Secret`."""

    urn: str
    type: str
    properties: Mapping[str, Any]


@dataclass(frozen=True, eq=False)
class World:
    """Every object that the rules can see. Make one with `World.of`."""

    by_key: Mapping[Ref, Object]
    running: Mapping[Ref, Object]
    """The observed objects before the overlay: what the cluster has now."""
    malformed: Sequence[Malformed] = ()
    unread: Mapping[Kind, str] = field(default_factory=dict)
    """Kinds that could not be listed, each with the reason."""
    unseen: Mapping[Ref, str] = field(default_factory=dict)
    """Objects that were asked for by name and could not be read, each with the reason."""
    complete: bool = False
    """Whether a cluster was read, so that what is not here does not exist."""
    given_mesh: str | None = None
    """Namespace of the Serverless mesh, where the caller said it."""
    stack: Sequence[StackResource] = ()
    going: Mapping[Ref, Object] = field(default_factory=dict)
    """What the update deletes, and what goes with a namespace; each as it is now."""
    made: frozenset[Ref] = frozenset()
    """What is declared as a whole, rather than patched."""
    owned: frozenset[Ref] | None = None
    """What the stack has in its state; None where there is no stack."""
    now: datetime = field(default_factory=lambda: datetime.now(UTC))

    @classmethod
    def of(
        cls,
        declared: Iterable[Given] = (),
        observed: Iterable[Given] = (),
        *,
        patches: Iterable[Given] = (),
        deleted: Iterable[Given] = (),
        owned: frozenset[Ref] | None = None,
        unread: Mapping[Kind, str] | None = None,
        unseen: Mapping[Ref, str] | None = None,
        complete: bool = False,
        mesh: str | None = None,
        stack: Sequence[StackResource] = (),
        now: datetime | None = None,
    ) -> Self:
        """Overlay `declared` and `patches` on `observed`; lists (`kind: List`) are taken apart.

        A declared object replaces the observed one of the same kind, namespace and name, whatever
        the version. A patch changes the fields that it holds: mappings are merged, anything else
        is replaced; it keeps nothing from being deleted. `deleted` objects disappear, unless they
        are declared as well, and a namespace with all that is in it.
        """
        malformed: list[Malformed] = []
        running = {item.ref: item for item in _objects(observed, False, malformed)}
        made = {item.ref: item for item in _objects(declared, True, malformed)}
        going = {
            # As it is now, rather than as it was once declared; with where it was declared.
            item.ref: Object(item.ref, running.get(item.ref, item).body)
            for item in _objects(deleted, False, malformed)
            if item.ref not in made
        }
        emptied = {ref.name for ref in going if ref.kind == NAMESPACE}
        going |= {ref: item for ref, item in running.items() if ref.namespace in emptied} | going
        after = {ref: item for ref, item in running.items() if ref not in going}
        for item in _objects(patches, True, malformed):
            if item.ref in going:
                continue
            below = after.get(item.ref)
            body = _merged(below.body, item.body) if below else item.body
            secret = item.secret or (below is not None and below.secret)
            after[item.ref] = Object(item.ref, body, True, secret)
        for item in made.values():
            after.pop(item.ref, None)
            after[item.ref] = item
        return cls(
            after,
            running,
            tuple(malformed),
            dict(unread or {}),
            dict(unseen or {}),
            complete,
            mesh,
            tuple(stack),
            going,
            frozenset(made),
            owned,
            now or datetime.now(UTC),
        )

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
        read, `judge` has said so already.
        """
        ref = Ref(kind, namespace, name)
        if self.complete and kind not in self.unread and ref not in self.unseen:
            yield Violation(ref, "", "no such object", needed)
        elif not self.complete:
            yield Undetermined(
                ref, "", f"not among the objects given, and no cluster was read; {needed}"
            )

    @cached_property
    def meshes(self) -> "Sequence[Mesh]":
        """The meshes of the cluster, sorted by namespace and name."""
        from policy.mesh import meshes

        return meshes(self)

    @cached_property
    def serverless_mesh(self) -> "Mesh | None":
        """The mesh that Serverless is part of, where that can be told."""
        from policy.mesh import serverless_mesh

        return serverless_mesh(self)


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


def _objects(
    given: Iterable[Given], declared: bool, malformed: list[Malformed]
) -> Iterator[Object]:
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
            yield from _objects(inner, declared, malformed)
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


def _merged(below: Any, above: Any) -> Any:
    if not isinstance(below, Mapping) or not isinstance(above, Mapping):
        return above
    return {**below, **{key: _merged(below.get(key), value) for key, value in above.items()}}
