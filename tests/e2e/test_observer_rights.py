"""`deploy/observer.yaml` is what checking a live cluster takes: all of it, and nothing more."""

import copy
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from xml.etree import ElementTree

import pytest
import yaml
from kubernetes import client, config
from kubernetes.dynamic import DynamicClient
from typer.testing import CliRunner, Result

from harness import grant, roles, until
from mesh_policy.cluster.api import Api
from mesh_policy.documented.kinds import SECRET
from mesh_policy.findings import Ref
from mesh_policy.observe import Observation, followed, observe
from mesh_policy.rules import RULES
from mesh_policy.world import World
from serverless_mesh.cli.graph.command import ALSO_READ
from serverless_mesh.cli.main import app
from stacks import make_stack
from tests.policy.integration import BROKEN, documented
from toolchain.cluster import Cluster
from toolchain.dev import PACK

pytestmark = pytest.mark.e2e

DOCUMENTS: Final = list(roles("observer"))
ROLE, NAMED = (next(d for d in DOCUMENTS if d["kind"] == kind) for kind in ("ClusterRole", "Role"))
RIGHTS: Final = [
    (group, resource, rule["verbs"])
    for rule in ROLE["rules"]
    for group in rule["apiGroups"]
    for resource in rule["resources"]
]
DRAWN: Final = ("security.istio.io", "authorizationpolicies")
"""What no rule reads, and a picture shows."""
USER: Final = "pulumi"
KINDS: Final = {kind for rule in RULES for kind in rule.kinds | rule.check_only}
CERTS: Final = Ref(SECRET, "istio-system", "wildcard-certs")
NOTICED_WITHIN: Final = 60.0
"""Seconds; the API server notices a changed role within a few milliseconds."""
NOT_LOCAL: Final = (
    ("sailoperator.io", "IstioRevision"),
    ("sailoperator.io", "ZTunnel"),
    ("cert-manager.io", "Certificate"),
    ("gateway.networking.k8s.io", "GatewayClass"),
    ("gateway.networking.k8s.io", "Gateway"),
    ("eventing.knative.dev", "Broker"),
    ("eventing.knative.dev", "KafkaSink"),
    ("sources.knative.dev", "KafkaSource"),
)
"""Kinds that rules read and the local API server has no definition of."""


def definition(group: str, kind: str) -> dict[str, Any]:
    plural = f"{kind.lower()}es" if kind.endswith("s") else f"{kind.lower()}s"
    schema = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {
            "name": f"{plural}.{group}",
            # The groups of Kubernetes itself ask for it.
            "annotations": {"api-approved.kubernetes.io": "unapproved, for a test"},
        },
        "spec": {
            "group": group,
            "scope": "Namespaced",
            "names": {"kind": kind, "plural": plural, "singular": kind.lower()},
            "versions": [
                {
                    "name": "v1",
                    "served": True,
                    "storage": True,
                    "schema": {"openAPIV3Schema": schema},
                }
            ],
        },
    }


def is_served(cluster: Cluster, group: str, kind: str) -> bool:
    api = Api.of(str(cluster.kubeconfig), None, NOTICED_WITHIN)
    listed = {each["name"] for each in api.get("/apis")["groups"]}
    return group in listed and kind in api.kinds(f"{group}/v1")


@dataclass(frozen=True)
class Door:
    """A cluster with the documented integration, and the observer that looks at it."""

    objects: DynamicClient
    kubeconfig: Path
    strangers: Path
    """The kubeconfig of a user without any rights."""

    def create(self, body: dict[str, Any]) -> None:
        kind = self.objects.resources.get(api_version=body["apiVersion"], kind=body["kind"])
        kind.create(body=body, namespace=body["metadata"].get("namespace"))

    def replace(self, body: dict[str, Any]) -> None:
        kind = self.objects.resources.get(api_version=body["apiVersion"], kind=body["kind"])
        kind.replace(body=body, namespace=body["metadata"].get("namespace"))

    def look(self) -> Observation:
        """Read what rules read and pictures show, as the observer."""
        seen = observe(KINDS | ALSO_READ, str(self.kubeconfig))
        return followed(RULES, seen, lambda found: World.of((), found.objects, complete=True))[0]

    def check(self) -> Result:
        return CliRunner().invoke(app, ["check", "--kubeconfig", str(self.kubeconfig)])

    def draw(self, *arguments: str, kubeconfig: Path | None = None) -> Result:
        used = str(kubeconfig or self.kubeconfig)
        return CliRunner().invoke(app, ["graph", "--kubeconfig", used, *arguments])

    def may(
        self, verb: str, group: str, resource: str, namespace: str = "", name: str = ""
    ) -> bool:
        """Ask the API server whether the observer may."""
        asked: dict[str, Any] = {
            "apiVersion": "authorization.k8s.io/v1",
            "kind": "SubjectAccessReview",
            "metadata": {},
            "spec": {
                "user": USER,
                "resourceAttributes": {
                    "verb": verb,
                    "group": group,
                    "resource": resource,
                    "namespace": namespace,
                    "name": name,
                },
            },
        }
        kind = self.objects.resources.get(
            api_version=asked["apiVersion"], kind="SubjectAccessReview"
        )
        return bool(kind.create(body=asked).status.allowed)


@pytest.fixture(scope="module")
def door(cluster: Cluster) -> Iterator[Door]:
    with cluster.client() as api:
        users = (cluster.kubeconfig_for(user) for user in (USER, "stranger"))
        found = Door(DynamicClient(api), *users)
        for group, kind in NOT_LOCAL:
            found.create(definition(group, kind))
        namespaces = {body["metadata"]["namespace"] for body in documented()}
        for name in sorted(namespaces):
            namespace: Any = {"metadata": {"name": name}}
            client.CoreV1Api(api).create_namespace(namespace)
        for body in (*documented(), *DOCUMENTS):
            # Of the secrets that these name, a test of its own tells.
            if body["kind"] != "DomainMapping":
                found.create(body)
        until(lambda: all(is_served(cluster, *each) for each in NOT_LOCAL), NOTICED_WITHIN)
        until(lambda: not found.look().unread, NOTICED_WITHIN)
        yield found


def test_the_observer_sees_all_that_rules_need(door: Door) -> None:
    seen = door.look()
    assert (seen.unread, seen.unseen) == ({}, {})
    secrets = [item for item in seen.objects if item.body["kind"] == "Secret"]
    assert [item.body["metadata"]["name"] for item in secrets] == [CERTS.name]
    done = door.check()
    assert done.exit_code == 0, done.output
    assert "not read: 0" in done.stdout


def test_who_may_look_at_nothing_is_told_all_that_is_missing(door: Door) -> None:
    done = CliRunner().invoke(app, ["check", "--kubeconfig", str(door.strangers)])
    assert done.exit_code == 2
    assert f"not read: {len(KINDS)}" in done.stdout
    for group, resource, _ in RIGHTS:
        if (group, resource) == DRAWN:
            continue
        right = f'apiGroups: ["{group}"], resources: ["{resource}"], verbs: ["list"]'
        assert done.stdout.count(f"; grant {right}\n") == 1


@pytest.mark.parametrize(
    ("group", "resource", "verbs"), RIGHTS, ids=lambda part: str(part) or "core"
)
def test_each_right_is_needed(door: Door, group: str, resource: str, verbs: list[str]) -> None:
    less = copy.deepcopy(ROLE)
    for rule in less["rules"]:
        if group in rule["apiGroups"]:
            rule["resources"] = [each for each in rule["resources"] if each != resource]
    less["rules"] = [rule for rule in less["rules"] if rule["resources"]]
    door.replace(less)
    try:
        until(lambda: not door.may(verbs[0], group, resource), NOTICED_WITHIN)
        seen = door.look()
    finally:
        door.replace(ROLE)
        until(lambda: door.may(verbs[0], group, resource), NOTICED_WITHIN)
    assert verbs == ["list"]
    (why,) = seen.unread.values()
    assert why.endswith(f'grant apiGroups: ["{group}"], resources: ["{resource}"], verbs: ["list"]')


def test_the_observer_sees_all_that_is_drawn(door: Door, tmp_path: Path) -> None:
    file = tmp_path / "cluster.svg"
    done = door.draw("--output", str(file))
    assert (done.exit_code, done.output) == (0, "")
    drawn = file.read_text("utf-8")
    root = ElementTree.fromstring(drawn)
    written = {element.text for element in root.iter("{http://www.w3.org/2000/svg}text")}
    assert {"istio-system", "basic", "wildcard-certs", "knative-ingress-gateway"} <= written
    assert {"activator", "knative-kafka", "shop", "hello", "in the mesh, mTLS STRICT"} <= written
    assert "for *.apps.openshift.example.com" in written
    for secret in (body for body in documented() if body["kind"] == "Secret"):
        assert not any(value[:60] in drawn for value in secret["data"].values())


def test_files_are_drawn_over_the_cluster_with_what_they_would_do_to_it(
    door: Door, tmp_path: Path
) -> None:
    file = tmp_path / "opened.yaml"
    service = next(
        body for body in documented() if body["apiVersion"].startswith("serving.knative.dev/v1")
    )
    added = {**service, "metadata": {**service["metadata"], "name": "added"}}
    file.write_text(yaml.safe_dump_all([BROKEN["strict-mtls"], added]), "utf-8")
    before = door.draw()
    after = door.draw("-f", str(file))
    assert (before.exit_code, after.exit_code) == (0, 0), after.output
    assert "strict-mtls" not in before.stdout
    assert "strict-mtls" in after.stdout
    assert "in the mesh, mTLS PERMISSIVE" in after.stdout
    assert "Knative Service added (new)" in after.stdout
    assert "Knative Service hello<br/>" in after.stdout
    # Nothing was written.
    assert door.draw().stdout == before.stdout


def test_who_may_look_at_nothing_gets_no_picture_that_looks_whole(door: Door) -> None:
    done = door.draw(kubeconfig=door.strangers)
    assert done.exit_code == 2
    assert "Gateway.networking.istio.io can't be listed" in done.stderr
    assert "nothing was found of a mesh, of Gateways or of Serverless, as not all" in done.stderr
    assert 'resources: ["authorizationpolicies"], verbs: ["list"]' in done.stderr
    assert not done.stdout


def test_the_right_to_the_named_secret_is_needed(door: Door) -> None:
    place = ("istio-system", CERTS.name)
    door.replace({**NAMED, "rules": []})
    try:
        until(lambda: not door.may("get", "", "secrets", *place), NOTICED_WITHIN)
        done = door.check()
    finally:
        door.replace(NAMED)
        until(lambda: door.may("get", "", "secrets", *place), NOTICED_WITHIN)
    assert done.exit_code == 2
    assert f"NOT READ {CERTS}: can't be read" in done.stdout
    assert (
        'grant apiGroups: [""], resources: ["secrets"], resourceNames: ["wildcard-certs"], '
        'verbs: ["get"] in the namespace istio-system'
    ) in done.stdout
    assert "no such object" not in done.stdout


def test_a_secret_that_the_rights_do_not_name_is_said_and_not_missed(door: Door) -> None:
    mapping = {
        "apiVersion": "serving.knative.dev/v1beta1",
        "kind": "DomainMapping",
        "metadata": {"name": "shop.example.org", "namespace": "shop"},
        "spec": {
            "ref": {"apiVersion": "serving.knative.dev/v1", "kind": "Service", "name": "hello"},
            "tls": {"secretName": "shop-certs"},
        },
    }
    door.create(mapping)
    try:
        done = door.check()
    finally:
        kind = door.objects.resources.get(api_version=mapping["apiVersion"], kind=mapping["kind"])
        kind.delete(name="shop.example.org", namespace="shop")
    assert done.exit_code == 2
    assert "NOT READ Secret shop/shop-certs: can't be read" in done.stdout
    assert "needed by: secret-filtering, domain-names-covered\n" in done.stdout
    assert 'resourceNames: ["shop-certs"], verbs: ["get"] in the namespace shop' in done.stdout


def test_the_observer_can_not_list_secrets_or_write_anything(door: Door) -> None:
    configuration = client.Configuration()
    config.load_kube_config(str(door.kubeconfig), client_configuration=configuration)
    with client.ApiClient(configuration) as api:
        core = client.CoreV1Api(api)
        assert core.read_namespaced_secret(CERTS.name, CERTS.namespace).data
        for ask in (
            core.list_secret_for_all_namespaces,
            lambda: core.list_namespaced_secret(CERTS.namespace),
            lambda: core.read_namespaced_secret("another", CERTS.namespace),
            lambda: core.read_namespaced_secret(CERTS.name, "shop"),
        ):
            with pytest.raises(client.ApiException) as caught:
                ask()
            assert caught.value.status == 403
    for verb in ("list", "watch", "create", "update", "patch", "delete", "deletecollection"):
        assert not door.may(verb, "", "secrets", CERTS.namespace, CERTS.name)
        for group, resource, _ in RIGHTS:
            assert door.may(verb, group, resource) == (verb == "list"), (verb, group, resource)


def test_the_pack_runs_with_the_roles_of_deploy(unused: Cluster, tmp_path: Path) -> None:
    with unused.client() as api:
        grant(api, roles("base", "service-mesh-2", "observer"))
        stack = make_stack(tmp_path / "stack", unused.kubeconfig_for(USER))
        # A preview before each: of what is not there yet, and of what is.
        for _ in range(2):
            said = stack.succeed("up", "--yes", *PACK)
            assert "can't be" not in said
