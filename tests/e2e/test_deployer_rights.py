"""The roles of `deploy/` are enough for the program, and none of their lines is too much."""

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import yaml
from kubernetes import client, config
from kubernetes.dynamic import DynamicClient

from harness import CERTIFICATES, FreshCluster, grant, played_cert_manager, playing_operators, roles
from stacks import PulumiStack, make_stack
from tests.emptying import Emptying
from toolchain.cluster import Cluster

pytestmark = pytest.mark.e2e

USER = "pulumi"
WEBHOOKS = {("", "pods", "update"), ("maistra.io", "servicemeshcontrolplanes", "use")}
"""What Service Mesh's webhooks ask for, which don't run here."""


class Line(NamedTuple):
    """One verb on one kind, as a role of `namespace` (empty: of the whole cluster) allows it."""

    file: str
    namespace: str
    group: str
    resource: str
    verb: str
    names: tuple[str, ...]

    def allows(self, event: dict[str, Any]) -> bool:
        about = event.get("objectRef", {})
        return (
            (about.get("apiGroup", ""), about.get("resource"), event["verb"])
            == (self.group, self.resource, self.verb)
            and self.namespace in ("", about.get("namespace"))
            and (not self.names or about.get("name") in self.names)
        )


def lines(*files: str) -> list[Line]:
    return [
        Line(
            file,
            each["metadata"].get("namespace", ""),
            group,
            resource,
            verb,
            tuple(rule.get("resourceNames", ())),
        )
        for file in files
        for each in roles(file)
        if each["kind"].endswith("Role")
        for rule in each["rules"]
        for group in rule["apiGroups"]
        for resource in rule["resources"]
        for verb in rule["verbs"]
    ]


@pytest.fixture(scope="module")
def audited(
    fresh_cluster: FreshCluster, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Emptying]:
    folder = tmp_path_factory.mktemp("audited")
    policy = folder / "audit.yaml"
    rules = [{"level": "Metadata", "users": [USER]}, {"level": "None"}]
    policy.write_text(
        yaml.safe_dump({"apiVersion": "audit.k8s.io/v1", "kind": "Policy", "rules": rules}), "utf-8"
    )
    flags = (f"--audit-policy-file={policy}", f"--audit-log-path={folder / 'audit.log'}")
    with fresh_cluster(folder, *flags) as cluster:
        emptying = Emptying(cluster)
        with playing_operators(cluster):
            yield emptying


@pytest.fixture
def own(audited: Emptying) -> Iterator[Cluster]:
    with audited.afterwards() as cluster:
        yield cluster


def post(kubeconfig: Path, stack: PulumiStack) -> None:
    """Make each object by POST, as the plugin does since 4.29: whatever comes of it, it may."""
    configuration = client.Configuration()
    config.load_kube_config(str(kubeconfig), client_configuration=configuration)
    with client.ApiClient(configuration) as api:
        objects = DynamicClient(api)
        for resource in stack.resources():
            body = resource.get("inputs", {})
            if not resource["type"].startswith("kubernetes:") or resource["type"].endswith("Patch"):
                continue
            if body["kind"] == "Namespace":
                continue  # There already, as `deploy/` says.
            kind = objects.resources.get(api_version=body["apiVersion"], kind=body["kind"])
            try:
                kind.create(
                    body={**body, "data": {}} if body["kind"] == "Secret" else body,
                    namespace=body["metadata"].get("namespace"),
                    dry_run="All",
                )
            except client.ApiException as error:
                if error.status == 403:
                    raise


def live(
    stack: PulumiStack, kubeconfig: Path, api: client.ApiClient, mesh: str = "service-mesh-2"
) -> None:
    """Live through what a stack does: made, changed, read again, told to go, and gone."""
    stack.up()
    post(kubeconfig, stack)
    stack.configure({"certificate.keyBits": 3072, "mesh.drainDuration": "40s"})
    stack.up("--refresh")
    stack.preview()
    grant(api, roles("destroy", f"destroy-{mesh}"))
    stack.destroy()


def test_each_line_is_needed_and_all_are_enough(own: Cluster, tmp_path: Path) -> None:
    files = ["base", "service-mesh-2", "project", "kafka", "operators", "labelled-secrets"]
    kubeconfig = own.kubeconfig_for(USER)
    stack = make_stack(tmp_path / "stack", kubeconfig)
    with own.client() as api:
        # Every OpenShift cluster has it.
        there: Any = {"metadata": {"name": "openshift-operators"}}
        client.CoreV1Api(api).create_namespace(there)
        grant(api, roles(*files))
        secret: Any = {"metadata": {"name": "shop-tls"}, "type": "Opaque"}
        client.CoreV1Api(api).create_namespaced_secret("shop", secret)

        stack.configure(
            {
                "kafka.bootstrapServers": ["kafka.kafka:9092"],
                "verification.image": "openshift/hello-openshift",
                "verification.project": "shop",
                "operators.approval": "Automatic",
                "knative.labelledSecrets": [{"namespace": "shop", "name": "shop-tls"}],
                "domainMappings": [
                    {"host": "www.example.org", "project": "shop", "service": "hello"}
                ],
            },
            projects=["shop"],
        )
        live(stack, kubeconfig, api)
        unused(own.folder / "audit.log", lines(*files, "destroy", "destroy-service-mesh-2"))

        # The mesh is others': none of the rights to make one are left.
        rbac = client.RbacAuthorizationV1Api(api)
        rbac.delete_namespaced_role_binding("serverless-mesh-deployer", "istio-system")
        secrets = [
            {"apiGroups": [""], "resources": ["secrets", "services"], "verbs": ["*"]},
        ]
        meta = {"name": "rest-of-base", "namespace": "istio-system"}
        role: Any = {"metadata": meta, "rules": secrets}
        rbac.create_namespaced_role("istio-system", role)
        bound: Any = {
            "metadata": meta,
            "roleRef": {
                "apiGroup": "rbac.authorization.k8s.io",
                "kind": "Role",
                "name": "rest-of-base",
            },
            "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": USER}],
        }
        rbac.create_namespaced_role_binding("istio-system", bound)
        grant(api, roles("existing-mesh", "certificates"))
        client.ApiextensionsV1Api(api).create_custom_resource_definition(CERTIFICATES)
        plane: Any = {
            "apiVersion": "maistra.io/v2",
            "kind": "ServiceMeshControlPlane",
            "metadata": {"name": "basic", "namespace": "istio-system"},
            "spec": {"profiles": ["default"]},
        }
        kind = DynamicClient(api).resources.get(api_version="maistra.io/v2", kind=plane["kind"])
        kind.create(body=plane, namespace="istio-system")
        mine = make_stack(tmp_path / "existing", kubeconfig, name="existing")
        mine.configure(
            {
                "mesh.existing": True,
                "mesh.allowChanges": ["mtls", "drain", "gatewayLabels", "excludedPorts"],
                "certificate.from": "cert-manager",
                "certificate.issuer.name": "corporate",
            }
        )
        running = mine.start("up", "--yes", "--skip-preview")
        played_cert_manager(client.CustomObjectsApi(api), running)
        output, _ = running.communicate()
        assert running.returncode == 0, output
        live(mine, kubeconfig, api)
        unused(own.folder / "audit.log", lines("existing-mesh", "certificates"))


def test_the_rights_for_service_mesh_3_are_needed_and_enough(own: Cluster, tmp_path: Path) -> None:
    files = ["base", "service-mesh-3"]
    kubeconfig = own.kubeconfig_for(USER)
    stack = make_stack(tmp_path / "stack", kubeconfig)
    stack.configure(
        {
            "mesh.version": 3,
            "mesh.updateStrategy": "RevisionBased",
            "mesh.istioVersion": "v1.28-latest",
            "mesh.longRequests": True,
            "mesh.discoveryLabel": "mesh=serverless",
        }
    )
    with own.client() as api:
        grant(api, roles(*files))
        live(stack, kubeconfig, api, "service-mesh-3")
    unused(own.folder / "audit.log", lines(*files, "destroy", "destroy-service-mesh-3"))


def unused(log: Path, wanted: Iterable[Line]) -> None:
    """Say which lines allowed nothing that was asked for."""
    events = [json.loads(line) for line in log.read_text("utf-8").splitlines()]
    done = [
        event
        for event in events
        if event["stage"] == "ResponseComplete" and event["responseStatus"]["code"] != 403
    ] + [event for event in events if event["stage"] == "ResponseStarted"]
    idle = [
        line
        for line in wanted
        if (line.group, line.resource, line.verb) not in WEBHOOKS
        and not any(map(line.allows, done))
    ]
    refused = {
        (e["verb"], json.dumps(e.get("objectRef", {}), sort_keys=True))
        for e in events
        if e.get("responseStatus", {}).get("code") == 403
    }
    assert not idle, "\n".join(map(str, [*idle, "refused:", *sorted(refused)]))


DENIED = [
    ("list", "", "secrets", "istio-system", ""),
    ("list", "", "secrets", "", ""),
    ("get", "", "secrets", "istio-system", "another"),
    ("get", "", "secrets", "kube-system", "wildcard-certs"),
    ("create", "", "secrets", "kube-system", ""),
    ("delete", "", "namespaces", "", "istio-system"),
    ("delete", "", "namespaces", "", "shop"),
    ("create", "", "namespaces", "", ""),
    ("patch", "", "namespaces", "", "kube-system"),
    ("patch", "", "namespaces", "", "shop"),
    ("create", "operators.coreos.com", "subscriptions", "openshift-operators", ""),
    ("create", "operators.coreos.com", "subscriptions", "shop", ""),
    ("delete", "maistra.io", "servicemeshcontrolplanes", "another-mesh", "basic"),
    ("patch", "networking.istio.io", "gateways", "shop", "gateway"),
    ("create", "rbac.authorization.k8s.io", "clusterrolebindings", "", ""),
    ("create", "", "pods", "istio-system", ""),
    ("create", "apps", "deployments", "knative-serving", ""),
]


def test_what_the_user_can_not_do(own: Cluster) -> None:
    with own.client() as api:
        grant(api, roles("base", "service-mesh-2", "service-mesh-3"))
        reviews = client.AuthorizationV1Api(api)
        for verb, group, resource, namespace, name in DENIED:
            asked = {
                "verb": verb,
                "group": group,
                "resource": resource,
                "namespace": namespace,
                "name": name,
            }
            review: Any = {"spec": {"user": USER, "resourceAttributes": asked}}
            answer: Any = reviews.create_subject_access_review(review)
            assert not answer.status.allowed, asked


def test_a_user_without_rights_is_told_which_roles_are_needed(own: Cluster, tmp_path: Path) -> None:
    stack = make_stack(tmp_path / "stack", own.kubeconfig_for("nobody"))
    said = stack.fail("up", "--yes", "--skip-preview")
    assert "403" in said
    assert "deploy/" in said
    assert not [resource for resource in stack.resources() if resource["custom"]]
