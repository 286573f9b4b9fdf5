"""The pack with the program, under the real engine: what it stops, says, remediates and lets be."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from kubernetes import client

from mesh_policy.crossguard.names import GATE, OBSERVED, UNDETERMINED
from stacks import PulumiStack, StackFactory, make_stack
from toolchain.cluster import Cluster
from toolchain.dev import PACK

pytestmark = pytest.mark.e2e

CONFLICT = "no-conflicting-wildcard-gateway"
FOREIGN: dict[str, Any] = {
    "apiVersion": "networking.istio.io/v1beta1",
    "kind": "Gateway",
    "metadata": {"name": "public", "namespace": "shop"},
    "spec": {
        "selector": {"istio": "ingressgateway"},
        "servers": [
            {
                "port": {"number": 443, "name": "https", "protocol": "HTTPS"},
                "hosts": ["*"],
                "tls": {"mode": "SIMPLE", "credentialName": "shop-certs"},
            }
        ],
    },
}
GATEWAYS = ("networking.istio.io", "v1beta1")


@pytest.fixture
def own(emptied: Cluster) -> Cluster:
    with emptied.client() as api:
        namespace: Any = {"metadata": {"name": "shop"}}
        client.CoreV1Api(api).create_namespace(namespace)
    return emptied


@pytest.fixture
def stack(own: Cluster, tmp_path: Path) -> PulumiStack:
    made = make_stack(tmp_path / "stack", own.kubeconfig)
    made.configure(projects=["shop"])
    return made


@pytest.fixture
def foreign(own: Cluster) -> None:
    """Another team's Gateway, in a namespace that becomes a member."""
    with own.client() as api:
        gateways = client.CustomObjectsApi(api)
        gateways.create_namespaced_custom_object(*GATEWAYS, "shop", "gateways", FOREIGN)


@pytest.fixture
def make(own: Cluster, tmp_path: Path) -> StackFactory:
    """Makes the stack of a program."""
    return lambda program: make_stack(tmp_path / "made", own.kubeconfig, program=program)


def pack(stack: PulumiStack, **policies: Any) -> tuple[str, ...]:
    file = stack.project / "pack.json"
    file.write_text(json.dumps({k.replace("_", "-"): v for k, v in policies.items()}), "utf-8")
    return (*PACK, "--policy-pack-config", str(file))


def kinds(stack: PulumiStack) -> set[str]:
    return {resource["type"].rpartition(":")[2] for resource in stack.resources()}


def test_the_program_passes_and_previews_say_what_is_not_known_yet(stack: PulumiStack) -> None:
    said = stack.preview(*PACK)
    assert UNDETERMINED in said
    assert "data.tls.crt: unknown until update (wildcard-certificate)" in said
    assert "[mandatory]" not in said
    said = stack.up(*PACK)
    assert "✅" in said
    assert UNDETERMINED not in said


def test_a_conflicting_gateway_stops_the_update_before_anything_is_touched(
    stack: PulumiStack, foreign: None
) -> None:
    said = stack.fail("up", "--yes", *PACK)
    assert f"[mandatory] [severity: high]  {CONFLICT}" in said
    assert "Gateway shop/public spec.servers[0].hosts[0]" in said
    assert "Verifying installation prerequisites" in said
    assert "Updating" not in said
    assert not stack.resources()


def test_the_gate_stops_the_member_roll_or_the_gateway_when_the_preview_is_skipped(
    stack: PulumiStack, foreign: None, own: Cluster
) -> None:
    said = stack.fail("up", "--yes", "--skip-preview", *PACK)
    assert CONFLICT + GATE in said
    assert "KnativeServing" not in kinds(stack)
    with own.client() as api:
        found: Any = client.CustomObjectsApi(api).list_cluster_custom_object(*GATEWAYS, "gateways")
    names = {item["metadata"]["name"] for item in found["items"]}
    # The local gateway meets nobody, and the engine may make it at the same time.
    assert names - {"knative-local-gateway"} == {"public"}


def test_levels_are_set_by_the_packs_config(stack: PulumiStack, foreign: None) -> None:
    levels = {CONFLICT: "advisory", CONFLICT + GATE: "disabled"}
    said = stack.succeed("preview", *pack(stack, **levels))
    assert f"[advisory] [severity: high]  {CONFLICT}" in said
    said = stack.succeed("preview", *pack(stack, **dict.fromkeys(levels, "disabled")))
    assert CONFLICT not in said


@pytest.mark.parametrize("observe", ["required", "best-effort", "off"])
def test_a_cluster_that_does_not_answer(stack: PulumiStack, observe: str, tmp_path: Path) -> None:
    nowhere = tmp_path / "kubeconfig"
    cluster = {"name": "c", "cluster": {"server": "https://127.0.0.1:9"}}
    context = {"name": "c", "context": {"cluster": "c", "user": "u"}}
    content = {"current-context": "c", "clusters": [cluster], "contexts": [context], "users": []}
    nowhere.write_text(yaml.safe_dump({"apiVersion": "v1", "kind": "Config", **content}), "utf-8")
    stack.configure(appsDomain="apps.openshift.example.com")
    stack.configure({"kubernetes:kubeconfig": nowhere})
    config: dict[str, Any] = {"enforcementLevel": "mandatory", "observe": observe}
    if observe == "best-effort":
        # Where it is required, it is asked for as long as by default.
        config["retrySeconds"] = 1
    asked = pack(stack, **{OBSERVED: config})
    run = stack.run("preview", *asked)
    if observe == "required":
        assert run.code != 0
        assert OBSERVED in run.output
        assert "does not answer" in run.output
        assert "best-effort" in run.output
    else:
        assert run.code == 0, run.output
        assert OBSERVED not in run.output
        assert "no cluster was read" in run.output or UNDETERMINED in run.output


def test_a_kind_that_may_not_be_read_stops_the_run_and_is_said_with_the_right_to_grant(
    stack: PulumiStack, own: Cluster
) -> None:
    rules = [
        {"apiGroups": ["*"], "resources": [name], "verbs": ["*"]}
        for name in (
            "namespaces",
            "services",
            "secrets",
            "servicemeshcontrolplanes",
            "servicemeshmemberrolls",
            "knativeservings",
            "knativeeventings",
            "ingresses",
        )
    ]
    # May write Gateways, but not list them.
    rules.append({"apiGroups": ["*"], "resources": ["gateways"], "verbs": ["get", "patch"]})
    with own.client() as api:
        rbac, group = client.RbacAuthorizationV1Api(api), "rbac.authorization.k8s.io"
        role: Any = {"metadata": {"name": "some"}, "rules": rules}
        binding: Any = {
            "metadata": {"name": "some"},
            "roleRef": {"apiGroup": group, "kind": "ClusterRole", "name": "some"},
            "subjects": [{"kind": "User", "name": "some", "apiGroup": group}],
        }
        rbac.create_cluster_role(role)
        rbac.create_cluster_role_binding(binding)
    stack.configure({"kubernetes:kubeconfig": own.kubeconfig_for("some")})
    unread = "Gateway.networking.istio.io can't be listed"
    grant = 'grant apiGroups: ["networking.istio.io"], resources: ["gateways"], verbs: ["list"]'
    said = stack.fail("preview", *PACK)
    assert f"[mandatory] [severity: high]  {OBSERVED}" in said
    assert said.count(unread) == 1
    assert f"{grant} ({CONFLICT}, " in said
    eased = pack(stack, **{OBSERVED: {"enforcementLevel": "mandatory", "observe": "best-effort"}})
    said = stack.succeed("preview", *eased)
    assert OBSERVED not in said
    assert said.count(unread) == 1
    assert f"{grant} ({CONFLICT}, " in said
    assert f"[advisory] [severity: low]  {UNDETERMINED}" in said
    stack.configure({"kubernetes:kubeconfig": own.kubeconfig})


GATEWAY_PROGRAM = """
import pulumi
from pulumi_kubernetes.apiextensions import CustomResource

def gateway(name, namespace, host="*"):
    return CustomResource(
        name,
        api_version="networking.istio.io/v1beta1",
        kind="Gateway",
        metadata={"name": name, "namespace": namespace},
        spec={
            "selector": {"istio": "ingressgateway"},
            "servers": [
                {
                    "port": {"number": 443, "name": "https", "protocol": "HTTPS"},
                    "hosts": [host],
                    "tls": {"mode": "SIMPLE", "credentialName": "certs"},
                }
            ],
        },
    )
"""


def test_what_the_stack_takes_away_no_longer_counts(make: StackFactory) -> None:
    stack = make(GATEWAY_PROGRAM + "gateway('first', 'default')\n")
    stack.up(*PACK)
    program = stack.project / "__main__.py"
    program.write_text(GATEWAY_PROGRAM + "gateway('second', 'default')\n", "utf-8")
    stack.succeed("up", "--yes", *PACK)
    program.write_text(
        GATEWAY_PROGRAM + "gateway('second', 'default'); gateway('third', 'default')\n", "utf-8"
    )
    assert "Gateway default/third" in stack.fail("up", "--yes", *PACK)


def test_hosts_may_change_hands_inside_of_the_stack(make: StackFactory) -> None:
    both = "gateway('one', 'default', 'a.example.org'); gateway('two', 'default', 'b.example.org')"
    stack = make(GATEWAY_PROGRAM + both)
    stack.up(*PACK)
    swapped = both.replace("a.", "x.").replace("b.", "a.").replace("x.", "b.")
    (stack.project / "__main__.py").write_text(GATEWAY_PROGRAM + swapped, "utf-8")
    stack.succeed("up", "--yes", *PACK)


KEYS_PROGRAM = """
import pulumi, pulumi_tls
from pulumi_random import RandomUuid

key = pulumi_tls.PrivateKey("key", algorithm="RSA", rsa_bits=2048)
RandomUuid("user", keepers={"key": %s})
"""


def test_a_key_in_plaintext_is_found_in_any_resource(make: StackFactory) -> None:
    stack = make(KEYS_PROGRAM % "pulumi.Output.unsecret(key.private_key_pem)")
    said = stack.fail("up", "--yes", "--skip-preview", *PACK)
    assert "RandomUuid user keepers.key: found a private key in plaintext" in said
    assert "-----BEGIN" not in said
    assert "PRIVATE KEY" not in stack.state()


def test_a_key_that_stays_secret_passes(make: StackFactory) -> None:
    stack = make(KEYS_PROGRAM % "key.private_key_pem")
    assert "✅" in stack.up(*PACK)
    assert "PRIVATE KEY" not in stack.state()


MENDED_PROGRAM = """
import pulumi, pulumi_random
from pulumi_kubernetes.apiextensions import CustomResource

label = pulumi_random.RandomUuid("label")
CustomResource(
    "basic",
    api_version="maistra.io/v2",
    kind="ServiceMeshControlPlane",
    metadata={
        "name": "basic",
        "namespace": "default",
        "labels": {"later": label.result},
        "annotations": {"hidden": pulumi.Output.secret("not for everyone")},
    },
    spec={"proxy": {"networking": {"trafficControl": {"inbound": {"excludedPorts": [8444]}}}}},
)
"""


def test_remediation_mends_what_is_safe_and_nothing_else(own: Cluster, make: StackFactory) -> None:
    stack = make(MENDED_PROGRAM)
    stack.fail("up", "--yes", *PACK)
    gates = {f"excluded-ports{GATE}": "remediate", "all": "disabled"}
    stack.succeed("up", "--yes", *pack(stack, **gates))
    with own.client() as api:
        found: Any = client.CustomObjectsApi(api).get_namespaced_custom_object(
            "maistra.io", "v2", "default", "servicemeshcontrolplanes", "basic"
        )
    inbound = found["spec"]["proxy"]["networking"]["trafficControl"]["inbound"]
    assert inbound == {"excludedPorts": [8444, 8022]}
    assert found["metadata"]["labels"]["later"]
    assert found["metadata"]["annotations"]["hidden"] == "not for everyone"
    assert "not for everyone" not in stack.state()
