"""The pure parts of the stand-in plugin `kubernetes`: differences, identity, drift."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from toolchain.providers.kubernetes.objects import changes, imported, project, reference, replacing
from toolchain.providers.properties import UNKNOWN, Secret, decode, encode, mark_like, plain


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ({"a": 1}, {"a": 1}, {}),
        ({"a": 1}, {"a": 2}, {"a": "update"}),
        ({}, {"a": 1}, {"a": "add"}),
        ({"a": 1}, {}, {"a": "delete"}),
        ({"a": {"b": [1, 2]}}, {"a": {"b": [1, 3, 4]}}, {"a.b[1]": "update", "a.b[2]": "add"}),
        ({"a": {"x/y.z": 1}}, {"a": {"x/y.z": 2}}, {'a["x/y.z"]': "update"}),
        ({"a": 1}, {"a": UNKNOWN}, {"a": "update"}),
        ({"a": {"b": 1}}, {"a": "text"}, {"a": "update"}),
    ],
)
def test_changes(old: dict[str, Any], new: dict[str, Any], expected: dict[str, str]) -> None:
    assert changes(old, new) == expected


def made(kind: str, api_version: str = "v1", **fields: Any) -> dict[str, Any]:
    return {"apiVersion": api_version, "kind": kind, "metadata": {"name": "a"}, **fields}


@pytest.mark.parametrize(
    ("old", "new", "replaced"),
    [
        (made("ConfigMap", data={"k": "1"}), made("ConfigMap", data={"k": "2"}), []),
        (made("ConfigMap"), {**made("ConfigMap"), "metadata": {"name": "b"}}, ["metadata.name"]),
        (made("Secret", type="Opaque"), made("Secret", type="kubernetes.io/tls"), ["type"]),
        (
            made("Service", spec={"clusterIP": "10.0.0.1"}),
            made("Service", spec={"clusterIP": "10.0.0.2"}),
            ["spec.clusterIP"],
        ),
        (
            made("Deployment", "apps/v1", spec={"selector": {"matchLabels": {"a": "b"}}}),
            made("Deployment", "apps/v1", spec={"selector": {"matchLabels": {"a": "c"}}}),
            ["spec.selector.matchLabels.a"],
        ),
        (
            made("ConfigMap", immutable=True, data={"k": "1"}),
            made("ConfigMap", immutable=True, data={"k": "2"}),
            ["data.k"],
        ),
    ],
)
def test_identity_and_immutable_fields_replace(
    old: dict[str, Any], new: dict[str, Any], replaced: list[str]
) -> None:
    assert replacing(changes(old, new), new) == replaced


def test_drift_shows_at_our_fields_only() -> None:
    live = {"spec": {"ours": 2, "theirs": 3, "list": [{"a": 1, "default": True}]}}
    wanted = {"spec": {"ours": 1, "gone": 1, "list": [{"a": 1}]}}
    assert project(live, wanted) == {"spec": {"ours": 2, "list": [{"a": 1}]}}


def test_items_that_somebody_added_show_as_drift() -> None:
    assert project({"list": [1, 2]}, {"list": [1]}) == {"list": [1, 2]}


def test_an_import_takes_what_is_not_the_servers() -> None:
    live = made("ConfigMap", data={"k": "v"}, status={"x": 1})
    live["metadata"] |= {"uid": "u", "resourceVersion": "1", "managedFields": [], "labels": {}}
    assert imported(live) == {**made("ConfigMap", data={"k": "v"})} | {
        "metadata": {"name": "a", "labels": {}}
    }


def test_a_place_is_unknown_while_a_part_of_it_is() -> None:
    assert reference({**made("ConfigMap"), "metadata": {"name": UNKNOWN}}) is None
    assert str(reference(made("ConfigMap"))) == "ConfigMap a"


TREES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text() | st.just(UNKNOWN),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text(max_size=5), inner, max_size=3)
        | st.builds(Secret, inner)
    ),
    max_leaves=10,
)


@given(st.dictionaries(st.text(max_size=5), TREES, max_size=4))
def test_properties_survive_the_wire(tree: dict[str, Any]) -> None:
    assert decode(encode(tree)) == tree


@given(st.dictionaries(st.text(max_size=5), TREES, max_size=4))
def test_marking_by_itself_gives_the_same_secrets(tree: dict[str, Any]) -> None:
    marked = mark_like(plain(tree), tree)
    assert plain(marked) == plain(tree)
    assert all(isinstance(marked[k], Secret) for k, v in tree.items() if isinstance(v, Secret))


@given(st.dictionaries(st.text(max_size=5), TREES, max_size=4))
def test_nothing_differs_from_itself_but_what_is_unknown(tree: dict[str, Any]) -> None:
    known = plain(tree)
    assert not {path for path in changes(known, known) if "unknown" not in repr(known)}
