"""How requests come in: who calls, the Services and the pods of the ingress gateway."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Final

from mesh_policy.documented.kinds import INGRESS_CONFIG, ROUTE
from mesh_policy.documented.names import GATEWAY_SELECTOR, INGRESS_SERVICE
from mesh_policy.gateway_services import external_services, local_services
from mesh_policy.gateways import workloads
from mesh_policy.local_gateway import is_mutual
from mesh_policy.mesh.injectors import template_source
from mesh_policy.mesh.listeners import makes_service
from mesh_policy.mesh.mesh import Mesh
from mesh_policy.mesh.workload import Workload, services
from mesh_policy.reading.injection import Injected, NotInjected
from mesh_policy.reading.istio_gateways import ports
from mesh_policy.reading.knative_domains import services_domain
from mesh_policy.reading.objects import Object
from mesh_policy.reading.values import at, text
from serverless_mesh.cli.graph.model import Edge, Group, Lane, Node, Way, listed, plural
from serverless_mesh.cli.graph.scene import INSIDE, OUTSIDE, PODS, ROUTER, Scene

_OPEN: Final = ("NodePort", "LoadBalancer")
_PASSED: Final = "passthrough"
_MADE: Final = "the control plane has it made"


@dataclass(frozen=True, eq=False)
class Ingress:
    """The ingress gateway of Serverless."""

    scene: Scene

    @cached_property
    def workload(self) -> Workload:
        """Its pods; their namespace is empty where it is not known."""
        mesh = self.scene.mesh
        return mesh.ingress if mesh else workloads(None)[0]

    @property
    def namespace(self) -> str:
        """Where its pods run."""
        return self.workload.namespace

    def callers(self) -> Iterator[Group]:
        """Give who calls: clients by the router, and pods of the mesh."""
        domain = services_domain(self.scene.world)
        hosts = [f"https://….{domain}"] if text(domain) else []
        yield Group(
            OUTSIDE,
            Lane.CALLERS,
            "outside the cluster",
            "",
            nodes=(Node("clients", "Clients", "of Knative Services", tuple(hosts)), self._router()),
        )
        if self._local:
            lines = [f"to Service {item.ref.name}" for item in self._local[:2]]
            node = Node("callers", "Pods", "Eventing, projects", ("through their sidecars", *lines))
            yield Group(INSIDE, Lane.CALLERS, "inside the mesh", "", nodes=(node,))

    def _router(self) -> Node:
        world = self.scene.world
        found = world.objects(ROUTE)
        leading = [item for item in found if self._leads_here(item)]
        passing = [item for item in leading if item.get("spec", "tls", "termination") == _PASSED]
        lines = ["passes TLS through, by its name"]
        if leading:
            lines.append(f"{plural(len(leading), 'Route')} to the gateway")
            if len(passing) < len(leading):
                lines.append(f"{len(leading) - len(passing)} of them without passthrough")
        # Each finding about a Route is seen here, so they are all its own.
        refs = [item.ref for item in (*found, *world.objects(INGRESS_CONFIG))]
        return self.scene.node("router", lines, kind="OpenShift", identity=ROUTER, refs=refs)

    def _leads_here(self, route: Object) -> bool:
        names = {item.ref.name for item in self._external} | {INGRESS_SERVICE}
        here = not self.namespace or route.ref.namespace == self.namespace
        return here and text(at(route.get("spec", "to"), "name")) in names

    @cached_property
    def _external(self) -> list[Object]:
        return external_services(self.scene.world)

    @cached_property
    def _local(self) -> list[Object]:
        mesh = self.scene.mesh
        return local_services(self.scene.world, mesh) if mesh else []

    @cached_property
    def _made(self) -> Mesh | None:
        """The mesh whose control plane has a Service made that is not here."""
        mesh = self.scene.mesh
        here = any(item.ref.name == INGRESS_SERVICE for item in self._selecting)
        return mesh if mesh and makes_service(mesh) and not here and not self._external else None

    @cached_property
    def _selecting(self) -> list[Object]:
        return list(services(self.scene.world, self.workload))

    def nodes(self) -> Iterator[tuple[str, Node]]:
        """List its Services and pods, each with the namespace that it is in."""
        others = [each for each in self._selecting if each not in (*self._external, *self._local)]
        for item in (*self.scene.marked_first(others)[:3], *self._external):
            yield item.ref.namespace, self._service(item)
        if self._made:
            name = INGRESS_SERVICE
            yield self.namespace, Node(name, "Service", name, ("ClusterIP, 443 → 8443", _MADE))
        yield self.namespace, self._pods()
        for item in self._local:
            if item not in self._external:
                yield item.ref.namespace, self._service(item)

    def _service(self, item: Object) -> Node:
        leads = [f"{port} → {target}" for port, target in ports(item)]
        type_ = text(item.get("spec", "type")) or "ClusterIP"
        line = f"{type_}, {listed(leads, 3)}" if leads else type_
        return self.scene.node(item.ref.name, [line], [item])

    @cached_property
    def deployed(self) -> list[Object]:
        """The Deployments of its pods, as far as they are here."""
        mesh = self.scene.mesh
        pairs = zip(mesh.deployments, mesh.deployed, strict=True) if mesh else ()
        return [item for item, workload in pairs if workload == self.workload]

    def _pods(self) -> Node:
        found, lines = self.deployed, []
        if self.workload.labels:
            # Those that Gateways and Services select, that of the documentation first.
            pairs = [pair for pair in self.workload.labels if "/" not in pair[0]]
            pairs.sort(key=lambda pair: (pair[0] not in GATEWAY_SELECTOR, pair))
            lines.append(listed([f"{key}={value}" for key, value in pairs], 2))
        for item in found[:1]:
            injection = self.scene.world.injectors.injection(template_source(item).pod)
            if isinstance(injection, Injected):
                lines.append("Envoy, injected as a gateway")
            elif isinstance(injection, NotInjected):
                lines.append(f"not injected: {injection.why}")
        if found:
            return self.scene.node(
                found[0].ref.name, lines, found, kind="Gateway pods", identity=PODS
            )
        mesh = self.scene.mesh
        made = mesh is not None and makes_service(mesh)
        lines.append(_MADE if made else "not among what was read")
        name = INGRESS_SERVICE if made else "ingress gateway"
        return self._gateway_pods(name, lines, [])

    def _gateway_pods(self, name: str, lines: list[str], found: list[Object]) -> Node:
        return self.scene.node(name, lines, found, kind="Gateway pods", identity=PODS)

    def edges(self, identities: set[str]) -> Iterator[Edge]:
        """Lead from who calls, by the Services, to the pods."""
        local = Way.MUTUAL if is_mutual(self.scene.world) else Way.PLAIN
        yield Edge("clients", ROUTER, Way.TLS)
        if self._made:
            yield Edge(ROUTER, INGRESS_SERVICE, Way.TLS)
            yield Edge(INGRESS_SERVICE, PODS, Way.TLS)
        for item in (*self._external, *self._selecting, *self._local):
            node = self._service(item)
            if node.id not in identities:
                continue
            identities = identities - {node.id}
            way = local if item in self._local else Way.TLS
            if item in self._external:
                yield Edge(ROUTER, node.id, Way.TLS)
            elif item in self._local:
                yield Edge("callers", node.id, local)
            elif text(item.get("spec", "type")) in _OPEN:
                yield Edge("clients", node.id, Way.UNKNOWN, "past the router")
            if item in self._selecting:
                yield Edge(node.id, PODS, way)
