"""Istio's own code, asked about small worlds: Gateways, mutual TLS, routes, and what is wrong."""

import json
import subprocess
from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from toolchain.mesh.programs import envoy
from toolchain.mesh.traffic import IstioTraffic

GATEWAYS = """
apiVersion: v1
kind: Service
metadata: {name: ingress, namespace: edge}
spec:
  selector: {knative: ingressgateway}
  ports: [{name: http2, port: 80, targetPort: 8080}, {name: https, port: 443, targetPort: 8443}]
---
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: old, namespace: a, creationTimestamp: "2026-01-01T00:00:00Z"}
spec:
  selector: {knative: ingressgateway}
  servers:
  - port: {number: 443, name: https, protocol: HTTPS}
    hosts: ["*"]
    tls: {mode: SIMPLE, credentialName: old}
---
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: young, namespace: b, creationTimestamp: "2026-01-02T00:00:00Z"}
spec:
  selector: {knative: ingressgateway}
  servers:
  - port: {number: 443, name: https, protocol: HTTPS}
    hosts: ["*", "own.example.com"]
    tls: {mode: SIMPLE, credentialName: young}
  - port: {number: 80, name: http, protocol: HTTP}
    hosts: ["*"]
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: hello, namespace: a}
spec:
  hosts: [hello.example.com]
  gateways: [a/old]
  http: [{route: [{destination: {host: hello.a.svc.cluster.local, port: {number: 80}}}]}]
---
apiVersion: v1
kind: Service
metadata: {name: hello, namespace: a}
spec: {selector: {app: hello}, ports: [{name: http, port: 80}]}
"""
GATEWAY_PROXY = {
    "type": "router",
    "namespace": "edge",
    "name": "gateway-1",
    "labels": {"knative": "ingressgateway"},
    "serviceAccount": "default",
    "ip": "10.0.0.1",
}


@pytest.fixture(scope="module")
def istio() -> Iterator[IstioTraffic]:
    with IstioTraffic() as running:
        yield running


def objects(text: str) -> list[dict[str, Any]]:
    return [body for body in yaml.safe_load_all(text) if body]


def call(**fields: Any) -> dict[str, Any]:
    return {"port": 8443, "protocol": "http", "tls": "tls", "mode": "gateway", **fields}


def asked(istio: IstioTraffic, *calls: dict[str, Any], **world: Any) -> dict[str, Any]:
    proxies = [{**GATEWAY_PROXY, "calls": calls}]
    return istio.answer({"objects": objects(GATEWAYS), "proxies": proxies, **world})


def test_the_older_gateway_keeps_a_host(istio: IstioTraffic) -> None:
    (proxy,) = asked(istio, call(sni="hello.example.com", host="hello.example.com"))["proxies"]
    served = [(each["port"], each["gateway"], each["declared"]) for each in proxy["servers"]]
    assert served == [(8443, "a/old", 443), (8080, "b/young", 80)]
    (outcome,) = proxy["calls"]
    assert outcome["chain"]["secrets"] == ["kubernetes://old"]
    assert outcome["chain"]["route"] == "https.443.https.old.a"
    assert outcome["cluster"] == "outbound|80||hello.a.svc.cluster.local"


def test_a_call_that_nothing_takes_is_refused(istio: IstioTraffic) -> None:
    calls = (
        call(port=9999, host="hello.example.com"),
        call(host="hello.example.com", tls="plaintext"),
        call(port=8443, host="other.example.com", sni="other.example.com"),
    )
    (proxy,) = asked(istio, *calls)["proxies"]
    found = [each.get("error") for each in proxy["calls"]]
    assert found == ["no listener matched", "invalid TLS", "no virtual host matched"]


def test_another_revisions_objects_are_not_read(istio: IstioTraffic) -> None:
    world = objects(GATEWAYS)
    world[1]["metadata"]["labels"] = {"istio.io/rev": "other"}
    proxies = [GATEWAY_PROXY]
    found = istio.answer({"objects": world, "proxies": proxies, "revision": "default"})
    assert found["unread"] == [{"kind": "Gateway", "namespace": "a", "name": "old"}]
    assert {each["gateway"] for each in found["proxies"][0]["servers"]} == {"b/young"}
    found = istio.answer({"objects": world, "proxies": proxies, "tags": ["other"], "revision": "x"})
    assert "unread" not in found


def test_namespaces_that_are_not_discovered_are_not_read(istio: IstioTraffic) -> None:
    mesh = {"discoverySelectors": [{"matchLabels": {"mesh": "ours"}}]}
    names = {"a": {}, "b": {"mesh": "ours"}, "edge": {"mesh": "ours"}}
    world = objects(GATEWAYS)
    for name, labels in names.items():
        metadata = {"name": name, "labels": labels}
        world.append({"apiVersion": "v1", "kind": "Namespace", "metadata": metadata})
    found = istio.answer({"objects": world, "proxies": [GATEWAY_PROXY], "mesh": mesh})
    assert {each["name"] for each in found["unread"]} == {"old", "hello"}


def test_gateways_can_be_scoped_to_the_namespace_of_the_workload(istio: IstioTraffic) -> None:
    assert "servers" not in asked(istio, scopeGatewayToNamespace=True)["proxies"][0]
    assert asked(istio)["proxies"][0]["servers"]


def test_what_the_api_server_would_refuse_is_left_out_and_said(istio: IstioTraffic) -> None:
    world = objects(GATEWAYS)
    world[1]["spec"]["servers"][0]["hosts"] = ["*bad*"]
    found = istio.answer({"objects": world, "proxies": [GATEWAY_PROXY]})
    (refused,) = found["refused"]
    assert (refused["kind"], refused["name"]) == ("Gateway", "old")
    assert "bad" in refused["why"]


def test_mutual_tls_and_destination_rules(istio: IstioTraffic) -> None:
    world = objects("""
apiVersion: v1
kind: Service
metadata: {name: server, namespace: a}
spec:
  clusterIP: 10.1.0.1
  selector: {app: server}
  ports: [{name: http, port: 80, targetPort: 8080}]
---
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: {name: default, namespace: istio-system}
spec: {mtls: {mode: STRICT}}
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: server, namespace: a}
spec: {host: server.a.svc.cluster.local, trafficPolicy: {tls: {mode: ISTIO_MUTUAL}}}
""")
    labels = {"app": "server", "security.istio.io/tlsMode": "istio"}
    server = {"type": "sidecar", "namespace": "a", "name": "server-1", "labels": labels}
    client = {"type": "sidecar", "namespace": "a", "name": "client-1", "ip": "10.0.0.2"}
    inbound = call(address="10.0.0.1", port=8080, tls="plaintext", mode="inbound", host="server.a")
    outbound = call(address="10.1.0.1", port=80, tls="plaintext", mode="outbound", host="server.a")
    proxies = [
        {**server, "ip": "10.0.0.1", "calls": [inbound, {**inbound, "tls": "mtls"}]},
        {**client, "calls": [outbound]},
    ]
    found = istio.answer({"objects": world, "proxies": proxies})
    assert "error" not in found
    plain, mutual = found["proxies"][0]["calls"]
    assert plain["error"] == "no filter chains matched"
    assert mutual["cluster"] == "inbound|8080||"
    name = "outbound|80||server.a.svc.cluster.local"
    assert found["proxies"][1]["calls"][0]["cluster"] == name
    assert {"name": name, "tls": "mtls"} in found["proxies"][1]["clusters"]


def test_errors_are_answers_and_the_next_world_is_answered(istio: IstioTraffic) -> None:
    assert "error" in istio.answer({"objects": 1})
    assert "error" in istio.answer({"objects": [], "mesh": {"rootNamespace": []}})
    odd = {"apiVersion": "example.com/v1", "kind": "Odd", "metadata": {"name": "odd"}}
    assert "error" in istio.answer({"objects": [odd], "proxies": []})
    assert asked(istio)["proxies"][0]["servers"]


def test_gateways_of_the_gateway_api_are_merged_too(istio: IstioTraffic) -> None:
    world = objects(GATEWAYS)[:2]
    world += objects("""
apiVersion: gateway.networking.k8s.io/v1
kind: GatewayClass
metadata: {name: istio}
spec: {controllerName: istio.io/gateway-controller}
---
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: attached, namespace: edge}
spec:
  gatewayClassName: istio
  addresses: [{type: Hostname, value: ingress}]
  listeners: [{name: http, port: 80, protocol: HTTP, hostname: "*.example.com"}]
""")
    (proxy,) = istio.answer({"objects": world, "proxies": [GATEWAY_PROXY]})["proxies"]
    served = {(each["port"], each["gateway"]) for each in proxy["servers"]}
    assert served == {
        (8443, "a/old"),
        (8080, "edge/attached~istio-autogenerated-k8s-gateway~http"),
    }


@pytest.mark.parametrize("host", ["OTHER.example.com", "b/other.example.com"])
def test_a_listener_that_envoy_refuses_is_told(istio: IstioTraffic, host: str) -> None:
    world = objects(GATEWAYS)[:3]
    world[1]["spec"]["servers"][0]["hosts"] = ["other.example.com"]
    world[2]["spec"]["servers"][0]["hosts"] = [host]
    asked_for = call(sni="other.example.com", host="other.example.com")
    proxies = [{**GATEWAY_PROXY, "calls": [asked_for]}]
    (proxy,) = istio.answer({"objects": world, "proxies": proxies})["proxies"]
    assert proxy["calls"][0]["error"].startswith("Envoy refuses the listener")
    (listener,) = (each for each in proxy["listeners"] if each["port"] == 8443)
    assert "other.example.com" in listener["refused"]
    names = [chain["sni"] for chain in listener["chains"]]
    assert not accepted_by_envoy(names)
    assert accepted_by_envoy([["other.example.com"], ["own.example.com"]])
    # Envoy itself makes nothing of a name's case, which decides whether the above holds.
    assert not accepted_by_envoy([["other.example.com"], ["OTHER.example.com"]])


def accepted_by_envoy(chains: list[list[str]]) -> bool:
    """Have Envoy itself validate a listener with these server names."""
    types = "type.googleapis.com/envoy.extensions.filters"
    tcp = {
        "stat_prefix": "tcp",
        "cluster": "none",
        "@type": f"{types}.network.tcp_proxy.v3.TcpProxy",
    }
    inspector = {"@type": f"{types}.listener.tls_inspector.v3.TlsInspector"}
    listener = {
        "name": "listener",
        "address": {"socket_address": {"address": "127.0.0.1", "port_value": 0}},
        "listener_filters": [{"name": "tls", "typed_config": inspector}],
        "filter_chains": [
            {
                "name": str(number),
                "filter_chain_match": {"server_names": names},
                "filters": [{"name": "tcp", "typed_config": tcp}],
            }
            for number, names in enumerate(chains)
        ],
    }
    cluster = {"name": "none", "type": "STATIC", "load_assignment": {"cluster_name": "none"}}
    config = {"static_resources": {"listeners": [listener], "clusters": [cluster]}}
    command = [str(envoy()), "--mode", "validate", "--log-level", "off", "--config-yaml"]
    done = subprocess.run([*command, json.dumps(config)], capture_output=True, check=False)
    return done.returncode == 0
