"""What the kubelet's stand-in reads in a pod that was admitted."""

from typing import Any

import pytest

from toolchain.mesh import pod
from toolchain.mesh.proxy import Order

Manifest = dict[str, Any]


def injected(**annotations: str) -> Manifest:
    """Return a pod as Istio's injection leaves it, as far as it is read here."""
    return {
        "metadata": {"name": "hello", "namespace": "shop", "annotations": annotations},
        "spec": {
            "serviceAccountName": "default",
            "initContainers": [{"name": "istio-validation", "image": "proxy"}],
            "containers": [
                {"name": "queue-proxy", "image": "q", "ports": [{"containerPort": 8012}]},
                {
                    "name": "istio-proxy",
                    "image": "proxy",
                    "args": ["proxy", "sidecar", "--domain", "$(POD_NAMESPACE).svc.cluster.local"],
                    "ports": [{"containerPort": 15090}],
                    "resources": {"limits": {"cpu": "1500m", "memory": "1Gi"}},
                    "env": [
                        {
                            "name": "POD_NAMESPACE",
                            "valueFrom": {"fieldRef": {"fieldPath": "metadata.namespace"}},
                        },
                        {
                            "name": "INSTANCE_IP",
                            "valueFrom": {"fieldRef": {"fieldPath": "status.podIP"}},
                        },
                        {
                            "name": "GOMAXPROCS",
                            "valueFrom": {
                                "resourceFieldRef": {"resource": "limits.cpu", "divisor": "1"}
                            },
                        },
                        {
                            "name": "GOMEMLIMIT",
                            "valueFrom": {
                                "resourceFieldRef": {"resource": "limits.memory", "divisor": "0"}
                            },
                        },
                        {
                            "name": "NOT_SET",
                            "valueFrom": {"resourceFieldRef": {"resource": "requests.cpu"}},
                        },
                        {"name": "TOKEN", "value": "$(POD_NAMESPACE)/$(UNKNOWN)"},
                        {"name": "EMPTY"},
                    ],
                },
            ],
        },
    }


def test_variables_are_those_that_a_kubelet_would_set() -> None:
    item = injected()
    container = pod.proxy(item)
    assert container is not None
    assert pod.environment(item, container, "127.1.2.3") == {
        "POD_NAMESPACE": "shop",
        "INSTANCE_IP": "127.1.2.3",
        "GOMAXPROCS": "2",
        "GOMEMLIMIT": str(2**30),
        "TOKEN": "shop/$(UNKNOWN)",
        "EMPTY": "",
    }
    assert pod.expanded(container["args"][3], {"POD_NAMESPACE": "shop"}) == "shop.svc.cluster.local"


def test_ports_are_those_of_the_applications() -> None:
    assert pod.ports(injected()) == {8012}


@pytest.mark.parametrize(("said", "ports"), [("15020,8444,8022", {15020, 8444, 8022}), ("", set())])
def test_excluded_ports_are_those_of_the_annotation(said: str, ports: set[int]) -> None:
    annotated = {"traffic.sidecar.istio.io/excludeInboundPorts": said}
    assert pod.excluded_ports(injected(**annotated)) == ports
    assert pod.excluded_ports({"metadata": {}}) == set()


def test_a_native_sidecar_is_a_proxy_too_and_other_init_containers_are_not_run() -> None:
    item = injected()
    native = item["spec"]["containers"].pop()
    item["spec"]["initContainers"].append({**native, "restartPolicy": "Always"})
    assert [each["name"] for each in pod.containers(item)] == ["istio-proxy", "queue-proxy"]
    found = pod.proxy(item)
    assert found is not None
    assert found["args"] == native["args"]


def test_a_pod_that_was_not_injected_has_no_proxy_and_waits_for_no_redirection() -> None:
    item = {"spec": {"containers": [{"name": "user-container", "image": "local"}]}}
    assert pod.proxy(item) is None
    assert not pod.redirected(item)
    assert pod.redirected(injected())


@pytest.mark.parametrize(
    ("config", "istiod"),
    [
        ('{"discoveryAddress": "istiod-canary.mesh.svc:15012"}', "istiod-canary.mesh.svc"),
        ("{}\n", "istiod.istio-system.svc"),
    ],
)
def test_the_istiod_is_the_one_that_injection_names(config: str, istiod: str) -> None:
    assert Order((), {"PROXY_CONFIG": config}).istiod == istiod
