"""The World: Kubernetes objects as they will be, and the meshes that they form."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import cached_property
from typing import Self

from mesh_policy.documented.kinds import (
    ADOPTED,
    CONTROL_PLANE,
    EVENTING,
    GATEWAY,
    ISTIO,
    NAMESPACE,
    SERVICE,
    SERVING,
    Kind,
)
from mesh_policy.documented.names import (
    KNATIVE_GATEWAYS,
    KNATIVE_NAMESPACES,
    LOCAL_GATEWAY,
    SERVING_NAMESPACE,
)
from mesh_policy.findings import Ref
from mesh_policy.mesh.control_plane import patched
from mesh_policy.mesh.injectors import Injectors
from mesh_policy.mesh.mesh import Mesh
from mesh_policy.mesh.serverless import injectors, meshes, serverless_mesh
from mesh_policy.reading.knative import asks_for_mesh, refuses_mesh
from mesh_policy.reading.objects import (
    Given,
    Malformed,
    Object,
    Objects,
    StackResource,
    parsed,
)


@dataclass(frozen=True, eq=False, kw_only=True)
class World(Objects):
    """Every object that the rules can see: declared over observed. Make one with `World.of`."""

    running: Mapping[Ref, Object] = field(default_factory=dict)
    """The observed objects before the overlay: what the cluster has now."""
    malformed: Sequence[Malformed] = ()
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
        the version; of kinds that are adopted, what the observed one has besides stays. A patch
        changes the fields that it holds: mappings are merged, anything else is replaced; it keeps
        nothing from being deleted. `deleted` objects disappear, unless they are declared as well,
        and a namespace with all that is in it.
        """
        malformed: list[Malformed] = []
        running = {item.ref: item for item in parsed(observed, False, malformed)}
        made = {item.ref: item for item in parsed(declared, True, malformed)}
        going = {
            # As it is now, rather than as it was once declared; with where it was declared.
            item.ref: Object(item.ref, running.get(item.ref, item).body)
            for item in parsed(deleted, False, malformed)
            if item.ref not in made
        }
        emptied = {ref.name for ref in going if ref.kind == NAMESPACE}
        going |= {ref: item for ref, item in running.items() if ref.namespace in emptied} | going
        after = {ref: item for ref, item in running.items() if ref not in going}
        for item in made.values():
            below = after.pop(item.ref, None)
            if below is None or item.ref.kind not in ADOPTED:
                after[item.ref] = item
            else:
                after[item.ref] = replace(item, body=patched(below.body, item.body))
        for item in parsed(patches, True, malformed):
            if item.ref in going:
                continue
            below = after.get(item.ref)
            body = patched(below.body, item.body) if below else item.body
            secret = item.secret or (below is not None and below.secret)
            after[item.ref] = Object(item.ref, body, True, secret)
        return cls(
            after,
            unread=dict(unread or {}),
            unseen=dict(unseen or {}),
            complete=complete,
            given_mesh=mesh,
            running=running,
            malformed=tuple(malformed),
            stack=tuple(stack),
            going=going,
            made=frozenset(made),
            owned=owned,
            now=now or datetime.now(UTC),
        )

    @cached_property
    def injectors(self) -> Injectors:
        """Everybody who injects pods."""
        return injectors(self)

    @cached_property
    def meshes(self) -> Sequence[Mesh]:
        """The meshes of the cluster, sorted by namespace and name."""
        return meshes(self.injectors)

    @cached_property
    def serverless_mesh(self) -> Mesh | None:
        """The mesh that Serverless is part of, where it is in one and that can be told."""
        return None if self.is_plain else serverless_mesh(self, self.meshes)

    @cached_property
    def elsewhere(self) -> frozenset[str]:
        """The namespaces of other meshes than Serverless's, whose proxies heed those alone."""
        own = self.serverless_mesh
        if own is None:
            return frozenset()
        others = (each for each in self.meshes if each is not own)
        found = frozenset[str]().union(*(each.namespaces | {each.root} for each in others))
        return found - own.namespaces - {own.root}

    @cached_property
    def is_plain(self) -> bool:
        """Whether Serverless is here, in no mesh, and nothing of it asks for one.

        Whoever gives a mesh beside it without a cluster may mean the one for the other, unless
        Istio is switched off in so many words.
        """
        resources = [*self.objects(SERVING), *self.objects(EVENTING)]
        if not resources or self.given_mesh is not None or any(map(asks_for_mesh, resources)):
            return False
        inside = {mesh.has(name) for mesh in self.meshes for name in KNATIVE_NAMESPACES}
        if any(map(refuses_mesh, self.objects(SERVING))):
            apart = True not in inside
        else:
            apart = (self.complete or not self.meshes) and inside <= {False}
        return (
            apart
            and not any(knative_gateway(self, name) for name in KNATIVE_GATEWAYS)
            and not any(item.ref.name == LOCAL_GATEWAY for item in self.objects(SERVICE))
        )

    @cached_property
    def lacks_control_plane(self) -> bool:
        """Whether Serverless is meant to be in a mesh, and none that it could be in is here.

        Where no cluster was read, there may be one all the same.
        """
        mesh = self.serverless_mesh
        told_apart = mesh is not None or not self.meshes
        here = mesh is not None and mesh.control_plane is not None
        return told_apart and not here and has_serverless(self)

    @cached_property
    def is_meshless(self) -> bool:
        """Whether Serverless is in no mesh for certain."""
        read = self.complete and self.unread.keys().isdisjoint({CONTROL_PLANE, ISTIO})
        return self.is_plain or (read and self.lacks_control_plane)


def serverless_plane(world: World) -> Iterator[tuple[Mesh, Object]]:
    """Give the mesh of Serverless and its control plane, where both are here."""
    mesh = world.serverless_mesh
    if mesh is not None and mesh.control_plane is not None:
        yield mesh, mesh.control_plane


def has_serverless(world: World) -> bool:
    """Say whether anything of Serverless is here for a mesh, or the caller named its mesh."""
    mesh = world.serverless_mesh
    return not world.is_plain and (
        world.given_mesh is not None
        or bool(world.objects(SERVING) or world.objects(EVENTING))
        or any(world.get(GATEWAY, SERVING_NAMESPACE, name) for name in KNATIVE_GATEWAYS)
        or (mesh is not None and not mesh.explicit.isdisjoint(KNATIVE_NAMESPACES))
    )


def knative_gateway(world: World, name: str) -> Object | None:
    """Return one of Knative's Gateways."""
    return world.get(GATEWAY, SERVING_NAMESPACE, name)
