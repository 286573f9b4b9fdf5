"""The ready pipelines on the local environment: previews as comments, updates, drift."""

import os
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from kubernetes import client

from stacks import PulumiStack, make_stack, started_once
from tests.forge import TOKEN, Forge, forge
from tests.workflows import PIPELINES, Workflow
from toolchain.cluster import Cluster
from toolchain.paths import ROOT

pytestmark = pytest.mark.e2e

GATEWAYS = ("networking.istio.io", "v1alpha3")
STACK = "staging"
MARKER = f"<!-- serverless-mesh report: serverless-mesh/{STACK} -->"


@pytest.fixture(scope="module")
def stack(own: Cluster, tmp_path_factory: pytest.TempPathFactory) -> PulumiStack:
    made = make_stack(tmp_path_factory.mktemp("stack"), own.kubeconfig, name=STACK)
    made.remove("kubernetes:kubeconfig")
    made.configure(appsDomain="apps.openshift.example.com")
    shutil.copytree(PIPELINES, made.project / "examples" / "pipelines")
    # What it makes is emptied with the cluster, and its state is nobody's.
    return made


@pytest.fixture(scope="module")
def host() -> Iterator[Forge]:
    with forge() as found:
        yield found


def runners(stack: PulumiStack, host: Forge) -> dict[str, str]:
    """Return the environment of a runner, which has no state of ours and no kubeconfig."""
    kept = ("PATH", "VIRTUAL_ENV", "PULUMI_HOME", "PYTHONPATH", *started_once())
    skipped = ("PULUMI_SKIP_UPDATE_CHECK", "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION")
    return {
        **{key: stack.env[key] for key in (*kept, *skipped)},
        "HOME": str(stack.project.parent / "home"),
        "POLICY_PACK": str(ROOT / "policy"),
        "GITHUB_API_URL": host.url,
        "GITHUB_REPOSITORY": "o/r",
        "GITHUB_STEP_SUMMARY": str(stack.project.parent / "summary.md"),
        "GOGC": os.environ.get("GOGC", "300"),
    }


def workflow(stack: PulumiStack, host: Forge, name: str, kubeconfig: str) -> Workflow:
    passphrase = Path(stack.env["PULUMI_CONFIG_PASSPHRASE_FILE"]).read_text("utf-8")
    values: Mapping[str, str] = {
        "matrix.stack": STACK,
        "secrets.KUBECONFIG": kubeconfig,
        "secrets.PULUMI_BACKEND_URL": stack.env["PULUMI_BACKEND_URL"],
        "secrets.PULUMI_ACCESS_TOKEN": "",
        "secrets.PULUMI_CONFIG_PASSPHRASE": passphrase,
        "github.token": TOKEN,
        "github.event.pull_request.number": "7",
    }
    return Workflow(name, stack.project, runners(stack, host), values)


def test_a_pull_request_from_preview_to_merge_and_drift(
    stack: PulumiStack, host: Forge, own: Cluster
) -> None:
    kubeconfig = own.kubeconfig.read_text("utf-8")
    preview = workflow(stack, host, "preview", kubeconfig)

    code, said = preview.run("preview")
    assert code == 0, said
    assert preview.run("comment") == (0, "github-comment: made\n")
    (comment,) = host.comments
    first = comment["body"]
    assert first.startswith(f"{MARKER}\n\n### ✅ `serverless-mesh/{STACK}` may go on")
    assert "17 to create" in first
    assert "n3 --> n4" in first
    assert "unknown until update (wildcard-certificate)" in first
    assert "known after the update; 365 days" in first
    assert "What policy packs said is not in what was read" not in first
    assert preview.run("summary") == (0, "")
    assert (stack.project.parent / "summary.md").read_text("utf-8") == first

    code, said = workflow(stack, host, "up", kubeconfig).run("up")
    assert code == 0, said
    assert stack.outputs()["controlPlane"] == "istio-system/basic"

    drift = workflow(stack, host, "drift", kubeconfig)
    with own.client() as api:
        gateways = client.CustomObjectsApi(api)
        place = (*GATEWAYS, "knative-serving", "gateways", "knative-ingress-gateway")
        found: Any = gateways.get_namespaced_custom_object(*place)
        found["spec"]["servers"][0]["hosts"] = ["*.elsewhere.example.com"]
        gateways.replace_namespaced_custom_object(*place, found)
    code, said = drift.run("drift")
    assert code == 1, said
    assert drift.run("issue") == (0, "github-issue: made\n")
    (issue,) = host.issues
    assert issue["title"] == f"Drift of serverless-mesh/{STACK}"
    assert "`Gateway knative-serving/knative-ingress-gateway`" in issue["body"]
    assert f"`serverless-mesh/{STACK}` has drifted" in issue["body"]
    assert "- *.elsewhere.example.com\n+ *\n" in issue["body"]

    for text in (first, issue["body"]):
        assert "PRIVATE KEY" not in text
        assert TOKEN not in text


def test_without_cluster_all_is_new_and_the_same_comment_is_updated(
    stack: PulumiStack, host: Forge
) -> None:
    forked = workflow(stack, host, "preview", "")
    bare = Workflow(
        forked.name,
        forked.folder,
        forked.env,
        {
            **forked.values,
            "secrets.PULUMI_BACKEND_URL": "",
            "secrets.PULUMI_CONFIG_PASSPHRASE": "",
        },
    )
    code, said = bare.run("preview")
    assert code == 0, said
    written = (stack.project / "report.md").read_text("utf-8")
    assert written.startswith(MARKER)
    assert "17 to create" in written
    assert "This preview knows nothing of what the cluster has" in written
    assert not (stack.project / "Pulumi.without-state.yaml").exists()
    made = len(host.comments)
    assert bare.run("comment") == (0, "github-comment: updated\n")
    assert [each["body"] for each in host.comments[made - 1 :]] == [written]
