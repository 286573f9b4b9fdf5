"""Whole set-ups as their vendors document and test them: nothing in them is a violation.

Each is here in the least form that has what is characteristic of it.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from mesh_policy.documented.kinds import (
    CONTROL_PLANE,
    DESTINATION_RULE,
    EVENTING,
    GATEWAY,
    ISTIO,
    ISTIO_CNI,
    KAFKA,
    MEMBER_ROLL,
    PEER_AUTHENTICATION,
    SERVICE_ENTRY,
    SERVING,
    Kind,
)
from mesh_policy.findings import Severity, Violation
from mesh_policy.reading.objects import Given
from mesh_policy.rule import evaluate
from mesh_policy.rules import RULES
from mesh_policy.world import World
from tests.policy.cases import NOW, Loader

FOLDER = Path(__file__).parent / "documents"
DOCUMENTS = sorted(FOLDER.glob("*.yaml"))
WARNED = {
    "service-mesh-3": {"local-gateway-mutual-tls", "excluded-ports", "gateway-service"},
    "service-mesh-3-vendor-tests": {"local-gateway-mutual-tls", "gateway-service"},
}
"""The rules that may warn of what works: plaintext at the local gateway, no probes of routes."""
OF_MESH = {
    "2": (CONTROL_PLANE, MEMBER_ROLL),
    "3": (ISTIO, ISTIO_CNI),
}
VERSIONS = ("v1", "v1beta1", "v1alpha1", "v1alpha3", "v2")
SERVED = (SERVING, EVENTING, KAFKA, GATEWAY, SERVICE_ENTRY, PEER_AUTHENTICATION, DESTINATION_RULE)


def objects(path: Path) -> list[dict[str, Any]]:
    return list(yaml.load_all(path.read_text("utf-8"), Loader))


def definitions(*kinds: Kind) -> Iterator[dict[str, Any]]:
    """Return what a cluster has that serves the kinds in every version that is asked for."""
    for kind in kinds:
        versions = [{"name": each, "served": True} for each in VERSIONS]
        yield {
            "apiVersion": "apiextensions.k8s.io/v1",
            "kind": "CustomResourceDefinition",
            "metadata": {"name": f"{kind.name.lower()}s.{kind.group}"},
            "spec": {"group": kind.group, "names": {"kind": kind.name}, "versions": versions},
        }


def worlds(path: Path) -> Iterator[World]:
    """Return it as files, as the whole of a cluster, and as files over such a cluster."""
    given = list(map(Given, objects(path)))
    mesh = "3" if path.stem.startswith("service-mesh-3") else "2"
    served = list(map(Given, definitions(*SERVED, *OF_MESH[mesh])))
    yield World.of(given, now=NOW)
    yield World.of((), [*given, *served], complete=True, now=NOW)
    yield World.of(given, served, complete=True, now=NOW)


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.stem)
def test_nothing_is_a_violation(path: Path) -> None:
    for world in worlds(path):
        found = [each for each in evaluate(RULES, world) if isinstance(each.finding, Violation)]
        errors = [f"{e.rule.id}: {e.finding}" for e in found if e.severity is Severity.ERROR]
        assert not errors, "\n".join(errors)
        warned = {each.rule.id for each in found}
        assert warned <= WARNED.get(path.stem, set()), found
