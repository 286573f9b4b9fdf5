"""`serverless-mesh render` on previews that a test writes."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner, Result

from serverless_mesh.cli.engine_words import UNKNOWN_MARKS
from serverless_mesh.cli.main import app
from serverless_mesh.cli.render.errors import RenderError
from serverless_mesh.cli.render.folder import LIST
from serverless_mesh.cli.render.targets import in_cel
from tests.policy.cases import private_key, private_pem

STACK = "urn:pulumi:test::serverless-mesh::"
UNKNOWN = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"
UID = "networking.internal.knative.dev/certificate-uid"
KEY = private_pem(private_key("leaf", 2048, False))


def step(
    component: str,
    name: str,
    body: Any,
    *after: str,
    kind: str = "",
    op: str = "create",
    **more: Any,
) -> dict[str, Any]:
    version = body.get("apiVersion", "")
    place = version if "/" in version else f"core/{version}"
    urn = f"{STACK}{kind or body.get('kind')}::{name}"
    state = {
        "type": kind or f"kubernetes:{place}:{body['kind']}",
        "parent": f"{STACK}component::{component}",
        "inputs": body,
        "dependencies": list(after),
        **more,
    }
    return {"op": op, "urn": urn, "newState": state}


def urn(kind: str, name: str) -> str:
    return f"{STACK}{kind}::{name}"


def manifest(kind: str, name: str, namespace: str = "", version: str = "v1", **more: Any) -> Any:
    metadata: dict[str, Any] = {"name": name, **({"namespace": namespace} if namespace else {})}
    metadata |= more.pop("metadata", {})
    return {"apiVersion": version, "kind": kind, "metadata": metadata, **more}


WAITS = {
    "annotations": {
        "pulumi.com/patchForce": "true",
        "pulumi.com/waitFor": "condition=Ready",
        "pulumi.com/timeoutSeconds": "900",
        "sidecar.istio.io/inject": "true",
    }
}
PLANE = manifest("Istio", "default", version="sailoperator.io/v1", metadata=WAITS)
KEYED = "tls:index/privateKey:PrivateKey"


def steps() -> list[dict[str, Any]]:
    labels = {"labels": {UID: UNKNOWN}}
    secret = manifest("Secret", "certs", "mesh", metadata=labels, type="kubernetes.io/tls")
    hidden = {**secret, "data": "[secret]"}
    patch = manifest("Namespace", "shop", metadata={"labels": {"istio-injection": "enabled"}})
    gateway = manifest("Gateway", "in", "mesh", version="networking.istio.io/v1", spec={"a": 1})
    return [
        step("namespaces", "mesh", manifest("Namespace", "mesh"), retainOnDelete=True),
        step("namespaces", "shop", manifest("Namespace", "shop"), retainOnDelete=True),
        step("certificate", "key", {"rsaBits": 2048}, urn("Namespace", "mesh"), kind=KEYED),
        step("certificate", "certs", hidden, urn(KEYED, "key")),
        step("istio", "plane", PLANE, urn("Secret", "certs"), protect=True),
        step(
            "membership",
            "patch",
            patch,
            urn("Istio", "plane"),
            kind="kubernetes:core/v1:NamespacePatch",
        ),
        step("gateways", "in", gateway, urn("Istio", "plane")),
    ]


def preview(*given: dict[str, Any], **more: Any) -> str:
    return json.dumps({"steps": list(given), "changeSummary": {"create": len(given)}, **more})


def render(to: Path, text: str, *more: str) -> Result:
    return CliRunner().invoke(app, ["render", "-", "--to", str(to), *more], input=text)


def succeed(to: Path, *more: str) -> dict[str, Any]:
    done = render(to, preview(*steps()), *more)
    assert done.exit_code == 0, done.output
    return contents(to)


def contents(folder: Path) -> dict[str, Any]:
    return {
        str(file.relative_to(folder)): yaml.safe_load(file.read_text("utf-8"))
        for file in sorted(folder.rglob("*.yaml"))
    }


def test_waves_follow_the_dependencies_of_the_preview(tmp_path: Path) -> None:
    found = succeed(tmp_path)
    assert list(found) == [
        "00-namespaces/namespace_mesh.yaml",
        "00-namespaces/namespace_shop.yaml",
        "01-istio/istio.sailoperator.io_default.yaml",
        "02-gateways/gateway.networking.istio.io_mesh_in.yaml",
    ]
    waves = [
        body["metadata"]["annotations"]["argocd.argoproj.io/sync-wave"] for body in found.values()
    ]
    assert waves == ["0", "0", "1", "2"]


def test_argo_cd_is_told_what_to_keep_and_what_only_pulumi_reads_is_left_out(
    tmp_path: Path,
) -> None:
    found = succeed(tmp_path)
    assert found["01-istio/istio.sailoperator.io_default.yaml"]["metadata"]["annotations"] == {
        "argocd.argoproj.io/sync-options": "ServerSideApply=true,"
        "SkipDryRunOnMissingResource=true,Prune=false,Delete=false",
        "argocd.argoproj.io/sync-wave": "1",
        "sidecar.istio.io/inject": "true",
    }
    gateway = found["02-gateways/gateway.networking.istio.io_mesh_in.yaml"]
    assert "Prune" not in gateway["metadata"]["annotations"]["argocd.argoproj.io/sync-options"]


def test_labels_of_a_namespace_are_one_object_with_it(tmp_path: Path) -> None:
    shop = succeed(tmp_path)["00-namespaces/namespace_shop.yaml"]
    assert shop["metadata"]["labels"] == {"istio-injection": "enabled"}


def test_what_is_in_a_namespace_comes_after_it_though_the_engine_knows_no_edge(
    tmp_path: Path,
) -> None:
    account = manifest("ServiceAccount", "gateway", "mesh")
    given = [step("gateways", "account", account), *steps()[:2]]
    assert render(tmp_path, preview(*given)).exit_code == 0
    assert "01-gateways/serviceaccount_mesh_gateway.yaml" in contents(tmp_path)


def test_a_secret_is_left_out_with_a_note(tmp_path: Path) -> None:
    done = render(tmp_path, preview(*steps()))
    assert "secrets left out: 1" in done.stdout
    assert done.stderr.startswith("note: Secret mesh/certs is left out")
    assert not [path for path in contents(tmp_path) if "secret" in path]


@pytest.mark.parametrize("more", [(), ("--secrets", "external-secrets", "--store", "vault")])
def test_a_key_that_a_preview_shows_is_not_written(tmp_path: Path, more: tuple[str, ...]) -> None:
    given = steps()
    given[3]["newState"]["inputs"]["data"] = {"tls.crt": "", "tls.key": KEY}
    done = render(tmp_path, preview(*given), *more)
    assert done.exit_code == 0
    texts = [file.read_text("utf-8") for file in tmp_path.rglob("*") if file.is_file()]
    assert texts
    for text in (*texts, done.output):
        assert "PRIVATE" not in text
        assert KEY.splitlines()[1] not in text


@pytest.mark.parametrize("value", [KEY, "[secret]", UNKNOWN, *sorted(UNKNOWN_MARKS - {UNKNOWN})])
def test_what_is_secret_or_unknown_elsewhere_is_refused_and_not_said(
    tmp_path: Path, value: str
) -> None:
    config = manifest("ConfigMap", "settings", "mesh", data={"key": value})
    done = render(tmp_path / "out", preview(*steps(), step("more", "settings", config)))
    assert done.exit_code == 2
    assert "ConfigMap mesh/settings can't be rendered" in done.stderr
    assert value not in done.output
    assert not (tmp_path / "out").exists()


def test_a_reference_to_a_store_stands_where_the_secret_does(tmp_path: Path) -> None:
    found = succeed(tmp_path, "--secrets", "external-secrets", "--store", "vault")
    body = found["01-certificate/externalsecret.external-secrets.io_mesh_certs.yaml"]
    spec = body["spec"]
    assert spec["secretStoreRef"] == {"kind": "ClusterSecretStore", "name": "vault"}
    assert [each["secretKey"] for each in spec["data"]] == ["tls.crt", "tls.key"]
    template = spec["target"]["template"]
    assert template["type"] == "kubernetes.io/tls"
    assert len(template["metadata"]["labels"][UID]) == 36
    assert UNKNOWN not in str(body)
    assert "02-istio/istio.sailoperator.io_default.yaml" in found


@pytest.mark.parametrize(
    "more", [("--store", "vault"), ("--secrets", "external-secrets"), ("--store-kind", "Vault")]
)
def test_options_that_do_not_go_together_are_refused(tmp_path: Path, more: tuple[str, ...]) -> None:
    done = render(tmp_path, preview(*steps()), *more)
    assert done.exit_code == 2
    assert "--store" in done.stderr


def test_flux_gets_a_kustomization_a_stage_each_after_the_one_before(tmp_path: Path) -> None:
    found = succeed(tmp_path, "--for", "flux", "--flux-path", "clusters/production")
    bodies = [body for path, body in found.items() if path.startswith("flux/")]
    assert [body["spec"]["path"] for body in bodies] == [
        "./clusters/production/00-namespaces",
        "./clusters/production/01-istio",
        "./clusters/production/02-gateways",
    ]
    before = [body["spec"].get("dependsOn") for body in bodies]
    names = [{"name": body["metadata"]["name"]} for body in bodies]
    assert before == [None, [names[0]], [names[1]]]
    (check,) = bodies[1]["spec"]["healthCheckExprs"]
    assert check["kind"] == "Istio"
    assert bodies[1]["spec"]["timeout"] == "900s"
    assert "healthCheckExprs" not in bodies[2]["spec"]
    plane = found["01-istio/istio.sailoperator.io_default.yaml"]["metadata"]["annotations"]
    assert plane["kustomize.toolkit.fluxcd.io/prune"] == "disabled"
    assert not any(key.startswith("argocd") for key in plane)


def test_a_folder_outside_of_the_repository_needs_its_path_for_flux(tmp_path: Path) -> None:
    done = render(tmp_path, preview(*steps()), "--for", "flux")
    assert done.exit_code == 2
    assert "--flux-path is needed" in done.stderr


def test_what_an_update_waits_for_is_said_in_cel() -> None:
    assert in_cel("jsonpath={.status.installedCSV}") == "has(status.installedCSV)"
    assert in_cel("jsonpath={.status.state}=AtLatestKnown") == (
        "has(status.state) && status.state == 'AtLatestKnown'"
    )
    assert "each.type == 'Ready' && each.status == 'True'" in in_cel("condition=Ready")
    with pytest.raises(RenderError, match="no form"):
        in_cel("delete")


def turned(value: Any) -> Any:
    """Return the same value with the keys of its mappings the other way round."""
    if isinstance(value, dict):
        return {key: turned(value[key]) for key in reversed(value)}
    return [turned(each) for each in value] if isinstance(value, list) else value


def test_the_same_preview_in_another_order_gives_the_same_bytes(tmp_path: Path) -> None:
    render(tmp_path / "one", preview(*steps()))
    render(tmp_path / "two", preview(*turned(steps()[::-1])))
    one, two = (
        {file.relative_to(at): file.read_bytes() for file in at.rglob("*") if file.is_file()}
        for at in (tmp_path / "one", tmp_path / "two")
    )
    assert one == two


def test_check_tells_what_is_not_up_to_date_and_writes_nothing(tmp_path: Path) -> None:
    text = preview(*steps())
    done = render(tmp_path / "out", text, "--check")
    assert done.exit_code == 1
    assert "00-namespaces/namespace_mesh.yaml: not as rendered" in done.stdout
    assert not (tmp_path / "out").exists()
    render(tmp_path / "out", text)
    assert render(tmp_path / "out", text, "--check").exit_code == 0
    stale = render(tmp_path / "out", preview(*steps()[:-1]), "--check")
    assert stale.exit_code == 1
    assert "gateway.networking.istio.io_mesh_in.yaml: not rendered any more" in stale.stdout
    file = tmp_path / "out" / "00-namespaces" / "namespace_mesh.yaml"
    file.write_text("changed by hand", "utf-8")
    assert render(tmp_path / "out", text, "--check").exit_code == 1


def test_only_files_that_were_rendered_are_removed(tmp_path: Path) -> None:
    succeed(tmp_path)
    (tmp_path / "README.md").write_text("ours", "utf-8")
    (tmp_path / "01-istio" / "more.yaml").write_text("kind: Ours", "utf-8")
    done = render(tmp_path, preview(*steps()[:2]))
    assert "removed: 2" in done.stdout
    left = {str(file.relative_to(tmp_path)) for file in tmp_path.rglob("*") if file.is_file()}
    assert left == {
        LIST,
        "README.md",
        "00-namespaces/namespace_mesh.yaml",
        "00-namespaces/namespace_shop.yaml",
        "01-istio/more.yaml",
    }
    assert not (tmp_path / "02-gateways").exists()


def test_a_file_of_others_in_the_way_is_left_as_it_is(tmp_path: Path) -> None:
    file = tmp_path / "00-namespaces" / "namespace_mesh.yaml"
    file.parent.mkdir()
    file.write_text("ours", "utf-8")
    done = render(tmp_path, preview(*steps()))
    assert done.exit_code == 2
    assert "is in the way" in done.stderr
    assert file.read_text("utf-8") == "ours"


@pytest.mark.parametrize("path", ["../outside.yaml", "/etc/hosts", "a/b/c.yaml", "README.md"])
def test_a_list_that_names_other_files_removes_nothing(tmp_path: Path, path: str) -> None:
    (tmp_path / "outside.yaml").write_text("ours", "utf-8")
    folder = tmp_path / "out"
    folder.mkdir()
    (folder / LIST).write_text(path + "\n", "utf-8")
    done = render(folder, preview(*steps()))
    assert done.exit_code == 2
    assert (tmp_path / "outside.yaml").exists()


def test_a_link_is_not_followed(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "00-namespaces").symlink_to(outside)
    assert render(tmp_path / "out", preview(*steps())).exit_code == 2
    assert not list(outside.iterdir())
    (tmp_path / "out" / "00-namespaces").unlink()
    (tmp_path / "out" / LIST).symlink_to(outside / "list")
    assert "is a symbolic link" in render(tmp_path / "out", preview(*steps())).stderr
    assert not list(outside.iterdir())


def test_a_folder_whose_name_is_too_long_is_no_fault_of_ours(tmp_path: Path) -> None:
    for more in ((), ("--check",)):
        done = render(tmp_path / ("x" * 300), preview(*steps()), *more)
        assert (done.exit_code, "can't be read: File name too long" in done.stderr) == (2, True)


def test_a_stage_of_many_components_has_a_name_that_flux_takes(tmp_path: Path) -> None:
    many = [step(f"component-{n}", f"c{n}", manifest("ConfigMap", f"c{n}")) for n in range(30)]
    assert render(tmp_path, preview(*many), "--for", "flux", "--flux-path", "x").exit_code == 0
    (made,) = (each for path, each in contents(tmp_path).items() if path.startswith("flux/"))
    assert len(made["metadata"]["name"]) <= 63
    assert not made["metadata"]["name"].endswith("-")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "the preview is empty"),
        (json.dumps({"steps": steps()}), "the preview stopped before its end"),
        ("no JSON", "this is not what"),
        ("[]", "this is not what"),
        (preview(), "declares no Kubernetes object"),
        (
            preview(*steps(), diagnostics=[{"severity": "error", "message": "appsDomain is "}]),
            "the preview failed: appsDomain is",
        ),
        (
            json.dumps({"steps": steps(), "changeSummary": {"same": 3}}),
            "leaves out 3 resources that do not change",
        ),
    ],
)
def test_what_is_no_whole_preview_is_refused(tmp_path: Path, text: str, said: str) -> None:
    done = render(tmp_path / "out", text)
    assert done.exit_code == 2
    assert said in done.stderr
    assert not (tmp_path / "out").exists()


def test_what_an_update_deletes_is_not_rendered(tmp_path: Path) -> None:
    gone = {"op": "delete", "urn": urn("Namespace", "old"), "oldState": {}}
    assert render(tmp_path, preview(*steps(), gone)).exit_code == 0
    assert not [path for path in contents(tmp_path) if "old" in path]


@pytest.mark.parametrize("name", ["../../odd", "", "a b"])
def test_a_name_that_no_file_can_have_is_refused(tmp_path: Path, name: str) -> None:
    odd = step("more", "odd", manifest("ConfigMap", name, "mesh"))
    done = render(tmp_path / "out", preview(*steps(), odd))
    assert done.exit_code == 2
    assert "a name that no file can have" in done.stderr


def test_two_objects_never_share_a_file(tmp_path: Path) -> None:
    roles = [manifest("Role", name, "mesh") for name in ("a:b", "a-b")]
    given = [step("more", role["metadata"]["name"], role) for role in roles]
    done = render(tmp_path / "out", preview(*given))
    assert done.exit_code == 2
    assert "the file of another object" in done.stderr


def test_an_expression_that_is_no_list_is_refused(tmp_path: Path) -> None:
    body = manifest("Istio", "mesh", metadata={"annotations": {"pulumi.com/waitFor": "[odd"}})
    done = render(tmp_path / "out", preview(step("istio", "mesh", body)))
    assert done.exit_code == 2
    assert "pulumi.com/waitFor is no list in JSON" in done.stderr
