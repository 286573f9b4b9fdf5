"""The stand-in plugin `kubernetes` under the real engine, on the real API server."""

import base64
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from kubernetes import client
from kubernetes.client import V1ConfigMap, V1ObjectMeta

from harness import StackFactory, make_stack
from toolchain.cluster import Cluster

pytestmark = pytest.mark.e2e

HEAD = """
import pulumi, pulumi_kubernetes as k8s
from pulumi_kubernetes.core.v1 import ConfigMap, ConfigMapPatch, Namespace, Secret
from pulumi_kubernetes.apiextensions import CustomResource, CustomResourcePatch
"""
CONFIG_MAP = """
cm = ConfigMap("cm", metadata={"name": "NAME", "annotations": ANNOTATIONS}, data=DATA)
"""


def config_map(name: str, data: dict[str, str], **annotations: str) -> str:
    text = CONFIG_MAP.replace("NAME", name).replace("DATA", repr(data))
    named = {f"pulumi.com/{key}": value for key, value in annotations.items()}
    return HEAD + text.replace("ANNOTATIONS", repr(named))


@pytest.fixture(scope="module")
def core(cluster: Cluster) -> Iterator[client.CoreV1Api]:
    with cluster.client() as api:
        yield client.CoreV1Api(api)


def data_of(core: client.CoreV1Api, name: str) -> dict[str, str]:
    found = core.read_namespaced_config_map(name, "default")
    return dict(found.data or {})


def edit(core: client.CoreV1Api, name: str, data: dict[str, str | None]) -> None:
    """Change a ConfigMap behind the stack's back."""
    core.patch_namespaced_config_map(name, "default", {"data": data}, field_manager="somebody")


def write(stack: Any, program: str) -> None:
    (stack.project / "__main__.py").write_text(program, "utf-8")


def test_a_life(pulumi_stack: StackFactory, core: client.CoreV1Api) -> None:
    stack = pulumi_stack(config_map("life", {"a": "1"}))
    stack.up()
    assert data_of(core, "life") == {"a": "1"}
    write(stack, config_map("life", {"a": "2", "b": "x"}))
    assert "data: {" in (shown := stack.preview())
    assert '~ a: "1" => "2"' in shown
    assert '+ b: "x"' in shown
    assert data_of(core, "life") == {"a": "1"}, "a preview must not write"
    before = core.read_namespaced_config_map("life", "default").metadata
    assert "1 updated" in stack.up()
    after = core.read_namespaced_config_map("life", "default").metadata
    assert before is not None
    assert after is not None
    assert after.uid == before.uid
    assert data_of(core, "life") == {"a": "2", "b": "x"}
    stack.up("--expect-no-changes")
    stack.destroy()
    with pytest.raises(client.ApiException) as caught:
        data_of(core, "life")
    assert caught.value.status == 404


def test_the_state_is_as_the_official_plugin_writes_it(pulumi_stack: StackFactory) -> None:
    stack = pulumi_stack(config_map("state", {"a": "1"}))
    stack.up()
    (found,) = (r for r in stack.resources() if r["type"] == "kubernetes:core/v1:ConfigMap")
    assert found["id"] == "default/state"
    assert found["inputs"]["apiVersion"] == "v1"
    assert found["inputs"]["kind"] == "ConfigMap"
    assert found["inputs"]["metadata"]["labels"] == {"app.kubernetes.io/managed-by": "pulumi"}
    outputs = found["outputs"]
    assert outputs["__initialApiVersion"] == "v1"
    assert outputs["__fieldManager"].startswith("pulumi-kubernetes-")
    assert outputs["metadata"]["uid"]


def test_secrets_are_secret(pulumi_stack: StackFactory, core: client.CoreV1Api) -> None:
    word = base64.b64encode(b"open sesame").decode()
    program = HEAD + f"Secret('s', metadata={{'name': 'cave'}}, data={{'word': '{word}'}})"
    stack = pulumi_stack(program)
    shown = stack.preview() + stack.up()
    other = base64.b64encode(b"close sesame").decode()
    write(stack, program.replace(word, other))
    shown += stack.preview() + stack.up() + stack.refresh()
    for text in (shown, stack.state(), stack.succeed("stack", "export")):
        assert word not in text
        assert other not in text
    assert (core.read_namespaced_secret("cave", "default").data or {})["word"] == other


def test_another_name_or_an_immutable_field_replaces(
    pulumi_stack: StackFactory, core: client.CoreV1Api
) -> None:
    stack = pulumi_stack(config_map("first", {"a": "1"}))
    stack.up()
    write(stack, config_map("second", {"a": "1"}))
    assert "1 replaced" in stack.up()
    assert data_of(core, "second") == {"a": "1"}
    typed = HEAD + "Secret('s', metadata={'name': 'typed'}, type='TYPE', data={'k': 'eA=='})"
    write(stack, typed.replace("TYPE", "Opaque"))
    stack.up()
    write(stack, typed.replace("TYPE", "example.com/other"))
    # The name stays, so the old one must go before the new one can come.
    assert "1 replaced" in stack.up()
    assert core.read_namespaced_secret("typed", "default").type == "example.com/other"


def test_an_object_of_somebody_else_is_not_taken(
    pulumi_stack: StackFactory, core: client.CoreV1Api
) -> None:
    theirs = V1ConfigMap(metadata=V1ObjectMeta(name="theirs"), data={"a": "theirs"})
    core.create_namespaced_config_map("default", theirs)
    stack = pulumi_stack(config_map("theirs", {"a": "ours"}, patchForce="true"))
    for said in (stack.fail("preview"), stack.fail("up", "--yes", "--skip-preview")):
        assert "ConfigMap default/theirs already exists and is not of this stack" in said
        assert "pulumi import kubernetes:core/v1:ConfigMap cm default/theirs" in said
    stack.destroy()
    assert data_of(core, "theirs") == {"a": "theirs"}
    core.delete_namespaced_config_map("theirs", "default")


def test_drift_is_shown_and_a_conflict_names_the_other_manager(
    pulumi_stack: StackFactory, core: client.CoreV1Api
) -> None:
    stack = pulumi_stack(config_map("drift", {"a": "1"}))
    stack.up()
    edit(core, "drift", {"a": "changed"})
    shown = stack.fail("preview", "--diff", "--refresh")
    assert '~ a: "1" => "changed"' in shown
    for said in (shown, stack.fail("up", "--yes", "--refresh", "--skip-preview")):
        assert 'conflict with "somebody"' in said
        assert ".data.a" in said
        assert "pulumi.com/patchForce" in said
    assert data_of(core, "drift") == {"a": "changed"}
    write(stack, config_map("drift", {"a": "1"}, patchForce="true"))
    stack.up()
    assert data_of(core, "drift") == {"a": "1"}


def test_a_lost_object_is_made_again(pulumi_stack: StackFactory, core: client.CoreV1Api) -> None:
    stack = pulumi_stack(config_map("lost", {"a": "1"}))
    stack.up()
    core.delete_namespaced_config_map("lost", "default")
    assert "1 deleted" in stack.refresh()
    stack.up()
    assert data_of(core, "lost") == {"a": "1"}


def test_what_somebody_made_anew_is_not_deleted(
    pulumi_stack: StackFactory, core: client.CoreV1Api
) -> None:
    stack = pulumi_stack(config_map("anew", {"a": "1"}))
    stack.up()
    core.delete_namespaced_config_map("anew", "default")
    anew = V1ConfigMap(metadata=V1ObjectMeta(name="anew"), data={"a": "theirs"})
    core.create_namespaced_config_map("default", anew)
    stack.destroy()
    assert data_of(core, "anew") == {"a": "theirs"}
    core.delete_namespaced_config_map("anew", "default")


WAITING = config_map(
    "waiting", {"a": "1"}, waitFor="jsonpath={.data.ready}=yes", timeoutSeconds="1"
)


def test_waiting_ends_with_a_clear_error_and_goes_on_with_the_next_update(
    pulumi_stack: StackFactory, core: client.CoreV1Api
) -> None:
    stack = pulumi_stack(WAITING)
    said = stack.fail("up", "--yes")
    assert "ConfigMap default/waiting is not ready after 1 s: .data.ready is absent" in said
    assert "run the update again" in said
    assert any(r["type"].endswith("ConfigMap") for r in stack.resources()), "the state is kept"
    edit(core, "waiting", {"ready": "yes"})
    stack.up()


def test_waiting_can_be_skipped(pulumi_stack: StackFactory) -> None:
    program = config_map("skipped", {}, waitFor="condition=Ready", skipAwait="true")
    pulumi_stack(program).up()


def test_cancelling_ends_a_wait_and_keeps_the_state(
    pulumi_stack: StackFactory, core: client.CoreV1Api
) -> None:
    stack = pulumi_stack(WAITING.replace("'1'", "'600'", 1).replace("waiting", "cancelled"))
    process = stack.start("up", "--yes", "--skip-preview")
    assert process.stdout is not None
    seen = []
    for line in process.stdout:
        seen.append(line)
        if "waiting: .data.ready is absent" in line:
            process.send_signal(signal.SIGINT)
            break
    seen.append(process.stdout.read())
    assert process.wait() != 0
    assert "cancelled while waiting for ConfigMap default/cancelled" in "".join(seen)
    edit(core, "cancelled", {"ready": "yes"})
    stack.up()


def test_a_patch_gives_back_its_fields_and_leaves_all_others(
    pulumi_stack: StackFactory, core: client.CoreV1Api
) -> None:
    theirs = V1ConfigMap(metadata=V1ObjectMeta(name="patched"), data={"a": "theirs"})
    core.create_namespaced_config_map("default", theirs, field_manager="them")
    program = HEAD + "ConfigMapPatch('p', metadata={'name': 'patched'}, data={'b': 'ours'})"
    stack = pulumi_stack(program)
    stack.up()
    assert data_of(core, "patched") == {"a": "theirs", "b": "ours"}
    write(stack, program.replace("'b'", "'c'"))
    stack.up()
    assert data_of(core, "patched") == {"a": "theirs", "c": "ours"}
    stack.destroy()
    assert data_of(core, "patched") == {"a": "theirs"}
    core.delete_namespaced_config_map("patched", "default")
    assert "is not there; a patch changes" in pulumi_stack(program).fail("up", "--yes")


def test_custom_resources_and_their_patches(pulumi_stack: StackFactory, cluster: Cluster) -> None:
    roll = HEAD + (
        "made = CustomResource('roll', api_version='maistra.io/v1', kind='ServiceMeshMemberRoll',"
        " metadata={'name': 'default', 'namespace': 'default'}, spec={'members': ['a']})\n"
    )
    patch = HEAD + (
        "CustomResourcePatch('patch', api_version='maistra.io/v1', kind='ServiceMeshMemberRoll',"
        " metadata={'name': 'default', 'namespace': 'default',"
        " 'labels': {'example.com/by': 'patch'}})\n"
    )
    first, second = pulumi_stack(roll), pulumi_stack(patch)
    first.up()
    second.up()
    with cluster.client() as api:
        place = ("maistra.io", "v1", "default", "servicemeshmemberrolls", "default")
        objects = client.CustomObjectsApi(api)
        found: Any = objects.get_namespaced_custom_object(*place)
        assert found["metadata"]["labels"]["example.com/by"] == "patch"
        first.up("--expect-no-changes")
        second.destroy()
        found = objects.get_namespaced_custom_object(*place)
        assert "example.com/by" not in found["metadata"]["labels"]
        assert found["spec"] == {"members": ["a"]}


def test_an_unknown_field_is_refused_in_the_preview(pulumi_stack: StackFactory) -> None:
    program = HEAD + (
        "CustomResource('k', api_version='operator.serverless.openshift.io/v1alpha1',"
        " kind='KnativeKafka', metadata={'name': 'k', 'namespace': 'default'},"
        " spec={'channel': {'enabled': False}, 'source': {'enabled': False},"
        " 'broker': {'enabled': False, 'sink': {'enabled': True}}})\n"
    )
    assert "broker.sink" in pulumi_stack(program).fail("preview")


def test_a_kind_that_nobody_serves(pulumi_stack: StackFactory) -> None:
    program = HEAD + (
        "CustomResource('x', api_version='example.com/v1', kind='Missing',"
        " metadata={'name': 'x', 'namespace': 'default'}, spec={})\n"
    )
    stack = pulumi_stack(program)
    said = 'no matches for kind "Missing" in version "example.com/v1"'
    assert said in stack.preview()
    assert said in stack.fail("up", "--yes", "--skip-preview")


def test_import_and_get(pulumi_stack: StackFactory, core: client.CoreV1Api) -> None:
    there = V1ConfigMap(metadata=V1ObjectMeta(name="there"), data={"a": "1"})
    core.create_namespaced_config_map("default", there)
    stack = pulumi_stack(
        HEAD + "found = ConfigMap.get('found', 'default/there')\n"
        "pulumi.export('data', found.data)\n"
    )
    stack.up()
    assert stack.outputs() == {"data": {"a": "1"}}
    stack.destroy()
    assert data_of(core, "there") == {"a": "1"}
    other = pulumi_stack(HEAD)
    other.up()
    said = other.succeed(
        "import",
        "--yes",
        "kubernetes:core/v1:ConfigMap",
        "cm",
        "default/there",
        "--protect=false",
        "--generate-code=false",
    )
    assert "1 imported" in said
    write(other, config_map("there", {"a": "1"}))
    other.up()
    other.destroy()
    with pytest.raises(client.ApiException):
        data_of(core, "there")


def test_names_are_made_where_none_is_given_and_kept(pulumi_stack: StackFactory) -> None:
    program = HEAD + "cm = ConfigMap('auto', data={'a': '1'})\npulumi.export('n', cm.metadata.name)"
    stack = pulumi_stack(program)
    stack.up()
    name = stack.outputs()["n"]
    assert name.startswith("auto-")
    write(stack, program.replace("'1'", "'2'"))
    stack.up()
    assert stack.outputs()["n"] == name


def test_manifests_are_rendered_without_a_cluster(
    pulumi_stack: StackFactory, tmp_path: Path
) -> None:
    folder = tmp_path / "rendered"
    stack = pulumi_stack(config_map("rendered", {"a": "1"}))
    stack.succeed("config", "set", "kubernetes:renderYamlToDirectory", str(folder))
    stack.succeed("config", "set", "kubernetes:kubeconfig", "no-such-file")
    stack.up()
    (file,) = (folder / "1-manifest").iterdir()
    manifest = yaml.safe_load(file.read_text())
    assert (manifest["kind"], manifest["data"]) == ("ConfigMap", {"a": "1"})
    stack.destroy()
    assert not file.exists()


def test_what_is_not_supported_names_the_official_plugin(pulumi_stack: StackFactory) -> None:
    stack = pulumi_stack(config_map("never", {}))
    stack.succeed("config", "set", "kubernetes:enableServerSideApply", "false")
    said = stack.fail("up", "--yes")
    assert "not supported by this stand-in for pulumi-resource-kubernetes" in said
    assert "pulumi plugin install resource kubernetes" in said


def test_an_unusable_kubeconfig_says_which_key_to_set(pulumi_stack: StackFactory) -> None:
    stack = pulumi_stack(config_map("never", {}))
    stack.succeed("config", "set", "kubernetes:kubeconfig", "no-such-file")
    said = stack.fail("up", "--yes", "--skip-preview")
    assert "the kubeconfig can't be used" in said
    assert "kubernetes:kubeconfig" in said


def test_a_restart_of_the_api_server_is_waited_out(tmp_path: Path) -> None:
    with Cluster(tmp_path / "own") as own, own.client() as api:
        program = WAITING.replace("'1'", "'120'", 1)
        stack = make_stack(tmp_path / "stack", own.kubeconfig, program=program)
        process = stack.start("up", "--yes", "--skip-preview")
        assert process.stdout is not None
        for line in process.stdout:
            if "waiting: .data.ready is absent" in line:
                break
        own.kill_api_server()
        own.start_api_server()
        edit(client.CoreV1Api(api), "waiting", {"ready": "yes"})
        rest = process.stdout.read()
        assert process.wait() == 0, rest
        stack.up("--expect-no-changes")
