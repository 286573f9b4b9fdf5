"""The picture of an integration: what it shows, where it stands, and how it is written.

`test_config_reference.py` holds whole pictures to what `make docs` has written.
"""

import base64
import copy
import itertools
from collections.abc import Callable
from datetime import UTC, datetime
from functools import cache, partial
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from typer.testing import CliRunner

from mesh_policy.documented.kinds import PEER_AUTHENTICATION, SECRET
from mesh_policy.findings import Ref
from mesh_policy.reading.objects import Given
from mesh_policy.world import World
from serverless_mesh.cli.graph.build import build
from serverless_mesh.cli.graph.layout import Picture, laid_out
from serverless_mesh.cli.graph.mermaid import as_mermaid
from serverless_mesh.cli.graph.model import Graph, Group, Level, Node, Way
from serverless_mesh.cli.graph.shapes import PADDING
from serverless_mesh.cli.graph.svg import as_svg
from serverless_mesh.cli.graph.text import width, wrapped
from serverless_mesh.cli.main import app
from tests import pictures
from tests.policy.cases import private_key, private_pem
from tests.policy.integration import BROKEN, BROKEN_3, Body, broken, documented
from tests.unit.manifest_files import write

SVG = "{http://www.w3.org/2000/svg}"
HOSTILE = '<script>alert("1")</script>&]]>`*_# --> end\x07\u202e%%{init'


def large(projects: int, services: int) -> list[Body]:
    """Return the integration with many projects, each with a Gateway on the ingress gateway."""
    objects = copy.deepcopy(pictures.service_mesh_2())
    (service,) = [body for body in objects if body["apiVersion"] == "serving.knative.dev/v1"]
    (roll,) = [body for body in objects if body["kind"] == "ServiceMeshMemberRoll"]
    gateway = BROKEN["no-conflicting-wildcard-gateway"]
    for number in range(projects):
        name = f"team-{number:03}"
        roll["spec"]["members"].append(name)
        for each in range(services):
            about = {**service["metadata"], "name": f"service-{each}", "namespace": name}
            objects.append({**service, "metadata": about})
        server = {**gateway["spec"]["servers"][0], "hosts": [f"team{number}.example.org"]}
        spec = {**gateway["spec"], "servers": [server]}
        objects.append({**gateway, "metadata": {"name": "public", "namespace": name}, "spec": spec})
    return objects


def many_faults() -> list[Body]:
    """Return what has something wrong in each of many namespaces, and with each of many objects."""
    objects = large(30, 6)
    for number in range(30):
        name = f"team-{number:03}"
        objects.append({**BROKEN["strict-mtls"], "metadata": {"name": "open", "namespace": name}})
        roll = BROKEN["one-mesh-only"]
        about = {**roll["metadata"], "namespace": f"mesh-{number}"}
        objects.append({**roll, "metadata": about})
    for body in objects:
        if body["kind"] == "Gateway" and body["metadata"]["name"] == "public":
            body["spec"]["servers"][0]["hosts"] = ["*"]
        elif body["apiVersion"] == "serving.knative.dev/v1":
            del body["metadata"]["annotations"]
    return objects


def node(graph: Graph, kind: str, name: str) -> Node:
    (found,) = [each for each in graph.nodes() if (each.kind, each.name) == (kind, name)]
    return found


def group(graph: Graph, name: str) -> Group:
    (found,) = [each for each in graph.groups if each.name == name]
    return found


def ways(graph: Graph) -> set[tuple[str, str, Way]]:
    """Return the edges by the names of their ends."""
    names = {each.id: f"{each.kind} {each.name}" for each in graph.nodes()}
    names |= {each.id: each.name for each in graph.groups}
    return {(names[edge.source], names[edge.target], edge.way) for edge in graph.edges}


def drawn(objects: list[Body], **more: Any) -> Graph:
    world = pictures.world(objects, **more)
    return build(world, pictures.found(world))


def with_fault(objects: Callable[[], list[Body]], change: Body) -> Graph:
    return drawn(broken(objects(), change))


GRAPHS: dict[str, Callable[[], Graph]] = {
    "service-mesh-2": lambda: pictures.as_documented(pictures.service_mesh_2()),
    "service-mesh-3": lambda: pictures.as_documented(pictures.service_mesh_3()),
    "faults": pictures.faulty,
    "large": lambda: drawn(large(40, 5)),
    "many-faults": lambda: drawn(many_faults()),
    "files": lambda: drawn(documented(), complete=False),
    "nothing-of-the-mesh": lambda: drawn([documented()[5]], complete=False),
    **{f"2-{id_}": partial(with_fault, pictures.service_mesh_2, BROKEN[id_]) for id_ in BROKEN},
    **{f"3-{id_}": partial(with_fault, pictures.service_mesh_3, BROKEN_3[id_]) for id_ in BROKEN_3},
}


@cache
def picture(name: str) -> Graph:
    return GRAPHS[name]()


def test_a_request_is_led_from_the_client_to_the_project() -> None:
    found = ways(picture("service-mesh-2"))
    for step in (
        ("Clients of Knative Services", "OpenShift router", Way.TLS),
        ("OpenShift router", "Service istio-ingressgateway", Way.TLS),
        ("Service istio-ingressgateway", "Gateway pods istio-ingressgateway", Way.TLS),
        ("Gateway pods istio-ingressgateway", "Gateway knative-ingress-gateway", Way.TLS),
        ("Secret wildcard-certs", "Gateway knative-ingress-gateway", Way.CERTIFICATE),
        ("Gateway knative-ingress-gateway", "Deployment activator", Way.MUTUAL),
        ("Deployment activator", "shop", Way.MUTUAL),
        ("Pods Eventing, projects", "Service knative-local-gateway", Way.MUTUAL),
        ("Service knative-local-gateway", "Gateway pods istio-ingressgateway", Way.MUTUAL),
        ("Gateway pods istio-ingressgateway", "Gateway knative-local-gateway", Way.MUTUAL),
        ("KnativeKafka knative-kafka", "Kafka bootstrap servers", Way.TCP),
    ):
        assert step in found
    assert not any(way in (Way.PLAIN, Way.UNKNOWN) for _, _, way in found)


def test_the_gateway_of_service_mesh_3_is_where_its_deployment_is() -> None:
    graph = picture("service-mesh-3")
    inside = {each.name for each in group(graph, "knative-serving-ingress").nodes}
    assert inside == {"wildcard-certs", "knative-istio-ingressgateway", "knative-local-gateway"}
    assert (
        "Envoy, injected as a gateway"
        in node(graph, "Gateway pods", "knative-istio-ingressgateway").lines
    )
    assert node(graph, "IstioCNI", "default").lines == ("v1.26-latest",)
    leads = ("OpenShift router", "Service knative-istio-ingressgateway", Way.TLS)
    assert leads in ways(graph)


@pytest.mark.parametrize(
    ("now", "until"),
    [
        (pictures.NOW, "until 2027-09-01"),
        (datetime(2027, 8, 2, tzinfo=UTC), "until 2027-09-01, 30 days left"),
        (datetime(2027, 9, 2, tzinfo=UTC), "until 2027-09-01, expired"),
    ],
)
def test_the_certificate_is_shown_by_its_names_and_dates(now: datetime, until: str) -> None:
    world = World.of(map(Given, pictures.service_mesh_2()), complete=True, now=now)
    secret = node(build(world), "Secret", "wildcard-certs")
    assert secret.lines == ("for *.apps.openshift.example.com", until)


@pytest.mark.parametrize(
    ("mode", "way", "line"),
    [
        ("STRICT", Way.MUTUAL, "in the mesh, mTLS STRICT"),
        ("PERMISSIVE", Way.EITHER, "in the mesh, mTLS PERMISSIVE"),
        ("DISABLE", Way.PLAIN, "in the mesh, mTLS DISABLE"),
    ],
)
def test_the_mode_of_a_namespace_is_that_of_its_own_peer_authentication(
    mode: str, way: Way, line: str
) -> None:
    change = {**BROKEN["strict-mtls"], "spec": {"mtls": {"mode": mode}}}
    graph = drawn(broken(pictures.service_mesh_2(), change))
    assert group(graph, "shop").lines[0] == line
    assert ("Deployment activator", "shop", way) in ways(graph)
    assert group(graph, "knative-serving").lines[0] == "in the mesh, mTLS STRICT"


def test_a_namespace_outside_of_the_mesh_takes_plaintext() -> None:
    objects = [
        body for body in pictures.service_mesh_2() if body["kind"] != "ServiceMeshMemberRoll"
    ]
    graph = drawn(objects)
    assert group(graph, "shop").lines[0] == "not in the mesh: plaintext"
    assert ("Deployment activator", "shop", Way.PLAIN) in ways(graph)


def test_authorization_policies_say_who_may_call() -> None:
    policy: Body = {
        "apiVersion": "security.istio.io/v1",
        "kind": "AuthorizationPolicy",
        "metadata": {"name": "callers", "namespace": "shop"},
        "spec": {"rules": [{"from": [{"source": {"namespaces": ["crm", "knative-serving"]}}]}]},
    }
    nobody = {**policy, "metadata": {"name": "deny", "namespace": "shop"}, "spec": {}}
    lines = group(drawn([*pictures.service_mesh_2(), policy, nobody]), "shop").lines
    assert "callers: ALLOW crm, knative-serving" in lines
    assert "deny: ALLOW nobody" in lines


def test_workloads_of_their_own_mode_are_named() -> None:
    exception = {
        **BROKEN["strict-mtls"],
        "spec": {
            "selector": {"matchLabels": {"app": "autoscaler"}},
            "mtls": {"mode": "PERMISSIVE"},
        },
        "metadata": {"name": "autoscaler", "namespace": "knative-serving"},
    }
    lines = group(drawn([*pictures.service_mesh_2(), exception]), "knative-serving").lines
    assert lines == ("in the mesh, mTLS STRICT", "app=autoscaler: PERMISSIVE")


def test_findings_are_on_what_they_are_about() -> None:
    graph = picture("faults")
    for kind, name, rule in (
        ("Gateway", "public", "no-conflicting-wildcard-gateway"),
        ("Service", "door", "ingress-gateway-not-exposed"),
    ):
        assert [mark.rule for mark in node(graph, kind, name).marks] == [rule]
    # It is on no box of its own, so that its namespace bears it.
    (mark,) = group(graph, "shop").marks
    assert mark.about == Ref(PEER_AUTHENTICATION, "shop", "open")
    assert (mark.rule, mark.level) == ("strict-mtls", Level.ERROR)
    assert "mesh's root namespace" in mark.remedy
    assert [mark.number for mark in graph.marks] == [1, 2, 3]


@pytest.mark.parametrize("name", GRAPHS)
def test_every_mark_in_a_namespace_is_on_something(name: str) -> None:
    graph = picture(name)
    placed = {mark for each in graph.groups for mark in each.marks}
    placed |= {mark for each in graph.nodes() for mark in each.marks}
    for mark in graph.marks:
        cluster_wide = not mark.about.namespace
        assert mark in placed or cluster_wide, mark


@pytest.mark.parametrize("name", GRAPHS)
def test_nothing_overlaps_and_texts_stay_in_their_boxes(name: str) -> None:
    graph = picture(name)
    place = laid_out(graph, top=74)
    for kind in (place.groups, place.nodes):
        for one, other in itertools.combinations(kind, 2):
            assert not one.box.overlaps(other.box), (one.texts, other.texts)
    for each in place.nodes:
        frames = [frame for frame in place.groups if frame.box.holds(each.box)]
        assert len(frames) == 1
    for each in (*place.groups, *place.nodes):
        assert sum(text.size for text in each.texts) < each.box.height
        for text in each.texts:
            room = each.box.width - 2 * PADDING
            assert width(text.value, text.size, text.bold) <= room, text.value
    assert all(each.box.right <= place.width for each in place.groups)


@pytest.mark.parametrize("name", GRAPHS)
def test_edges_lead_from_box_to_box(name: str) -> None:
    graph = picture(name)
    place = laid_out(graph, top=74)
    assert {line.edge for line in place.lines} == set(graph.edges)
    boxes = boxes_of(place)
    for line in place.lines:
        for end, point in ((line.edge.source, line.points[0]), (line.edge.target, line.points[3])):
            box = boxes[end]
            inside = box.x <= point.x <= box.right and box.y <= point.y <= box.bottom
            assert inside, (line.edge, box, point)


def boxes_of(place: Picture) -> dict[str, Any]:
    found = {each.group.id: each.box for each in place.groups if each.group}
    return found | {each.node.id: each.box for each in place.nodes if each.node}


@pytest.mark.parametrize("name", GRAPHS)
def test_ids_are_the_boxes_own(name: str) -> None:
    graph = picture(name)
    ids = [*(each.id for each in graph.groups), *(each.id for each in graph.nodes())]
    assert len(ids) == len(set(ids))


@pytest.mark.parametrize("name", GRAPHS)
def test_the_svg_is_well_formed_and_complete_in_itself(name: str) -> None:
    graph = picture(name)
    root = ElementTree.fromstring(as_svg(graph))
    assert root.tag == f"{SVG}svg"
    assert root.attrib["role"] == "img"
    assert root.findtext(f"{SVG}title") == graph.title
    assert root.findtext(f"{SVG}desc")
    tags = {element.tag.removeprefix(SVG) for element in root.iter()}
    assert tags == {"svg", "title", "desc", "defs", "marker", "path", "rect", "text", "g"}
    for element in root.iter():
        assert not any(key.startswith("on") or "href" in key for key in element.attrib)
    written = [element.text for element in root.iter(f"{SVG}text")]
    for each in graph.groups:
        assert each.kind in written
    (paper, *_) = root.findall(f"{SVG}rect")
    assert paper.attrib["fill"] == "#ffffff"
    whole = float(root.attrib["height"])
    assert all(float(text.attrib["y"]) < whole for text in root.iter(f"{SVG}text"))


def test_the_same_world_is_the_same_picture_in_any_order() -> None:
    objects = large(12, 3)
    one, other = drawn(objects), drawn(objects[::-1])
    assert as_svg(one) == as_svg(other)
    assert as_mermaid(one) == as_mermaid(other)


def test_names_mean_nothing_to_who_draws_them() -> None:
    objects = copy.deepcopy(pictures.service_mesh_2())
    for body in objects:
        if body["kind"] in ("Gateway", "Service", "DomainMapping"):
            body["metadata"]["name"] += HOSTILE
    objects[-2]["spec"]["ref"]["name"] = HOSTILE
    graph = drawn(objects)
    text = as_svg(graph)
    root = ElementTree.fromstring(text)
    assert not root.findall(f".//{SVG}script")
    titles = [element.text or "" for element in root.iter(f"{SVG}title")]
    assert any('<script>alert("1")</script>' in title for title in titles)
    assert "\u202e" not in text
    mermaid = as_mermaid(graph)
    assert "#60;script#62;alert(#34;1#34;)#60;/script#62;" in mermaid
    for line in mermaid.splitlines():
        assert not any(mark in line.replace("<br/>", "") for mark in ("<", "`", "%", "\u202e"))
        assert line.count('"') in (0, 2)


def test_no_secret_is_in_a_picture() -> None:
    key = private_pem(private_key("leaf", 2048, False))
    body: Body = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": "wildcard-certs", "namespace": "istio-system"},
        "stringData": {"tls.crt": pictures.CERTIFICATE.read_text("utf-8"), "tls.key": key},
    }
    objects = broken(documented(), body)
    # Where it has no business to be.
    (mapping,) = [each for each in objects if each["kind"] == "DomainMapping"]
    mapping["spec"]["ref"]["name"] = key
    graph = drawn(objects)
    coded = base64.b64encode(key.encode()).decode()
    for text in (as_svg(graph), as_mermaid(graph)):
        for part in (key.splitlines()[1], coded[:40], "PRIVATE KEY", "BEGIN CERTIFICATE"):
            assert part not in text
        assert "a key or certificate" in text


def test_too_many_are_gathered() -> None:
    graph = drawn(large(40, 5))
    assert sum(1 for _ in graph.nodes()) < 40
    assert "and 37 more projects" in {each.name for each in graph.groups}
    assert "35 more Gateways" in {each.name for each in graph.nodes()}
    faults = picture("many-faults")
    assert len(faults.marks) > 200
    assert sum(1 for _ in faults.nodes()) < 60
    assert as_svg(faults).count("<text ") < 500
    small = drawn(large(0, 0))
    assert not any(each.gathers for each in small.groups)
    assert not any(each.gathers for each in small.nodes())


def test_every_rule_that_found_something_is_explained_once_there_is_room() -> None:
    faults = picture("many-faults")
    rules = {mark.rule for mark in faults.marks}
    assert len(rules) > 3
    for text in (as_svg(faults), as_mermaid(faults)):
        listed = text.rpartition("can't be told")[2] if text.startswith("<svg") else text
        assert all(f"{rule}: " in listed for rule in rules)


def test_what_something_was_found_about_is_not_gathered() -> None:
    change = {**BROKEN["strict-mtls"], "metadata": {"name": "open", "namespace": "team-033"}}
    graph = drawn([*large(40, 5), change])
    assert [mark.rule for mark in group(graph, "team-033").marks] == ["strict-mtls"]


def test_the_files_over_a_cluster_are_told_from_what_is_there() -> None:
    observed = pictures.service_mesh_2()
    (service,) = [body for body in observed if body["apiVersion"] == "serving.knative.dev/v1"]
    changed = {**service, "metadata": {**service["metadata"], "labels": {"a": "b"}}}
    new = {**service, "metadata": {**service["metadata"], "name": "other"}}
    (same,) = [body for body in observed if body["kind"] == "KnativeServing"]
    world = World.of(
        map(Given, (changed, new, same)), map(Given, observed), complete=True, now=pictures.NOW
    )
    graph = build(world)
    assert node(graph, "Knative Service", "hello").change == "changed"
    assert node(graph, "Knative Service", "other").change == "new"
    assert node(graph, "KnativeServing", "knative-serving").change == ""
    assert "Knative Service (new)" in as_svg(graph)


def test_a_secret_that_could_not_be_read_is_no_secret_that_is_missing() -> None:
    objects = [body for body in pictures.service_mesh_2() if body["kind"] != "Secret"]
    ref = Ref(SECRET, "istio-system", "wildcard-certs")
    graph = drawn(objects, unseen={ref: "can't be read"})
    assert node(graph, "Secret", "wildcard-certs").lines == ("could not be read",)


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("knative-serving", ["knative-serving"]),
        ("my-cluster-kafka-bootstrap.kafka:9092", ["my-cluster-kafka-", "bootstrap.kafka:9092"]),
        ("a" * 70, ["a" * 22, "a" * 22, "a" * 20 + "…"]),
        ("v1.24.3 of it", ["v1.24.3 of it"]),
    ],
)
def test_texts_are_broken_where_they_may_be(text: str, lines: list[str]) -> None:
    assert wrapped(text, 160, 11, 3) == lines


def graph_command(*arguments: str | Path, stdin: str | None = None) -> Any:
    return CliRunner().invoke(app, ["graph", *map(str, arguments)], input=stdin)


def test_the_command_draws_files_whatever_is_found(tmp_path: Path) -> None:
    objects = broken(documented(), BROKEN["strict-mtls"])
    file = write(tmp_path / "all.yaml", *objects)
    done = graph_command("-f", file)
    assert done.exit_code == 0, done.output
    assert "flowchart LR" in done.stdout
    assert "strict-mtls" in done.stdout
    assert "as it is in all.yaml" in done.stdout
    assert str(tmp_path) not in done.stdout
    for name, start in (("a.svg", "<svg "), ("a.mmd", "---"), ("a.mermaid", "---")):
        done = graph_command("-f", file, "--output", tmp_path / name)
        assert (done.exit_code, done.output) == (0, "")
        assert (tmp_path / name).read_text("utf-8").startswith(start)
    done = graph_command("-f", file, "--format", "svg")
    assert done.stdout.startswith("<svg ")
    assert done.stdout == graph_command("-f", file, "-o", "-", "--format", "svg").stdout
    piped = graph_command("-f", "-", stdin=file.read_text("utf-8"))
    assert (piped.exit_code, "as it is in standard input" in piped.stdout) == (0, True)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), "nothing to draw: name manifests (-f) or a cluster"),
        (("-f", "{file}", "-o", "a.png"), "ends in none of .svg, .mmd, .mermaid"),
        (("-f", "{file}", "-o", "{folder}/none/a.svg"), "can't be written: No such file"),
        (("--complete", "--context", "one"), "--complete is said of files"),
        (("-f", "{folder}/none.yaml"), "can't be read"),
        (
            ("-f", "{other}"),
            "nothing to draw: nothing was found of a mesh, of Gateways or of Serverless",
        ),
        (("--kubeconfig", "{folder}/none"), "--kubeconfig"),
    ],
)
def test_what_can_not_be_drawn_is_exit_code_2(
    tmp_path: Path, arguments: tuple[str, ...], said: str
) -> None:
    file = write(tmp_path / "all.yaml", *documented())
    nothing = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}}
    other = write(tmp_path / "other.yaml", nothing)
    filled = [each.format(file=file, folder=tmp_path, other=other) for each in arguments]
    done = graph_command(*filled)
    assert done.exit_code == 2, done.output
    assert said in " ".join(done.stderr.split())
    assert not done.stdout


def test_gaps_are_said_on_the_picture_and_by_exit_code_2(tmp_path: Path) -> None:
    write(tmp_path / "all.yaml", *documented())
    (tmp_path / "kustomization.yaml").write_text("resources: [all.yaml]\n", "utf-8")
    write(tmp_path / "below" / "kustomization.yaml", {"resources": ["../all.yaml"]})
    done = graph_command("-f", tmp_path / "all.yaml", "-f", tmp_path / "below", "--format", "svg")
    assert done.exit_code == 2
    assert "not read: " in done.stderr
    assert "Not read: " in done.stdout


def test_a_dump_is_drawn_as_a_whole_cluster_with_what_it_lacks(tmp_path: Path) -> None:
    objects = [body for body in documented() if body["kind"] != "ServiceMeshMemberRoll"]
    file = write(tmp_path / "all.yaml", *objects)
    done = graph_command("-f", file, "--complete", "--format", "svg")
    assert done.exit_code == 2
    assert "not read: ServiceMeshMemberRoll: the dump has none" in done.stderr
    assert "ServiceMeshMemberRoll: the dump has none" in done.stdout
    assert "not in the mesh: plaintext" in done.stdout
