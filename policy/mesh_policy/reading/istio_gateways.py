"""How istiod reads Gateways: which connections a server asks for, and on which of the pods' ports.

Each function mirrors one of istiod's, whose name it says; `tests/differential` holds them against
istiod itself.
"""

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, Final, NamedTuple

from mesh_policy.documented.names import NO_PORT_TRANSLATION
from mesh_policy.reading.cluster_hosts import ServiceName
from mesh_policy.reading.objects import Object
from mesh_policy.reading.values import UNKNOWN, at, has_unknown, items, mapping, number, text

_HTTP: Final = frozenset({"HTTP", "HTTP2", "HTTP_PROXY", "GRPC", "GRPC-WEB"})
_TLS: Final = frozenset({"HTTPS", "TLS"})
_PASSING: Final = frozenset({"PASSTHROUGH", "AUTO_PASSTHROUGH"})
ANY_ADDRESS: Final = ("", "0.0.0.0", "::")  # noqa: S104


class Layer(StrEnum):
    """What a listener takes connections for; one port of an address takes one of them only."""

    HTTP = "plain HTTP"
    TLS = "TLS"
    TCP = "TCP"


class Host(NamedTuple):
    """A host of a server with its path; `name` is as istiod compares it with others."""

    path: str
    name: str

    @property
    def sni(self) -> str:
        """The name without namespace, as Envoy compares it with others."""
        return self.name.rpartition("/")[2].lower()


class Server(NamedTuple):
    """A server of a Gateway. `listens` is its port on the pods where it is no Service's to say."""

    path: str
    port: int
    bind: str
    layer: Layer
    mode: str
    terminates: bool
    """Whether it terminates HTTPS: only then do its own hosts become matches of Envoy's."""
    hosts: Sequence[Host]
    listens: int | None = None
    redirects: bool = False
    """Whether it is for plain HTTP and redirects to HTTPS, which is a setting of TLS's too."""

    @property
    def has_tls(self) -> bool:
        """Whether it has settings of TLS, by which istiod compares its hosts with others'."""
        return self.layer == Layer.TLS or self.redirects

    @property
    def address(self) -> str:
        """The address that it is bound to; empty for every one."""
        return "" if self.bind in ANY_ADDRESS else self.bind


def servers(gateway: Object) -> Iterator[Server | str]:
    """List a Gateway's servers; for what is not known yet, its path (`mergeGateways`)."""
    found = gateway.get("spec", "servers")
    if found is UNKNOWN:
        yield "spec.servers"
    for index, server in enumerate(items(found)):
        path = f"spec.servers[{index}]"
        port, bind, hosts = at(server, "port"), at(server, "bind"), at(server, "hosts")
        if server is UNKNOWN or has_unknown(port) or UNKNOWN in (bind, hosts):
            yield path
        elif (claimed := number(at(port, "number"))) is not None:
            layer, mode, terminates = _layer(at(port, "protocol"), at(server, "tls"))
            known = []
            for position, host in enumerate(items(hosts)):
                place = f"{path}.hosts[{position}]"
                if host is UNKNOWN:
                    yield place
                elif name := sanitized(text(host), gateway.ref.namespace):
                    known.append(Host(place, name))
            redirects = layer == Layer.HTTP and bool(mapping(at(server, "tls")))
            yield Server(
                path, claimed, text(bind), layer, mode, terminates, known, redirects=redirects
            )


def _layer(protocol: Any, tls: Any) -> tuple[Layer, str, bool]:
    """Say what a server takes (`IsTLSServer`, `IsHTTPServer`), its mode, whether it terminates."""
    name, mode = text(protocol).upper(), text(at(tls, "mode"))
    if name in _HTTP:
        return Layer.HTTP, "", False
    if name in _TLS or mapping(tls):
        return Layer.TLS, mode, name == "HTTPS" and mode not in _PASSING
    return Layer.TCP, "", False


def sanitized(host: str, namespace: str) -> str:
    """Return a server's host as `sanitizeServerHostNamespace` does."""
    scope, slash, name = host.partition("/")
    if not slash:
        return host
    if scope == ".":
        return f"{namespace}/{name}"
    return name if scope == "*" else host


def listeners(gateway: Object, service: Object) -> Iterator[Server | str]:
    """List the servers that istiod makes of a Gateway of the Gateway API, attached to a Service."""
    targets = dict(ports(service))
    found = gateway.get("spec", "listeners")
    if found is UNKNOWN:
        yield "spec.listeners"
    for index, listener in enumerate(items(found)):
        path = f"spec.listeners[{index}]"
        port, hostname = at(listener, "port"), at(listener, "hostname")
        if UNKNOWN in (listener, port, hostname, at(listener, "protocol")):
            yield path
        elif (claimed := number(port)) in targets and claimed is not None:
            tls = at(listener, "tls")
            mode = {"Passthrough": "PASSTHROUGH"}.get(text(at(tls, "mode")), "SIMPLE")
            given = {"mode": mode} if tls is not None else None
            layer, mode, terminates = _layer(at(listener, "protocol"), given)
            name = f"{gateway.ref.namespace}/{text(hostname) or '*'}"
            hosts = [Host(f"{path}.hostname" if hostname else path, name)]
            yield Server(path, claimed, "", layer, mode, terminates, hosts, targets[claimed])


def attached(gateway: Object) -> Iterator[str]:
    """List the Services that a Gateway of the Gateway API names (`extractGatewayServices`)."""
    for address in items(gateway.get("spec", "addresses")):
        if at(address, "type") in (None, "Hostname") and text(at(address, "value")):
            value = text(at(address, "value"))
            yield value if "." in value else ServiceName(value, gateway.ref.namespace).host


def service_host(service: Object) -> str:
    """Return the name by which istiod knows a Service."""
    return ServiceName(service.ref.name, service.ref.namespace).host


def target(entry: Any) -> int | None:
    """Return the port of the pods to which a port of a Service leads; None where not known.

    A name is that of a port of the pods, which the injector's templates give none.
    """
    leads = at(entry, "targetPort")
    return number(at(entry, "port")) if leads is None else number(leads)


def ports(service: Object) -> Iterator[tuple[int, int]]:
    """List a Service's ports, each with the pods' port (`GetProxyServiceTargetsByPod`).

    Of several that lead to one port of the pods by one protocol, the first one counts.
    """
    seen = set()
    for entry in items(service.get("spec", "ports")):
        port, leads = number(at(entry, "port")), target(entry)
        protocol = text(at(entry, "appProtocol")) or text(at(entry, "name")).partition("-")[0]
        if port is not None and leads is not None and (leads, protocol.lower()) not in seen:
            seen.add((leads, protocol.lower()))
            yield port, leads


def translation(services: Iterable[Object]) -> dict[int, int]:
    """Return to which ports of the pods their Services lead a Gateway's ports (`resolvePorts`).

    The oldest Service that has the port decides, the first by name where they are of one age; one
    with the label for it is left out. Any other port is the pods' own.
    """
    found: dict[int, int] = {}
    for service in sorted(services, key=lambda each: (created(each) or _NEVER, service_host(each))):
        if NO_PORT_TRANSLATION not in service.labels:
            for port, target in ports(service):
                found.setdefault(port, target)
    return found


_NEVER: Final = datetime.max.replace(tzinfo=UTC)


def created(item: Object) -> datetime | None:
    """Return when the API server took an object in; None where that is not known, or it has not."""
    try:
        found = datetime.fromisoformat(text(item.get("metadata", "creationTimestamp")))
    except ValueError:
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)
