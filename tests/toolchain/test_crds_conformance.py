"""Our own custom resource definitions agree with the vendors' wherever they speak at all.

The vendors' definitions may not be copied into this repository. What they say of the fields that
ours have is recorded in `data/crds/vendors.json`, which is the measure. Where a checkout has the
definitions themselves beside it, in `../shared/crds`, the record is held to them, and renewed by
`python -m tests.toolchain.test_crds_conformance`.
"""

import json
from collections.abc import Callable, Iterable, Iterator
from copy import deepcopy
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from toolchain.kubernetes import OWN_CRDS
from toolchain.paths import ROOT

VENDORS = ROOT.parent / "shared" / "crds"
DATA = Path(__file__).parent.parent / "data"
RECORD = DATA / "crds" / "vendors.json"
OWN = sorted(OWN_CRDS.glob("*.yaml"))
SAME = (
    "type",
    "format",
    "enum",
    "nullable",
    "default",
    "pattern",
    "minimum",
    "maximum",
    "required",
    "x-kubernetes-list-type",
    "x-kubernetes-list-map-keys",
    "x-kubernetes-int-or-string",
    "x-kubernetes-preserve-unknown-fields",
)
"""The words of a schema that change what it accepts, or how appliers share it."""

READ_ELSEWHERE = ("IstioRevisionTag",)
"""Kinds whose definition is not beside any checkout.

Recorded is that of istio-ecosystem/sail-operator, chart/crds, at commit 101ce490.
"""

OF_THE_OPERATOR = {("spec", "default"), ("spec.version", "default"), ("spec.version", "enum")}
"""Where the kinds of the Service Mesh 3 operator differ from what is recorded.

Recorded are the upstream operator's versions of Istio. Which ones Red Hat's installs, and by
default, differs from each of its own versions to the next; ours are those of one of them.
"""

Object = dict[str, Any]


@cache
def load(file: Path) -> Object:
    return dict(yaml.load(file.read_text("utf-8"), yaml.CSafeLoader))


@cache
def vendors() -> dict[str, Object]:
    return dict(json.loads(RECORD.read_text("utf-8")))


def recorded() -> dict[str, Object]:
    """Return what the vendors' definitions say of the fields that are used here, by kind."""
    ours = {load(file)["spec"]["names"]["kind"]: load(file) for file in OWN}
    found = {}
    for file in sorted(VENDORS.glob("*.yaml")):
        theirs = load(file)
        kind = theirs["spec"]["names"]["kind"]
        if kind in ours:
            (version,) = ours[kind]["spec"]["versions"]
            found[kind] = definition_of(theirs, version, version["schema"]["openAPIV3Schema"])
        elif kind in (used := {body["kind"]: body for body in OF_VENDORS.values()}):
            name = used[kind]["apiVersion"].rpartition("/")[2]
            shape = [body for body in OF_VENDORS.values() if body["kind"] == kind]
            found[kind] = definition_of(theirs, {"name": name}, None, shape)
    return {**{kind: vendors()[kind] for kind in READ_ELSEWHERE}, **found}


def definition_of(
    theirs: Object, ours: Object, shape: Object | None, bodies: Iterable[Object] = ()
) -> Object:
    (version,) = (item for item in theirs["spec"]["versions"] if item["name"] == ours["name"])
    whole = version["schema"]["openAPIV3Schema"]
    columns = [
        {key: text for key, text in column.items() if key != "description"}
        for column in version.get("additionalPrinterColumns", [])
    ]
    said = {key: version[key] for key in ("name", "served", "storage", "subresources")}
    fields = about(whole, shape) if shape is not None else of_values(whole, list(bodies))
    schema = {"openAPIV3Schema": fields}
    return {
        "metadata": {"name": theirs["metadata"]["name"]},
        "spec": {
            **{key: theirs["spec"][key] for key in ("group", "scope", "names")},
            "versions": [{**said, "additionalPrinterColumns": columns, "schema": schema}],
        },
    }


def about(theirs: Object, ours: Object) -> Object:
    """Return what a schema says of the fields that another one has."""
    said = {word: theirs[word] for word in SAME if word in theirs}
    if "properties" in ours:
        real = theirs.get("properties", {})
        both = ours["properties"].keys() & real.keys()
        said["properties"] = {
            key: about(real[key], ours["properties"][key]) for key in sorted(both)
        }
    for word in ("items", "additionalProperties"):
        if isinstance(ours.get(word), dict) and isinstance(theirs.get(word), dict):
            said[word] = about(theirs[word], ours[word])
    return said


def of_values(theirs: Object, values: list[Any]) -> Object:
    """Return what a schema says of the fields that some values have."""
    said = {word: theirs[word] for word in SAME if word in theirs}
    mappings = [value for value in values if isinstance(value, dict)]
    if "properties" in theirs:
        used = sorted({key for value in mappings for key in value} & theirs["properties"].keys())
        said["properties"] = {
            key: of_values(theirs["properties"][key], [v[key] for v in mappings if key in v])
            for key in used
        }
    if isinstance(more := theirs.get("additionalProperties"), dict):
        said["additionalProperties"] = of_values(more, [v for m in mappings for v in m.values()])
    if "items" in theirs:
        lists = [value for value in values if isinstance(value, list)]
        said["items"] = of_values(theirs["items"], [each for value in lists for each in value])
    return said


def test_the_record_is_what_the_vendors_say() -> None:
    if not VENDORS.is_dir():
        pytest.skip("the vendors' definitions are not beside this checkout")
    assert recorded() == vendors()


def manifest(name: str) -> Object:
    return deepcopy(load(DATA / f"{name}.yaml"))


def kafka() -> Object:
    """Return the documented KnativeKafka with its sink where the vendor's definition has it."""
    resource = manifest("crds/kafka-as-printed")
    resource["spec"]["sink"] = resource["spec"]["broker"].pop("sink")
    return resource


def schema(definition: Object, api_version: str) -> Object:
    (found,) = (
        version["schema"]["openAPIV3Schema"]
        for version in definition["spec"]["versions"]
        if version["name"] == api_version.rpartition("/")[2]
    )
    return dict(found)


def closed(node: Object, root: bool = True) -> Object:
    """Return a JSON schema that refuses what an API server with strict validation refuses."""
    if node.get("x-kubernetes-int-or-string"):
        return {"type": ["integer", "string"]}
    result = {key: value for key, value in node.items() if not key.startswith("x-")}
    if "items" in node:
        result["items"] = closed(node["items"], root=False)
    if node.get("type") == "object" and not node.get("x-kubernetes-preserve-unknown-fields"):
        properties = node.get("properties", {})
        result["properties"] = {key: closed(child, root=False) for key, child in properties.items()}
        if root:
            result["properties"]["metadata"] = {"type": "object"}
        more = node.get("additionalProperties")
        result["additionalProperties"] = closed(more, root=False) if more else False
    if node.get("nullable"):
        result["type"] = [node["type"], "null"]
    return result


def strict(definition: Object, api_version: str) -> jsonschema.Draft202012Validator:
    return jsonschema.Draft202012Validator(closed(schema(definition, api_version)))


def faults(validator: jsonschema.Draft202012Validator, resource: Object) -> set[str]:
    """Return what strict validation finds: the paths of unknown fields, and of bad values."""
    found = set()
    for error in validator.iter_errors(resource):
        path = ".".join(map(str, error.absolute_path))
        if error.validator == "additionalProperties":
            known = error.schema.get("properties", {})
            found |= {f"{path}.{key}" for key in error.instance.keys() - known.keys()}
        else:
            found.add(path)
    return found


def by_ours(resource: Object) -> jsonschema.Draft202012Validator:
    (found,) = (
        load(file) for file in OWN if load(file)["spec"]["names"]["kind"] == resource["kind"]
    )
    return strict(found, resource["apiVersion"])


def by_the_vendors(resource: Object) -> jsonschema.Draft202012Validator:
    return strict(vendors()[resource["kind"]], resource["apiVersion"])


def disagreements(ours: Object, theirs: Object, path: str = "") -> Iterator[str]:
    for word in SAME:
        mine, real = ours.get(word), theirs.get(word)
        if word in ("required", "enum"):
            mine, real = sorted(mine or ()), sorted(real or ())
        if mine != real:
            yield f"{path}: {word} is {mine!r}, the vendor's {real!r}"
    children = [
        *((f"{path}.{key}", child, theirs.get("properties", {}).get(key))
          for key, child in ours.get("properties", {}).items()),
        *((f"{path}{mark}", ours[word], theirs.get(word))
          for word, mark in (("items", "[]"), ("additionalProperties", "{}")) if word in ours),
    ]  # fmt: skip
    for where, child, real in children:
        if real is None:
            yield f"{where}: the vendor's has no such field"
        else:
            yield from disagreements(child, real, where)


@pytest.mark.parametrize("file", OWN, ids=lambda file: file.stem)
def test_every_field_of_ours_is_the_vendors(file: Path) -> None:
    definition = load(file)
    (version,) = definition["spec"]["versions"]
    theirs = schema(vendors()[definition["spec"]["names"]["kind"]], version["name"])
    found = list(disagreements(version["schema"]["openAPIV3Schema"], theirs))
    sail = definition["spec"]["group"] == "sailoperator.io"
    own = {f".{path}: {word} is " for path, word in OF_THE_OPERATOR} if sail else set()
    assert [said for said in found if not said.startswith(tuple(own))] == []


@pytest.mark.parametrize("file", OWN, ids=lambda file: file.stem)
def test_the_kind_is_the_vendors(file: Path) -> None:
    ours, theirs = load(file), vendors()[load(file)["spec"]["names"]["kind"]]
    assert ours["metadata"]["name"] == theirs["metadata"]["name"]
    for word in ("group", "scope", "names"):
        assert ours["spec"][word] == theirs["spec"][word]
    (version,) = ours["spec"]["versions"]
    (real,) = (item for item in theirs["spec"]["versions"] if item["name"] == version["name"])
    for word in ("served", "storage", "subresources"):
        assert version[word] == real[word]
    columns = [
        {key: text for key, text in column.items() if key != "description"}
        for column in real["additionalPrinterColumns"]
    ]
    assert [column for column in version["additionalPrinterColumns"] if column not in columns] == []


@pytest.mark.parametrize("file", OWN, ids=lambda file: file.stem)
def test_each_file_says_that_it_is_ours(file: Path) -> None:
    assert file.read_text("utf-8").startswith("# The project's own definition")


DOCUMENTED = {
    "control-plane": manifest("documented/control-plane"),
    "member-roll": manifest("documented/member-roll"),
    "kafka": kafka(),
    "member": manifest("crds/member"),
    "control-plane-of-others": manifest("crds/control-plane-of-others"),
    "istio": manifest("crds/istio"),
    "istio-cni": manifest("crds/istio-cni"),
    "revision-tag": manifest("crds/revision-tag"),
}
"""Manifests of the kinds that we define."""

OF_VENDORS = {
    name: manifest(name)
    for name in (
        "documented/serving",
        "documented/eventing",
        "crds/serving-options",
        "crds/eventing-options",
    )
}
"""Manifests of kinds whose definitions come from the vendors also locally."""


@pytest.mark.parametrize("name", DOCUMENTED)
def test_manifests_are_valid_by_ours(name: str) -> None:
    assert faults(by_ours(DOCUMENTED[name]), DOCUMENTED[name]) == set()


@pytest.mark.parametrize("name", [*DOCUMENTED, *OF_VENDORS])
def test_manifests_are_valid_by_the_vendors(name: str) -> None:
    resource = {**DOCUMENTED, **OF_VENDORS}[name]
    assert faults(by_the_vendors(resource), resource) == set()


@pytest.mark.parametrize("check", [by_ours, by_the_vendors])
def test_the_printed_place_of_the_sink_is_unknown(
    check: Callable[[Object], jsonschema.Draft202012Validator],
) -> None:
    resource = manifest("crds/kafka-as-printed")
    assert faults(check(resource), resource) == {"spec.broker.sink"}


def paths(node: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    """Yield the path of every value in a tree."""
    yield path
    if isinstance(node, dict | list):
        for key, child in node.items() if isinstance(node, dict) else enumerate(node):
            yield from paths(child, (*path, key))


def changed(resource: Object, path: tuple[str | int, ...], value: Any) -> Object:
    """Return the resource with another value at a path; with None the value is taken away."""
    result = deepcopy(resource)
    node: Any = result
    for key in path[:-1]:
        node = node[key]
    if value is None:
        del node[path[-1]]
    elif isinstance(value, dict) and isinstance(node[path[-1]], dict):
        node[path[-1]] |= value
    else:
        node[path[-1]] = value
    return result


@pytest.mark.parametrize("name", DOCUMENTED)
@pytest.mark.parametrize(
    "value", [{"unheardOf": "x"}, "text", -1, 1.5, True, ["text"], None], ids=repr
)
def test_ours_finds_in_a_bad_manifest_what_the_vendors_finds(name: str, value: Any) -> None:
    """Each value in turn is replaced (an object gets an unknown field) or left out."""
    resource = DOCUMENTED[name]
    ours, theirs = by_ours(resource), by_the_vendors(resource)
    found = set()
    for path in paths(resource["spec"], ("spec",)):
        trial = changed(resource, path, value)
        found |= (mine := faults(ours, trial))
        assert mine == faults(theirs, trial), path
    assert found


if __name__ == "__main__":
    RECORD.write_text(json.dumps(recorded(), indent=1, sort_keys=True) + "\n", "utf-8")
