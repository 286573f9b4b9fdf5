"""Clusters with Knative's Gateways and a few of others, drawn from a seed."""

from dataclasses import dataclass, field
from random import Random
from typing import Any, Final

Body = dict[str, Any]

DOMAIN: Final = "apps.example.com"
SERVING: Final = "knative-serving"
KNATIVES: Final = ("knative-ingress-gateway", "knative-local-gateway")
HELLO: Final = "hello-default.apps.example.com"
HELLO_LOCAL: Final = "hello.default.svc.cluster.local"
TEAMS: Final = ("team-a", "team-b")
UNREAD: Final = "elsewhere"
"""A namespace that the control plane does not read."""
NO_TRANSLATION: Final = {"experimental.istio.io/disable-gateway-port-translation": "true"}

_HOSTS: Final = (
    *("*", "*/*", "./*", "team-a/*", "*.apps.example.com", "./*.apps.example.com"),
    *("*.Apps.Example.com", "*.example.com", "*.com", "*.other.example.com", "own.example.com"),
    *("team-b/own.example.com", "Own.example.com", HELLO, "bye-default.apps.example.com"),
    *("*.local", "*.cluster.local", "*.svc.cluster.local", "*.istio-system.svc.cluster.local"),
    *("*.default.svc.cluster.local", "*.knative-serving-ingress.svc.cluster.local"),
)
_PORTS: Final = (443, 443, 443, 8443, 80, 8080, 8081, 8081, 9000)
_PLAIN: Final = ("HTTP", "HTTP2", "GRPC", "http", "GRPC-Web")
_OPAQUE: Final = ("TCP", "MONGO", "MYSQL")
_MODES: Final = {
    "HTTPS": (
        *("SIMPLE", "SIMPLE", "SIMPLE", "MUTUAL", "OPTIONAL_MUTUAL", "ISTIO_MUTUAL"),
        "PASSTHROUGH",
    ),
    "TLS": ("SIMPLE", "MUTUAL", "ISTIO_MUTUAL", "PASSTHROUGH", "AUTO_PASSTHROUGH"),
}
_CREDENTIALS: Final = ("SIMPLE", "MUTUAL", "OPTIONAL_MUTUAL")
_BINDS: Final = ("0.0.0.0", "10.9.9.9")


@dataclass(frozen=True)
class Layout:
    """How a mesh has its ingress gateway, and where Knative's Gateways are there."""

    name: str
    namespace: str
    labels: dict[str, str]
    ingress: dict[str, str]
    """What knative-ingress-gateway selects."""
    local: dict[str, str]
    local_server: Body
    local_port: int
    """The pods' port of local calls."""
    services: tuple[Body, ...]
    derived: dict[str, str] = field(default_factory=dict)

    @property
    def mutual(self) -> bool:
        return "tls" in self.local_server


@dataclass(frozen=True)
class Cluster:
    """A cluster: what istiod reads, and what tells the rules of the mesh."""

    layout: Layout
    knatives: list[Body]
    others: list[Body]
    routes: list[Body]
    services: list[Body]
    mesh: list[Body]
    scoped: bool
    revision: str

    @property
    def objects(self) -> list[Body]:
        """Everything, as the rules see it."""
        return [*self.mesh, *self.services, *self.knatives, *self.others, *self.routes]


def _service(
    name: str, namespace: str, selector: dict[str, str], ports: dict[int, int], **metadata: Any
) -> Body:
    # Older and younger ones are drawn.
    dated = {"creationTimestamp": "2026-01-03T00:00:00Z", **metadata}
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": name, "namespace": namespace, **dated},
        "spec": {
            "clusterIP": f"10.1.{len(name)}.{len(namespace)}",
            "selector": selector,
            "ports": [
                {"name": f"p-{port}", "port": port, "targetPort": target}
                for port, target in ports.items()
            ],
        },
    }


_KNATIVE: Final = {"knative": "ingressgateway"}
_ISTIO: Final = {"istio": "ingressgateway"}
_SYSTEM: Final = "istio-system"
_INGRESS: Final = "knative-serving-ingress"
_LOCAL_HTTP: Final = {"name": "http", "protocol": "HTTP"}
_CI_LABELS: Final = {
    **_KNATIVE,
    "knative-ingress-gateway": "ingressgateway",
    "knative-local-gateway": "ingressgateway",
    "sidecar.istio.io/inject": "true",
}
LAYOUTS: Final = (
    Layout(
        name="Service Mesh 2",
        namespace=_SYSTEM,
        labels={"app": "istio-ingressgateway", **_ISTIO, **_KNATIVE},
        ingress=_KNATIVE,
        local=_KNATIVE,
        local_server={
            "port": {"number": 8081, "name": "https", "protocol": "HTTPS"},
            "hosts": ["*"],
            "tls": {"mode": "ISTIO_MUTUAL"},
        },
        local_port=8081,
        services=(
            _service("istio-ingressgateway", _SYSTEM, _ISTIO, {80: 8080, 443: 8443}),
            _service(KNATIVES[1], _SYSTEM, _ISTIO, {80: 8081}, labels=NO_TRANSLATION),
        ),
        derived={"service.istio.io/canonical-name": "istio-ingressgateway"},
    ),
    Layout(
        name="Service Mesh 3, documented",
        namespace=_INGRESS,
        labels={**_KNATIVE, "sidecar.istio.io/inject": "true"},
        ingress=_KNATIVE,
        local=_KNATIVE,
        local_server={"port": {"number": 8081, **_LOCAL_HTTP}, "hosts": ["*"]},
        local_port=8081,
        services=(
            _service("knative-istio-ingressgateway", _INGRESS, _KNATIVE, {80: 8080, 443: 8443}),
            _service(KNATIVES[1], _INGRESS, _KNATIVE, {80: 8081}, labels=NO_TRANSLATION),
        ),
        derived={"service.istio.io/canonical-name": "knative-istio-ingressgateway"},
    ),
    Layout(
        name="Service Mesh 3, the vendor's tests",
        namespace=_INGRESS,
        labels=_CI_LABELS,
        ingress={"knative-ingress-gateway": "ingressgateway"},
        local={"knative-local-gateway": "ingressgateway"},
        local_server={"port": {"number": 80, **_LOCAL_HTTP}, "hosts": ["*"]},
        local_port=8080,
        services=(
            _service(
                "knative-istio-ingressgateway",
                _INGRESS,
                {"knative-ingress-gateway": "ingressgateway"},
                {80: 8080, 443: 8443},
            ),
            _service(KNATIVES[1], _INGRESS, _KNATIVE, {80: 8080}, labels=NO_TRANSLATION),
        ),
        derived={"service.istio.io/canonical-name": "knative-istio-ingressgateway"},
    ),
)


def cluster(random: Random) -> Cluster:
    """Draw a cluster."""
    layout = random.choice(LAYOUTS)
    scoped = random.random() < 0.04
    revision = "basic" if layout.namespace == _SYSTEM else "default"
    count = random.choice((1, 1, 1, 2, 2, 3))
    others = [_gateway(random, layout, index) for index in range(count)]
    services = list(layout.services)
    if random.random() < 0.25:
        ports = random.choice(({9000: 8443}, {9000: 8081}, {8080: 8081, 9000: 9000}, {8081: 9001}))
        if layout.local_port == 8080 or 8081 not in ports:
            labels = random.choice(({}, {}, NO_TRANSLATION))
            extra = _service("extra", layout.namespace, _KNATIVE, ports, labels=labels)
            services.append(_created(extra, random.choice((1, 5))))
    return Cluster(
        layout=layout,
        knatives=[_aged(each, random) for each in knatives(layout)],
        others=others,
        routes=[route for each in others for route in _routes(random, each)],
        services=services,
        mesh=_mesh(layout, scoped),
        scoped=scoped,
        revision=revision,
    )


def knatives(layout: Layout) -> list[Body]:
    ingress = {
        "port": {"number": 443, "name": "https", "protocol": "HTTPS"},
        "hosts": ["*"],
        "tls": {"mode": "SIMPLE", "credentialName": "wildcard-certs"},
    }
    return [
        gateway(KNATIVES[0], SERVING, layout.ingress, [ingress]),
        gateway(KNATIVES[1], SERVING, layout.local, [layout.local_server]),
    ]


def gateway(name: str, namespace: str, selector: dict[str, str], servers: list[Body]) -> Body:
    return {
        "apiVersion": "networking.istio.io/v1",
        "kind": "Gateway",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {"selector": selector, "servers": servers},
    }


def _aged(body: Body, random: Random) -> Body:
    """Date an object; a few are of one age."""
    return _created(body, random.randint(1, 5))


def _created(body: Body, day: int) -> Body:
    created = f"2026-01-{day:02}T00:00:00Z"
    return {**body, "metadata": {**body["metadata"], "creationTimestamp": created}}


def _gateway(random: Random, layout: Layout, index: int) -> Body:
    # A selector that the pods' labels satisfy, most often.
    labels = {**layout.labels, **layout.derived}
    chosen = random.sample(sorted(labels), random.choice((0, 1, 1, 1, 2)))
    selector = {key: labels[key] for key in chosen}
    if random.random() < 0.1:
        key = random.choice(("team", "knative", "service.istio.io/canonical-name"))
        selector[key] = "another"
    names = (*TEAMS, SERVING, layout.namespace, *((UNREAD,) if random.random() < 0.3 else ()))
    servers = [_server(random, n) for n in range(random.choice((1, 1, 1, 2)))]
    body = gateway(f"gateway-{index}", random.choice(names), selector, servers)
    if random.random() < 0.1:
        body["metadata"]["labels"] = {"istio.io/rev": random.choice(("basic", "default", "next"))}
    return _aged(body, random)


def _server(random: Random, index: int) -> Body:
    protocol = random.choice((*_PLAIN[:3], *_OPAQUE[:2], *("HTTPS",) * 7, *("TLS",) * 4, *_PLAIN))
    found: Body = {
        "port": {
            "number": random.choice(_PORTS),
            "name": f"{protocol.lower()}-{index}",
            "protocol": protocol,
        },
        "hosts": _hosts(random),
    }
    if protocol in _MODES:
        mode = random.choice(_MODES[protocol])
        found["tls"] = {"mode": mode}
        if mode in _CREDENTIALS:
            found["tls"]["credentialName"] = "theirs"
    elif protocol == "HTTP" and random.random() < 0.3:
        found["tls"] = {"httpsRedirect": True}
    if random.random() < 0.1:
        found["bind"] = random.choice(_BINDS)
    return found


def _hosts(random: Random) -> list[str]:
    hosts = sorted(random.sample(_HOSTS, random.choice((1, 1, 1, 2))))
    # istiod itself panics at `*/*` before another host with a namespace.
    return hosts[:1] if hosts[0] == "*/*" else hosts


def _routes(random: Random, body: Body) -> list[Body]:
    """Route what a Gateway's servers take to another service, most often."""
    hosts = [
        (server, host)
        for server in body["spec"]["servers"]
        for host in sorted({host.rpartition("/")[2] for host in server["hosts"]})
    ]
    return [
        _route(random, body, server, host, number)
        for number, (server, host) in enumerate(hosts)
        if random.random() < 0.85
    ]


def _route(random: Random, body: Body, server: Body, host: str, number: int) -> Body:
    of = body["metadata"]
    to = [{"destination": {"host": "theirs.team-a.svc.cluster.local", "port": {"number": 80}}}]
    spec: Body = {"hosts": [host], "gateways": [f"{of['namespace']}/{of['name']}"]}
    if server.get("tls", {}).get("mode") == "PASSTHROUGH":
        spec["tls"] = [{"match": [{"sniHosts": [host]}], "route": to}]
    elif server["port"]["protocol"] in ("TLS", *_OPAQUE):
        spec["tcp"] = [{"route": to}]
    else:
        spec["http"] = [{"route": to}]
    if export := random.choice((None, None, None, ["*"], ["."], ["team-b"])):
        spec["exportTo"] = export
    return {
        "apiVersion": "networking.istio.io/v1",
        "kind": "VirtualService",
        "metadata": {"name": f"{of['name']}-{number}", "namespace": of["namespace"]},
        "spec": spec,
    }


def _mesh(layout: Layout, scoped: bool) -> list[Body]:
    """Tell the rules what the mesh is, as a cluster does."""
    variables = {"PILOT_SCOPE_GATEWAY_TO_NAMESPACE": "true"} if scoped else {}
    ingress = {
        "apiVersion": "config.openshift.io/v1",
        "kind": "Ingress",
        "metadata": {"name": "cluster"},
        "spec": {"domain": DOMAIN},
    }
    hello = {
        "apiVersion": "serving.knative.dev/v1",
        "kind": "Service",
        "metadata": {"name": "hello", "namespace": "default"},
    }
    read = {"matchLabels": {"mesh": "ours"}}
    names = (SERVING, "knative-eventing", "default", layout.namespace, *TEAMS)
    if layout.namespace == _SYSTEM:
        plane: list[Body] = [
            {
                "apiVersion": "maistra.io/v2",
                "kind": "ServiceMeshControlPlane",
                "metadata": {"name": "basic", "namespace": _SYSTEM},
                "spec": {
                    "gateways": {"ingress": {"service": {"metadata": {"labels": _KNATIVE}}}},
                    "runtime": {"components": {"pilot": {"container": {"env": variables}}}},
                },
            },
            {
                "apiVersion": "maistra.io/v1",
                "kind": "ServiceMeshMemberRoll",
                "metadata": {"name": "default", "namespace": _SYSTEM},
                "spec": {"members": [name for name in names if name != _SYSTEM]},
            },
        ]
    else:
        plane = [
            {
                "apiVersion": "sailoperator.io/v1",
                "kind": "Istio",
                "metadata": {"name": "default"},
                "spec": {
                    "namespace": _SYSTEM,
                    "values": {
                        "meshConfig": {"discoverySelectors": [read]},
                        "pilot": {"env": variables},
                    },
                },
            },
            {
                "apiVersion": "apps/v1",
                "kind": "Deployment",
                "metadata": {
                    "name": "knative-istio-ingressgateway",
                    "namespace": layout.namespace,
                },
                "spec": {
                    "template": {
                        "metadata": {
                            "annotations": {"inject.istio.io/templates": "gateway"},
                            "labels": layout.labels,
                        }
                    }
                },
            },
        ]
    namespaces: list[Body] = [
        {
            "apiVersion": "v1",
            "kind": "Namespace",
            "metadata": {"name": name, "labels": {} if name == UNREAD else {"mesh": "ours"}},
        }
        for name in dict.fromkeys((*names, _SYSTEM, UNREAD))
    ]
    return [ingress, hello, *plane, *namespaces]
