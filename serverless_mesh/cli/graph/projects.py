"""The projects: namespaces with Knative Services, and the other members of the mesh."""

from collections import defaultdict
from collections.abc import Iterator, Set
from dataclasses import dataclass
from functools import cached_property
from typing import Final

from mesh_policy.documented.kinds import DOMAIN_MAPPING, KNATIVE_SERVICE, NAMESPACE, SERVING
from mesh_policy.findings import Ref
from mesh_policy.mesh.injectors import template_source
from mesh_policy.reading.injection import Injected, NotInjected
from mesh_policy.reading.knative_domains import Naming, named, naming
from mesh_policy.reading.objects import Object
from mesh_policy.reading.values import text
from mesh_policy.sidecars import injection
from serverless_mesh.cli.graph.model import Edge, Group, Lane, Node, listed
from serverless_mesh.cli.graph.scene import Scene, mixed

_PROJECTS_SHOWN: Final = 4
_SERVICES_SHOWN: Final = 3
_MANY: Final = 2
"""Projects beyond which one Knative Service of each is shown."""
_MAPPINGS_SHOWN: Final = 2
_MORE: Final = "more-projects"


@dataclass(frozen=True, eq=False)
class Projects:
    """The projects of a scene, without the namespaces that have a place of their own."""

    scene: Scene
    placed: Set[str]

    @cached_property
    def _by_namespace(self) -> dict[str, list[Object]]:
        found: dict[str, list[Object]] = defaultdict(list)
        for item in self.scene.world.objects(KNATIVE_SERVICE):
            found[item.ref.namespace].append(item)
        return found

    @cached_property
    def _mappings(self) -> dict[str, list[Object]]:
        found: dict[str, list[Object]] = defaultdict(list)
        for item in self.scene.world.objects(DOMAIN_MAPPING):
            found[item.ref.namespace].append(item)
        return found

    @cached_property
    def _names(self) -> list[str]:
        """The projects, those first in which something was found, then those that serve."""
        mesh, marked = self.scene.mesh, self.scene.marked_namespaces()
        members = mesh.explicit if mesh else frozenset[str]()
        found = {*self._by_namespace, *self._mappings, *members, *marked} - self.placed
        return sorted(
            found, key=lambda name: (name not in marked, name not in self._by_namespace, name)
        )

    @cached_property
    def _shown(self) -> list[str]:
        # One more takes the place of what would say that there is one more.
        whole = len(self._names) <= _PROJECTS_SHOWN + 1
        return self._names if whole else self._names[:_PROJECTS_SHOWN]

    @cached_property
    def _naming(self) -> Naming | None:
        serving = next(iter(self.scene.world.objects(SERVING)), None)
        return naming(self.scene.world, serving) if serving else None

    def groups(self) -> Iterator[Group]:
        """Give a group each, and one for all that are too many to draw."""
        for name in self._shown:
            yield self._project(name)
        if more := self._names[len(self._shown) :]:
            services = sum(len(self._by_namespace.get(name, ())) for name in more)
            lines = [listed(more, 3)]
            lines += [f"{services} Knative Services"] if services else []
            yield Group(
                _MORE,
                Lane.PROJECTS,
                "namespaces",
                f"and {len(more)} more projects",
                tuple(lines),
                marks=self.scene.within(more),
                way=mixed(self.scene.trust.way(name) for name in more),
                gathers=True,
            )

    def _project(self, name: str) -> Group:
        scene = self.scene
        ref = Ref(NAMESPACE, "", name)
        return Group(
            f"namespace/{name}",
            Lane.PROJECTS,
            "namespace",
            name,
            tuple(scene.trust.lines(name)),
            tuple(self._nodes(name)),
            scene.on([ref]),
            frozenset({ref}),
            scene.trust.way(name),
        )

    def _nodes(self, namespace: str) -> Iterator[Node]:
        services = self.scene.marked_first(self._by_namespace.get(namespace, ()))
        mappings = self.scene.marked_first(self._mappings.get(namespace, ()))
        count = min(len(services), _SERVICES_SHOWN if len(self._names) <= _MANY else 1)
        # One more takes the place of what would say that there is one more.
        count += len(services) - count == 1
        for item in services[:count]:
            yield self.scene.node(
                item.ref.name, self._service(item), [item], kind="Knative Service"
            )
        for item in mappings[:_MAPPINGS_SHOWN]:
            to = text(item.get("spec", "ref", "name"))
            yield self.scene.node(item.ref.name, [f"leads to {to}"] if to else [], [item])
        for rest, what in (
            (services[count:], "Knative Services"),
            (mappings[_MAPPINGS_SHOWN:], "DomainMappings"),
        ):
            if rest:
                marks = self.scene.on(item.ref for item in rest)
                name = f"and {len(rest)} more"
                yield Node(f"more-{what}/{namespace}", what, name, marks=marks, gathers=True)

    def _service(self, item: Object) -> Iterator[str]:
        about = named(item)
        if about and about.is_inside:
            yield "reached from inside only"
        elif about and self._naming and (host := self._naming.host(about)):
            yield host
        answer = injection(self.scene.world, template_source(item).pod)
        if isinstance(answer, Injected | NotInjected):
            yield "with a sidecar" if isinstance(answer, Injected) else "without a sidecar"

    def edges(self, source: str) -> Iterator[Edge]:
        """Lead requests to each project with Knative Services."""
        for name in self._shown:
            if name in self._by_namespace:
                yield Edge(source, f"namespace/{name}", self.scene.trust.way(name))
        if any(name in self._by_namespace for name in self._names[len(self._shown) :]):
            more = self._names[len(self._shown) :]
            yield Edge(source, _MORE, mixed(self.scene.trust.way(name) for name in more))
