"""Rendered without a cluster by the real engine, then applied in order to the real API server."""

import json
import os
import re
import subprocess
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from kubernetes import client
from kubernetes.dynamic import DynamicClient
from lupa.lua51 import LuaRuntime
from typer.testing import CliRunner

from harness import CERTIFICATES, until
from serverless_mesh.cli.main import app
from serverless_mesh.cli.render.folder import LIST
from serverless_mesh.cli.render.preview import COMMAND
from stacks import PulumiStack, make_stack
from tests.policy.cases import certificate, private_key, private_pem
from toolchain.cluster import Cluster
from toolchain.gitops import GITOPS
from toolchain.paths import ROOT, VENV

pytestmark = pytest.mark.e2e

Object = dict[str, Any]
EXAMPLES = ROOT / "examples" / "gitops"
KEY = private_key("leaf", 2048, False)
ROOT_KEY = private_key("root", 2048, False)
READY_WITHIN = 60.0
MESH_2 = {
    "kafka.bootstrapServers": ["kafka-a.kafka:9092"],
    "operators.approval": "Automatic",
    "certificate.from": "cert-manager",
    "certificate.issuer.name": "corporate",
    "domainMappings": [
        {"host": "shop.example.org", "project": "shop", "service": "hello", "secret": "shop-tls"}
    ],
    "projects": ["shop"],
    "protect": True,
}
MESH_3 = {
    "mesh.version": 3,
    "mesh.discoveryLabel": "mesh=serverless",
    "mesh.longRequests": True,
    "verification.image": "openshift/hello-openshift",
    "verification.project": "shop",
    "projects": ["shop"],
    "certificate.from": "pem",
}


def previewed(folder: Path, values: Mapping[str, object]) -> Path:
    """Preview a stack that has no kubeconfig at all, as a pipeline without a cluster does."""
    stack = make_stack(folder, folder / "nowhere")
    stack.remove("kubernetes:kubeconfig")
    stack.configure(
        {
            "appsDomain": "apps.example.com",
            "kubernetes:renderYamlToDirectory": "rendered",
            **values,
        }
    )
    if values.get("certificate.from") == "pem":
        _provide(stack)
    _, *arguments = COMMAND.split()
    file = folder / "preview.json"
    with file.open("w") as output:
        done = subprocess.run(
            stack.command(*arguments),
            cwd=stack.project,
            env={**stack.env, "KUBECONFIG": str(folder / "nowhere")},
            stdout=output,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert done.returncode == 0, file.read_text("utf-8")[-2000:] + done.stderr
    assert not (stack.project / "rendered").exists()
    return file


def _provide(stack: PulumiStack) -> None:
    leaf = certificate("leaf", KEY, "root", ROOT_KEY, ["*.apps.example.com"], (-1, 90), "server")
    stack.configure({"certificate.certificate": leaf})
    stack.set_secret("privateKey", private_pem(KEY))


@pytest.fixture(scope="module")
def previews(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return {
        name: previewed(tmp_path_factory.mktemp(name), values)
        for name, values in (("mesh2", MESH_2), ("mesh3", MESH_3))
    }


def render(preview: Path, to: Path, *more: str) -> dict[Path, Object]:
    done = CliRunner().invoke(app, ["render", str(preview), "--to", str(to), *more])
    assert done.exit_code == 0, done.output
    return {file: yaml.safe_load(file.read_text("utf-8")) for file in sorted(to.rglob("*.yaml"))}


@cache
def definition(path: str) -> tuple[str, Object]:
    """Return a kind of others and its schema, by which a field that it does not know is wrong."""
    file = GITOPS / path
    if not file.exists():
        pytest.fail("the definitions for this test are not set up: run `make test`")
    # In C: the largest of them has a megabyte.
    body = yaml.load(file.read_text("utf-8"), yaml.CSafeLoader)
    (version,) = (each for each in body["spec"]["versions"] if each["storage"])
    schema = version["schema"]["openAPIV3Schema"]
    schema["properties"]["metadata"] = {"type": "object"}
    return body["spec"]["names"]["kind"], _closed(schema)


def _closed(schema: Any) -> Any:
    if isinstance(schema, list):
        return [_closed(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    found = {key: _closed(value) for key, value in schema.items()}
    open_ended = found.get("x-kubernetes-preserve-unknown-fields")
    typed = isinstance(found.get("properties"), dict) and found.get("type") == "object"
    if typed and not open_ended:
        found.setdefault("additionalProperties", False)
    return found


def held_to_definition(path: str, body: Object) -> None:
    kind, schema = definition(path)
    assert body["kind"] == kind
    jsonschema.Draft7Validator(schema).validate(body)


FLUX = "config/crd/bases/kustomize.toolkit.fluxcd.io_kustomizations.yaml"
EXTERNAL = "config/crds/bases/external-secrets.io_externalsecrets.yaml"
APPLICATION = "manifests/crds/application-crd.yaml"
APPLICATIONS = "manifests/crds/applicationset-crd.yaml"


@cache
def health_checks() -> dict[tuple[str, str], str]:
    """Return the health checks by group and kind: ours, and Argo CD's own."""
    found = {
        (file.parent.parent.name, file.parent.name): file.read_text("utf-8")
        for file in GITOPS.rglob("health.lua")
    }
    config = yaml.safe_load((EXAMPLES / "argocd" / "argocd-cm.yaml").read_text("utf-8"))
    for key, script in config["data"].items():
        prefix, _, place = key.partition("health.")
        assert prefix == "resource.customizations."
        group, _, kind = place.partition("_")
        found[group, kind] = script
    return found


def health(body: Object) -> str:
    """Return what Argo CD's Lua says, with the libraries that Argo CD gives it."""
    group, _, _ = body["apiVersion"].rpartition("/")
    lua = LuaRuntime(register_eval=False, register_builtins=False)
    script = health_checks()[group, body["kind"]]
    lua.execute("string, io, os, math = nil")
    lua.globals().obj = lua.table_from(body, recursive=True)
    return str(lua.execute(script)["status"])


def waited_for(preview: Path) -> set[tuple[str, str]]:
    """Return the group and kind of each object for which an update waits."""
    states = [each["newState"] for each in json.loads(preview.read_text("utf-8"))["steps"]]
    bodies = [state.get("inputs") or {} for state in states]
    return {
        (body["apiVersion"].rpartition("/")[0], body["kind"])
        for body in bodies
        if "pulumi.com/waitFor" in str(body.get("metadata"))
    }


@pytest.mark.parametrize("mesh", ["mesh2", "mesh3"])
def test_nothing_is_wrong_with_the_rendered_folder(
    previews: dict[str, Path], tmp_path: Path, mesh: str
) -> None:
    found = render(previews[mesh], tmp_path)
    assert "Namespace" in {body["kind"] for body in found.values()}
    done = CliRunner().invoke(app, ["check", "-f", str(tmp_path), "--format", "json"])
    assert done.exit_code == 0, done.output
    said = json.loads(done.stdout)
    # What another rendering can't know: secrets that are not in it.
    assert {each["outcome"] for each in said} <= {"undetermined"}
    assert {each["rule"] for each in said} <= {"wildcard-certificate", "domain-names-covered"}


@pytest.mark.parametrize("mesh", ["mesh2", "mesh3"])
@pytest.mark.parametrize(
    "more",
    [
        (),
        ("--secrets", "external-secrets", "--store", "vault"),
        ("--for", "flux", "--flux-path", "clusters/production"),
    ],
)
def test_nothing_secret_or_of_pulumi_is_in_any_file(
    previews: dict[str, Path], tmp_path: Path, mesh: str, more: tuple[str, ...]
) -> None:
    render(previews[mesh], tmp_path, *more)
    texts = [file.read_text("utf-8") for file in tmp_path.rglob("*") if file.is_file()]
    key = private_pem(KEY).splitlines()[1]
    for text in texts:
        assert "PRIVATE" not in text
        assert key not in text
        assert "UFJJVkFURS" not in text
        assert "[secret]" not in text
        assert "pulumi.com/" not in text
    assert (tmp_path / LIST).exists()


def test_every_kind_that_is_waited_for_has_a_health_check(previews: dict[str, Path]) -> None:
    waited = waited_for(previews["mesh2"]) | waited_for(previews["mesh3"])
    assert ("maistra.io", "ServiceMeshControlPlane") in waited
    assert ("sailoperator.io", "Istio") in waited
    assert waited <= health_checks().keys()


def test_openshift_gitops_gets_the_same_health_checks() -> None:
    config = yaml.safe_load((EXAMPLES / "argocd" / "argocd-cm.yaml").read_text("utf-8"))
    argo = yaml.safe_load((EXAMPLES / "argocd" / "openshift-gitops.yaml").read_text("utf-8"))
    assert config["data"] == {
        f"resource.customizations.health.{each['group']}_{each['kind']}": each["check"]
        for each in argo["spec"]["resourceHealthChecks"]
    }


@pytest.mark.parametrize(
    ("status", "said"),
    [
        (None, "Progressing"),
        ({"conditions": []}, "Progressing"),
        ({"conditions": [{"type": "Ready", "status": "False", "message": "no"}]}, "Progressing"),
        ({"conditions": [{"type": "Reconciled", "status": "True"}]}, "Progressing"),
        ({"conditions": [{"type": "Ready", "status": "True"}]}, "Healthy"),
        (
            {"observedGeneration": 1, "conditions": [{"type": "Ready", "status": "True"}]},
            "Progressing",
        ),
    ],
)
def test_a_health_check_waits_for_ready_of_the_last_change(
    status: Object | None, said: str
) -> None:
    body = {
        "apiVersion": "maistra.io/v2",
        "kind": "ServiceMeshControlPlane",
        "metadata": {"name": "basic", "generation": 2},
        **({} if status is None else {"status": status}),
    }
    assert health(body) == said


@pytest.mark.parametrize("heading", ["Argo CD", "Flux", "Secrets"])
def test_the_commands_of_the_guide_do_what_it_says(
    previews: dict[str, Path], tmp_path: Path, heading: str
) -> None:
    guide = (ROOT / "docs" / "guides" / "gitops.md").read_text("utf-8")
    section = guide.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    blocks = re.findall(r"(?s)```sh\n(.*?)```", section)
    # Another block needs the controller of Sealed Secrets.
    shown = "\n".join(block for block in blocks if "serverless-mesh" in block)
    assert "serverless-mesh render preview.json" in shown
    (tmp_path / "preview.json").write_bytes(previews["mesh3"].read_bytes())
    # The preview itself is made above.
    assert f"{COMMAND} > preview.json\n" in guide
    lines = [line for line in shown.splitlines() if not line.startswith("pulumi ")]
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", "\n".join(lines)],
        cwd=tmp_path,
        env={**os.environ, "PATH": f"{VENV / 'bin'}{os.pathsep}{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert list((tmp_path / "clusters" / "production").glob("*/*.yaml"))


@pytest.mark.parametrize("mesh", ["mesh2", "mesh3"])
def test_kustomizations_are_as_flux_defines_them(
    previews: dict[str, Path], tmp_path: Path, mesh: str
) -> None:
    found = render(previews[mesh], tmp_path, "--for", "flux", "--flux-path", "clusters/production")
    bodies = [body for file, body in found.items() if file.parent.name == "flux"]
    assert len(bodies) > 5
    for body in bodies:
        held_to_definition(FLUX, body)
    checked = {
        (each["apiVersion"].rpartition("/")[0], each["kind"])
        for body in bodies
        for each in body["spec"].get("healthCheckExprs", ())
    }
    assert checked == waited_for(previews[mesh])


def test_a_reference_is_as_external_secrets_defines_it(
    previews: dict[str, Path], tmp_path: Path
) -> None:
    more = ("--secrets", "external-secrets", "--store", "vault")
    bodies = render(previews["mesh3"], tmp_path, *more).values()
    (body,) = (each for each in bodies if each["kind"] == "ExternalSecret")
    held_to_definition(EXTERNAL, body)
    body["spec"]["store"] = "vault"
    with pytest.raises(jsonschema.ValidationError):
        held_to_definition(EXTERNAL, body)


@pytest.mark.parametrize(
    ("example", "path"),
    [
        ("argocd/application.yaml", APPLICATION),
        ("argocd/applicationset.yaml", APPLICATIONS),
        ("flux/serverless-mesh.yaml", FLUX),
    ],
)
def test_the_examples_are_as_their_readers_define_them(example: str, path: str) -> None:
    held_to_definition(path, yaml.safe_load((EXAMPLES / example).read_text("utf-8")))


STACK_FIELDS = {
    "stack": str,
    "projectRepo": str,
    "branch": str,
    "commit": str,
    "repoDir": str,
    "shallow": bool,
    "serviceAccountName": str,
    "backend": str,
    "refresh": bool,
    "resyncFrequencySeconds": int,
    "continueResyncOnCommitMatch": bool,
    "destroyOnFinalize": bool,
    "envRefs": dict,
    "secretsRef": dict,
    "prerequisites": list,
}
"""Of the fields of a Stack those that the example has: no registry carries the definition.

Recorded from pulumi/pulumi-kubernetes-operator, deploy/helm/pulumi-operator/crds, at commit
0d34c847.
"""


def test_the_stacks_of_the_pulumi_operator_are_one_an_environment() -> None:
    file = EXAMPLES / "pulumi-operator" / "stacks.yaml"
    stacks = list(yaml.safe_load_all(file.read_text("utf-8")))
    assert len({each["spec"]["stack"] for each in stacks}) == len(stacks) == 2
    for each in stacks:
        assert (each["apiVersion"], each["kind"]) == ("pulumi.com/v1", "Stack")
        spec = each["spec"]
        for field, value in spec.items():
            assert type(value) is STACK_FIELDS[field], field
        # Either, as the definition says.
        assert ("branch" in spec) != ("commit" in spec)
        # The program does not go by the pod's account.
        kubeconfig = spec["secretsRef"]["kubernetes:kubeconfig"]["secret"]
        assert kubeconfig == {"name": each["metadata"]["name"], "key": "kubeconfig"}
        for reference in (*spec["envRefs"].values(), *spec["secretsRef"].values()):
            part = {"Secret": "secret", "Literal": "literal"}[reference["type"]]
            fields = {"secret": {"name", "key"}, "literal": {"value"}}[part]
            assert reference.keys() == {"type", part}
            assert reference[part].keys() == fields


@pytest.fixture(scope="module")
def api(own: Cluster) -> Iterator[client.ApiClient]:
    with own.client() as made:
        # What issues the certificate is not there; who has it brings it into the cluster.
        definitions = client.ApiextensionsV1Api(made)
        definitions.create_custom_resource_definition(CERTIFICATES)
        until(lambda: _is_served(definitions), READY_WITHIN)
        yield made


def _is_served(definitions: Any) -> bool:
    found = definitions.read_custom_resource_definition("certificates.cert-manager.io")
    conditions = found.status.conditions or []
    return any(each.type == "Established" and each.status == "True" for each in conditions)


def path_of(objects: DynamicClient, body: Object) -> str:
    resource = objects.resources.get(api_version=body["apiVersion"], kind=body["kind"])
    about = body["metadata"]
    return str(resource.path(name=about["name"], namespace=about.get("namespace")))


def asked(
    api: client.ApiClient, method: str, path: str, body: Object | None = None, query: str = ""
) -> Object:
    """Ask the API server; the client's own calls can't say that no field is to be dropped."""
    answer = api.rest_client.pool_manager.request(
        method,
        f"{api.configuration.host}{path}{query}",
        body=None if body is None else json.dumps(body).encode(),
        headers={"Accept": "application/json", "Content-Type": "application/apply-patch+yaml"},
    )
    assert answer.status < 300, answer.data.decode()
    return dict(json.loads(answer.data))


def applied(api: client.ApiClient, path: str, body: Object) -> Object:
    """Apply an object as Argo CD and Flux do, but let no field pass that the server drops."""
    return asked(api, "PATCH", path, body, "?fieldManager=argocd&fieldValidation=Strict")


@pytest.mark.parametrize("mesh", ["mesh2", "mesh3"])
def test_the_api_server_takes_the_folder_wave_by_wave(
    previews: dict[str, Path], api: client.ApiClient, tmp_path: Path, mesh: str
) -> None:
    waves: dict[int, list[Object]] = {}
    for body in render(previews[mesh], tmp_path).values():
        wave = int(body["metadata"]["annotations"]["argocd.argoproj.io/sync-wave"])
        waves.setdefault(wave, []).append(body)
    assert sorted(waves) == list(range(len(waves)))
    objects = DynamicClient(api)
    checked = 0
    for wave in sorted(waves):
        for body in waves[wave]:
            path = path_of(objects, body)
            found = applied(api, path, body)
            if body["kind"] == "Certificate":
                ready = [{"type": "Ready", "status": "True", "reason": "Issued", "message": ""}]
                applied(api, path, {**body, "status": {"conditions": ready}})
            group = found["apiVersion"].rpartition("/")[0]
            if (group, found["kind"]) in health_checks():
                checked += 1
                until(lambda path=path: health(asked(api, "GET", path)) == "Healthy", READY_WITHIN)  # type: ignore[misc]
    assert checked >= 4
