"""What the pods of the ingress gateway listen for: Gateways, and the certificates they serve."""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Final

from mesh_policy.documented.kinds import CERTIFICATE, GATEWAY, SECRET
from mesh_policy.findings import Ref
from mesh_policy.gateways import Asked, Selection, asked, gateways
from mesh_policy.mesh.gateway_secrets import secrets_of
from mesh_policy.mesh.knative_gateways import ingress_gateways, local_gateways
from mesh_policy.reading.istio_credentials import credentials, secret_name, served
from mesh_policy.reading.istio_gateways import Layer, Server
from mesh_policy.reading.objects import Object
from mesh_policy.reading.values import UNKNOWN, text
from mesh_policy.reading.x509 import names, validity
from serverless_mesh.cli.graph.ingress import Ingress
from serverless_mesh.cli.graph.model import Edge, Group, Lane, Node, Way, listed, plural
from serverless_mesh.cli.graph.scene import PODS, Scene, identity_of

_MUTUAL: Final = "ISTIO_MUTUAL"
_GATEWAYS_SHOWN: Final = 5
_SERVERS_SHOWN: Final = 3
_SECRETS_SHOWN: Final = 3
_SOON: Final = 30
"""Days before the end of a certificate from which they are counted: no picture changes daily."""


@dataclass(frozen=True, eq=False)
class Listening:
    """The Gateways of the ingress gateway."""

    scene: Scene
    ingress: Ingress

    @cached_property
    def _asked(self) -> dict[Ref, list[Asked]]:
        """What each Gateway asks for on the pods, in the order of their names."""
        world = self.scene.world
        read = gateways(world, self.scene.mesh, serverless=True).read
        found: dict[Ref, list[Asked]] = defaultdict(list)
        for each in asked(world, self.ingress.workload, Selection(read)):
            if isinstance(each, Asked):
                found[each.item.ref].append(each)
        return found

    @cached_property
    def _knatives(self) -> list[Object]:
        world = self.scene.world
        return list(dict.fromkeys((*ingress_gateways(world), *local_gateways(world))))

    @cached_property
    def _drawn(self) -> tuple[list[Object], list[Object]]:
        """The Gateways that are drawn, and those that are not."""
        world, own = self.scene.world, {item.ref for item in self._knatives}
        found = [item for ref in self._asked if (item := world.by_key.get(ref))]
        marked = [item for item in world.objects(GATEWAY) if self.scene.is_marked(item)]
        others = list(dict.fromkeys(item for item in (*marked, *found) if item.ref not in own))
        rest = self.scene.marked_first(others)
        shown = rest if len(rest) <= _GATEWAYS_SHOWN + 1 else rest[:_GATEWAYS_SHOWN]
        return [*self._knatives, *shown], rest[len(shown) :]

    def group(self) -> Group:
        """Give the Gateways as one group."""
        drawn, more = self._drawn
        nodes = [self._gateway(item) for item in drawn]
        if more:
            marks = self.scene.on(item.ref for item in more)
            name = f"{len(more)} more Gateways"
            nodes.append(Node("more-gateways", "Gateways", name, marks=marks, gathers=True))
        return Group("gateways", Lane.GATEWAYS, "Gateways", "on these pods", nodes=tuple(nodes))

    def _gateway(self, item: Object) -> Node:
        lines = [f"in {item.ref.namespace}"]
        heard = self._asked.get(item.ref, [])
        for each in heard[:_SERVERS_SHOWN]:
            lines.append(_server(each.server, each.port))
        if len(heard) > _SERVERS_SHOWN:
            lines.append(f"and {plural(len(heard) - _SERVERS_SHOWN, 'more server')}")
        if not heard:
            lines.append("on none of these pods")
        given = [text(name) for _, name in credentials(item) if text(name)]
        if given:
            lines.append(f"secret {listed(list(dict.fromkeys(given)), 2)}")
        return self.scene.node(item.ref.name, lines, [item])

    def secrets(self) -> Iterator[tuple[str, Node]]:
        """List the secrets that Knative's Gateways name, each with the namespace that it is in."""
        for ref in list(self._named)[:_SECRETS_SHOWN]:
            yield ref.namespace, self._secret(ref)

    @cached_property
    def _named(self) -> dict[Ref, list[Object]]:
        """The secrets with the Gateways that name them."""
        found: dict[Ref, list[Object]] = defaultdict(list)
        for item in self._knatives:
            for _, credential in credentials(item):
                if (name := secret_name(credential, self.ingress.namespace)) and name.name:
                    found[Ref(SECRET, *name)].append(item)
        return found

    def _secret(self, ref: Ref) -> Node:
        world = self.scene.world
        found = secrets_of(world, self.scene.mesh, ref.name)
        keepers = [
            item
            for item in world.objects(CERTIFICATE, ref.namespace)
            if item.get("spec", "secretName") == ref.name
        ]
        lines = [line for item in found[:1] for line in self._served(item)]
        if not found:
            lines.append("could not be read" if ref in world.unseen else "not among what was read")
        lines += [f"kept by cert-manager: {item.ref.name}" for item in keepers[:1]]
        refs = {ref, *(item.ref for item in keepers)}
        node = self.scene.node(ref.name, lines, found[:1], kind="Secret", refs=refs)
        return replace(node, id=identity_of(ref.kind, ref.namespace, ref.name))

    def _served(self, secret: Object) -> Iterator[str]:
        certificate = served(secret.body).certificate
        if certificate is UNKNOWN:
            yield "certificate not known until the update"
            return
        valid = validity(text(certificate))
        if valid is None:
            yield "no certificate in it"
            return
        until = valid[1]
        yield f"for {listed(names(text(certificate)), 2)}"
        days = (until - self.scene.world.now).days
        ends = ", expired" if days < 0 else f", {plural(days, 'day')} left" if days <= _SOON else ""
        yield f"until {until:%Y-%m-%d}{ends}"

    def edges(self) -> Iterator[Edge]:
        """Lead from the pods to the Gateways, and from secrets to those that serve them."""
        drawn, more = self._drawn
        for item in drawn:
            if heard := self._asked.get(item.ref):
                yield Edge(PODS, self._gateway(item).id, _way([each.server for each in heard]))
        if more:
            rest = [each.server for item in more for each in self._asked.get(item.ref, ())]
            yield Edge(PODS, "more-gateways", _way(rest))
        for ref in list(self._named)[:_SECRETS_SHOWN]:
            for item in self._named[ref]:
                yield Edge(self._secret(ref).id, self._gateway(item).id, Way.CERTIFICATE)

    def onward(self) -> Iterator[str]:
        """List the ids of Knative's own Gateways, from which requests go on to Knative Services."""
        yield from (self._gateway(item).id for item in self._knatives)


def _server(server: Server, port: int) -> str:
    leads = f"{server.port}" if port == server.port else f"{server.port} → {port}"
    hosts = list(dict.fromkeys(host.name for host in server.hosts))
    how = server.mode or ("redirect to TLS" if server.redirects else str(server.layer))
    layer = f"{server.layer} {server.mode}".strip() if server.layer == Layer.TLS else how
    return f"{leads}  {layer}  {listed(hosts, 2)}"


def _way(found: list[Server]) -> Way:
    if any(server.mode == _MUTUAL for server in found):
        return Way.MUTUAL
    layers = {server.layer for server in found if not server.redirects}
    if layers == {Layer.HTTP}:
        return Way.PLAIN
    return Way.TCP if layers == {Layer.TCP} else Way.TLS
