"""Meshes of Service Mesh 3 with PeerAuthentications and DestinationRules, drawn from a seed.

The Services and the pods are always the same, so that istiod is asked about configuration alone.
"""

from dataclasses import dataclass
from random import Random
from typing import Any, Final

Body = dict[str, Any]

ROOT: Final = "istio-system"
SERVING: Final = "knative-serving"
EVENTING: Final = "knative-eventing"
INGRESS: Final = "knative-serving-ingress"
ELSEWHERE: Final = "other"
"""A namespace without any configuration of its own."""
PORTS: Final = (8012, 8080, 9999)
TARGETS: Final = {
    ("activator-service", SERVING): (80, 81),
    ("autoscaler", SERVING): (8080,),
    ("broker-ingress", EVENTING): (80,),
    ("hello-00001", "shop"): (80,),
    ("hello", "shop"): (80,),
    ("knative-local-gateway", INGRESS): (80,),
}
LOCAL: Final = "knative-local-gateway.knative-serving-ingress.svc.cluster.local"
CLIENTS: Final = (ROOT, SERVING, EVENTING, "shop", "news", INGRESS, ELSEWHERE)
_SELECTING: Final = (
    {"app": "activator"},
    {"app": "autoscaler"},
    {"tier": "web"},
    {"app": "activator", "tier": "web"},
)
PROBED: Final = (ROOT, SERVING, EVENTING, "shop", ELSEWHERE)
LABELS: Final[tuple[dict[str, str], ...]] = ({}, *_SELECTING)
_MODES: Final = ("STRICT", "STRICT", "PERMISSIVE", "DISABLE", "UNSET", None)
_HOSTS: Final = (
    *("*", "*.local", "*.cluster.local", "*.svc.cluster.local", "kubernetes.default"),
    *(f"*.{namespace}.svc.cluster.local" for namespace in (SERVING, EVENTING, "shop", INGRESS)),
    *(f"{name}.{namespace}.svc.cluster.local" for name, namespace in TARGETS),
    *("activator-service", "autoscaler", "hello-00001", "broker-ingress", "hello"),
    "knative-local-gateway",
    *("activator-service.knative-serving", "hello-00001.shop.svc", "*.example.com"),
    "Activator-Service.knative-serving.svc.cluster.local",
)
_TLS: Final[tuple[Body | None, ...]] = (
    *(None, {"mode": "ISTIO_MUTUAL"}, {"mode": "ISTIO_MUTUAL"}),
    *({"mode": "DISABLE"}, {"mode": "SIMPLE"}, {"sni": "a.example.com"}),
)
_POOL: Final[Body] = {"connectionPool": {"tcp": {"maxConnections": 10}}}
_SEEN_BY: Final[tuple[list[str] | None, ...]] = (
    *(None, None, ["*"], ["."], ["news"], ["shop", "."], [ROOT], [SERVING]),
)


@dataclass(frozen=True)
class Mesh:
    """What there is besides Services and pods."""

    authentications: list[Body]
    rules: list[Body]
    mutual: bool
    """Whether the local gateway takes mTLS alone."""

    def configuration(self) -> list[Body]:
        return [*self.authentications, *self.rules, _local_gateway(mutual=self.mutual)]


def mesh(seed: int) -> Mesh:
    """Draw a mesh."""
    dice = Random(seed)
    authentications = [_authentication(dice, index) for index in range(dice.choice((0, 1, 2, 4)))]
    if dice.random() < 0.8:
        # Most meshes are strict to begin with, or nothing else would ever be found.
        strict = {"mtls": {"mode": "STRICT"}}
        authentications.append(_made(dice, "PeerAuthentication", ROOT, "mesh", strict))
    rules = [_destination_rule(dice, index) for index in range(dice.choice((0, 1, 2, 3, 5)))]
    mutual = dice.random() < 0.5
    if dice.random() < 0.4:
        rules += _contradiction(dice)
    return Mesh(authentications, rules, mutual)


def _contradiction(dice: Random) -> list[Body]:
    """Make the root namespace and the Service's own say different things of it."""
    name, namespace = dice.choice(list(TARGETS))
    host = f"{name}.{namespace}.svc.cluster.local"
    modes = dice.sample(("DISABLE", "ISTIO_MUTUAL"), 2)
    return [
        _made(dice, "DestinationRule", where, "contradicts", {"host": host, **_policy(mode)})
        for where, mode in zip((ROOT, namespace), modes, strict=True)
    ]


def _policy(mode: str) -> Body:
    return {"trafficPolicy": {"tls": {"mode": mode}}}


def _made(dice: Random, kind: str, namespace: str, name: str, spec: Body) -> Body:
    group = "security" if kind == "PeerAuthentication" else "networking"
    made = f"2026-01-0{dice.randint(1, 4)}T00:00:00Z"
    return {
        "apiVersion": f"{group}.istio.io/v1",
        "kind": kind,
        "metadata": {"name": name, "namespace": namespace, "creationTimestamp": made},
        "spec": spec,
    }


def _authentication(dice: Random, index: int) -> Body:
    namespace = dice.choice((ROOT, SERVING, SERVING, EVENTING, "shop"))
    spec: Body = {}
    if (mode := dice.choice(_MODES)) is not None:
        spec["mtls"] = {"mode": mode}
    if dice.random() < 0.6:
        spec["selector"] = {"matchLabels": dice.choice(_SELECTING)}
        if dice.random() < 0.4:
            port, by_port = dice.choice(PORTS), dice.choice(_MODES[:-1])
            spec["portLevelMtls"] = {str(port): {"mode": by_port}}
    name = f"{dice.choice('abc')}-{index}"
    return _made(dice, "PeerAuthentication", namespace, name, spec)


def _destination_rule(dice: Random, index: int) -> Body:
    namespace = dice.choice((ROOT, ROOT, SERVING, EVENTING, "shop", INGRESS, "news"))
    spec: Body = {"host": dice.choice(_HOSTS)}
    policy: Body = {}
    if (tls := dice.choice(_TLS)) is not None:
        policy["tls"] = tls
    if dice.random() < 0.2:
        by_port: Body = {"port": {"number": dice.choice((80, 81, 8080, 9090))}}
        tls = dice.choice(_TLS)
        by_port.update(_POOL if tls is None else {"tls": tls})
        policy["portLevelSettings"] = [by_port]
    if policy or dice.random() < 0.5:
        spec["trafficPolicy"] = policy or _POOL
    if (seen := dice.choice(_SEEN_BY)) is not None:
        # Its own namespace by its name and by a dot would be refused.
        spec["exportTo"] = [each for each in seen if each != "." or namespace not in seen]
    if dice.random() < 0.1:
        spec["workloadSelector"] = {"matchLabels": {"app": "caller"}}
        spec.pop("exportTo", None)
    return _made(dice, "DestinationRule", namespace, f"{dice.choice('abc')}-{index}", spec)


def _local_gateway(*, mutual: bool) -> Body:
    server: Body = {
        "port": {"number": 8081, "name": "local", "protocol": "HTTPS" if mutual else "HTTP"},
        "hosts": ["*"],
    }
    if mutual:
        server["tls"] = {"mode": "ISTIO_MUTUAL"}
    return {
        "apiVersion": "networking.istio.io/v1",
        "kind": "Gateway",
        "metadata": {"name": "knative-local-gateway", "namespace": SERVING},
        "spec": {"selector": {"knative": "ingressgateway"}, "servers": [server]},
    }


def services() -> list[Body]:
    """Return the Services that are called."""
    return [
        {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": {"name": name, "namespace": namespace},
            "spec": {
                "clusterIP": f"10.1.0.{index + 1}",
                "selector": {"serves": name},
                "ports": [
                    {"name": f"http-{port}", "port": port, "targetPort": 8080} for port in ports
                ],
            },
        }
        for index, ((name, namespace), ports) in enumerate(TARGETS.items())
    ]


def control_plane() -> list[Body]:
    """Return the mesh itself, and a Knative Service in it."""
    return [
        {
            "apiVersion": "sailoperator.io/v1",
            "kind": "Istio",
            "metadata": {"name": "default"},
            "spec": {"namespace": ROOT},
        },
        {
            "apiVersion": "serving.knative.dev/v1",
            "kind": "Service",
            "metadata": {"name": "hello", "namespace": "shop"},
            "spec": {"template": {"spec": {"containers": [{"image": "example.com/hello"}]}}},
        },
    ]
