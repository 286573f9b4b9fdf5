"""Worlds that are drawn the same on every day: with one certificate, and a clock that stands."""

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from mesh_policy.documented.kinds import SECRET
from mesh_policy.reading.objects import Given, kind_of
from mesh_policy.reading.values import UNKNOWN
from mesh_policy.rule import Result, evaluate
from mesh_policy.rules import RULES
from mesh_policy.world import World
from serverless_mesh.cli.graph.build import build
from serverless_mesh.cli.graph.model import Graph
from tests.policy.integration import BROKEN, Body, broken, documented
from toolchain.paths import ROOT

NOW = datetime(2026, 11, 1, tzinfo=UTC)
CERTIFICATE = ROOT / "tests" / "data" / "wildcard.crt"
"""Until 2027-09-01; nobody has its key."""
DOMAIN: Body = {
    "apiVersion": "config.openshift.io/v1",
    "kind": "Ingress",
    "metadata": {"name": "cluster"},
    "spec": {"domain": "apps.openshift.example.com"},
}
FAULTS = ("no-conflicting-wildcard-gateway", "ingress-gateway-not-exposed", "strict-mtls")
"""What is wrong in the picture that shows findings."""


def service_mesh_2() -> list[Body]:
    return [DOMAIN, *map(certified, documented())]


def service_mesh_3() -> list[Body]:
    return list(map(certified, documented("documents/service-mesh-3.yaml")))


def certified(body: Body) -> Body:
    """Put the certificate into a Secret; what its key is, nobody knows."""
    if kind_of(body) != SECRET or body["metadata"]["name"] != "wildcard-certs":
        return body
    pair: Any = {"tls.crt": CERTIFICATE.read_text("utf-8"), "tls.key": UNKNOWN}
    return {**body, "data": {}, "stringData": pair}


def with_faults() -> list[Body]:
    objects = service_mesh_2()
    for rule in FAULTS:
        objects = broken(objects, BROKEN[rule])
    return objects


def world(objects: Iterable[Body], *, complete: bool = True, **more: Any) -> World:
    return World.of(map(Given, objects), complete=complete, now=NOW, **more)


def found(of: World, *rules: str) -> list[Result]:
    """Return what some rules find, or all of them."""
    chosen = [rule for rule in RULES if rule.id in rules or not (rules or rule.of_updates)]
    return list(evaluate(chosen, of))


def as_documented(objects: Iterable[Body]) -> Graph:
    """Draw the integration as the documentation has it."""
    return build(world(objects), of="as it is documented")


def faulty() -> Graph:
    """Draw it with a few things wrong."""
    seen = world(with_faults())
    return build(seen, found(seen, *FAULTS), of="with three faults")
