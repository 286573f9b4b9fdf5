"""`config new`: for what a cluster has, the stack file that is written, letter by letter."""

import re
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import yaml
from typer.testing import CliRunner

from mesh_policy.documented.kinds import Kind
from mesh_policy.findings import Ref
from mesh_policy.observe import Observation
from mesh_policy.reading.objects import Given, ref_of
from serverless_mesh import settings
from serverless_mesh.cli.main import app
from serverless_mesh.cli.new_stack_file import certificate_section
from serverless_mesh.cli.new_stack_file.found import READ, Found
from serverless_mesh.cli.new_stack_file.mesh_choice import Choices, OpenChoiceError, choose
from serverless_mesh.cli.new_stack_file.stack_file import stack_file
from tests.policy.cases import Loader, kind

FOLDER = Path(__file__).resolve().parents[1] / "data" / "new_stack_file"
CASES = sorted(file.stem for file in FOLDER.glob("*.yaml") if ".expected" not in file.name)


class Case(NamedTuple):
    found: Found
    choices: Choices


def load(name: str) -> Case:
    """Read a case: what is not served, refused or chosen, then the objects of the cluster."""
    about, *objects = yaml.load_all((FOLDER / f"{name}.yaml").read_text("utf-8"), Loader)
    refused = about.get("refused", {})
    secrets = {ref_of(body): Given(body) for body in objects if body["kind"] == "Secret"}

    def reader(ref: Ref) -> Given | str | None:
        return refused.get(str(ref)) or secrets.get(ref)

    unserved = frozenset(map(kind, about.get("unserved", ())))
    assert unserved <= READ
    seen = Observation(
        tuple(Given(body) for body in objects if body["kind"] != "Secret"),
        {kind(each): why for each, why in about.get("unread", {}).items()},
        unserved=unserved,
        reader=reader,
    )
    found = Found(seen, about.get("context", ""), about.get("kubeconfig", ""))
    return Case(found, Choices(**about.get("choices", {})))


def written(case: Case) -> str:
    chosen = choose(case.found, case.choices)
    found = case.found.following(certificate_section.secret(case.found, chosen))
    return stack_file(found, chosen, case.choices)


@pytest.mark.parametrize("name", CASES)
def test_what_is_written(name: str) -> None:
    text = re.sub(r"until \d{4}-\d\d-\d\d", "until DAY", written(load(name)))
    assert text == (FOLDER / f"{name}.expected.yaml").read_text("utf-8")


@pytest.mark.parametrize("name", CASES)
def test_it_is_good_and_shows_no_key(name: str) -> None:
    text = written(load(name))
    config = yaml.safe_load(text)["config"]
    prefix = "serverless-mesh:"
    ours = {k.removeprefix(prefix): v for k, v in config.items() if k.startswith(prefix)}
    settings.check(ours, name)
    assert "PRIVATE KEY" not in text
    assert all(len(line) <= 100 for line in text.splitlines())


@pytest.mark.parametrize("name", CASES)
def test_what_is_to_be_decided_is_good_as_well(name: str) -> None:
    """Take the marks away from what stands there to be decided."""
    text = re.sub(
        r"(?m)^( +)# ((serverless-mesh:)?[a-zA-Z]+:( |$)|  [a-zA-Z]+: |- )",
        r"\1\2",
        written(load(name)),
    )
    config = yaml.safe_load(text)["config"]
    prefix = "serverless-mesh:"
    ours = {k.removeprefix(prefix): v for k, v in config.items() if k.startswith(prefix)}
    assert "verification" in ours
    settings.check(ours, name)


def test_control_planes_that_may_not_be_read_are_not_taken_for_absent() -> None:
    refused = {MESHES[1]: "Istio.sailoperator.io can't be listed: no, 403; grant it"}
    found = Found(Observation((), refused))
    with pytest.raises(OpenChoiceError, match=r"grant it\. So it is not known which meshes"):
        choose(found, Choices())
    assert choose(found, Choices(2)).section.version == 2
    assert choose(found, Choices(3, new_mesh=True)).section.version == 3


def given(*bodies: dict[str, Any], unserved: tuple[Kind, ...] = ()) -> Found:
    return Found(Observation(tuple(map(Given, bodies)), {}, unserved=frozenset(unserved)))


def plane(namespace: str, name: str = "basic") -> dict[str, Any]:
    return {
        "apiVersion": "maistra.io/v2",
        "kind": "ServiceMeshControlPlane",
        "metadata": {"name": name, "namespace": namespace},
    }


def roll(namespace: str, *members: str) -> dict[str, Any]:
    return {
        "apiVersion": "maistra.io/v1",
        "kind": "ServiceMeshMemberRoll",
        "metadata": {"name": "default", "namespace": namespace},
        "spec": {"members": [*members]},
    }


SERVING = {
    "apiVersion": "operator.knative.dev/v1beta1",
    "kind": "KnativeServing",
    "metadata": {"name": "knative-serving", "namespace": "knative-serving"},
    "spec": {"ingress": {"istio": {"enabled": True}}},
}
ISTIO: dict[str, Any] = {
    "apiVersion": "sailoperator.io/v1",
    "kind": "Istio",
    "metadata": {"name": "default"},
    "spec": {"namespace": "istio-system"},
}
MESHES = (Kind("maistra.io", "ServiceMeshControlPlane"), Kind("sailoperator.io", "Istio"))


@pytest.mark.parametrize(
    ("found", "choices", "said"),
    [
        (given(), Choices(), "Service Mesh 2 and Service Mesh 3 are installed: choose by --mesh"),
        (given(unserved=MESHES), Choices(), "no Service Mesh is installed: choose by --mesh"),
        (
            given(plane("a"), plane("b")),
            Choices(),
            "the control planes a/basic, b/basic: choose one by --control-plane NAMESPACE/NAME",
        ),
        (given(plane("a")), Choices(control_plane="c"), "no control plane; there is a/basic"),
        (given(plane("a"), plane("b")), Choices(control_plane="basic"), "of several control plane"),
        (given(plane("a")), Choices(3, "basic"), "is of Service Mesh 2, not of --mesh 3"),
        (given(SERVING, plane("a")), Choices(3), "moving it to another one is not supported"),
        (given(SERVING, plane("a")), Choices(new_mesh=True), "leave --mesh and --new-mesh out"),
        (
            given(SERVING, plane("a"), plane("b"), roll("a", "knative-serving")),
            Choices(control_plane="b/basic"),
            "--control-plane b/basic: Knative's namespaces are in the mesh a/basic of",
        ),
        (
            given(plane("istio-system"), plane("serverless-mesh")),
            Choices(2, new_mesh=True),
            "control planes have the namespaces istio-system and serverless-mesh already",
        ),
    ],
)
def test_what_the_cluster_leaves_open_is_asked_for(
    found: Found, choices: Choices, said: str
) -> None:
    with pytest.raises(OpenChoiceError, match=re.escape(said)):
        choose(found, choices)


def test_a_choice_counts() -> None:
    both = given(plane("istio-system"), ISTIO)
    assert choose(both, Choices(2)).section.version == 2
    assert choose(both, Choices(3)).section.version == 3
    assert choose(both, Choices(control_plane="default")).section.existing
    own = choose(both, Choices(2, new_mesh=True)).section
    assert (own.existing, own.namespace) == (False, "serverless-mesh")


def test_serverless_behind_kourier_is_in_no_mesh_yet() -> None:
    behind_kourier = given({**SERVING, "spec": {}}, plane("a"))
    assert "only control plane" in choose(behind_kourier, Choices()).why
    own = choose(behind_kourier, Choices(2, new_mesh=True)).section
    assert (own.existing, own.namespace) == (False, "istio-system")


def test_a_label_that_no_setting_takes_is_left_to_be_set() -> None:
    selectors = [{"matchLabels": {"mesh": "x" * 64}}]
    spec = {**ISTIO["spec"], "values": {"meshConfig": {"discoverySelectors": selectors}}}
    found = given({**ISTIO, "spec": spec})
    text = stack_file(found, choose(found, Choices()), Choices())
    assert "TO SET: the control plane reads only the namespaces" in text


def test_an_issuer_that_is_not_there_is_refused() -> None:
    found = given(plane("istio-system"))
    chosen = choose(found, Choices())
    with pytest.raises(OpenChoiceError, match="--issuer corporate is no ClusterIssuer"):
        stack_file(found, chosen, Choices(issuer="corporate"))


def test_where_it_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "serverless_mesh.cli.new_stack_file.found.read", lambda *_: given(plane("istio-system"))
    )
    monkeypatch.chdir(tmp_path)

    def new(output: str) -> Any:
        return CliRunner().invoke(app, ["config", "new", "--output", output])

    assert new("-").stdout.startswith("# yaml-language-server")
    assert [*tmp_path.iterdir()] == []
    too_long = new("x" * 300)
    assert too_long.exit_code == 2
    assert "can't be written: File name too long" in too_long.stderr
    (tmp_path / "link").symlink_to("nowhere")
    assert "is there already" in new("link").stderr
