"""A Gateway of somebody else with the same hosts, port and gateway.

First the harm that it does in traffic; then that the policy pack and `serverless-mesh check` stop
or find the very same manifest.
"""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from mesh.cluster_check import assert_found, check
from mesh.conftest import Keep
from mesh.installation import BOTH, REFUSED_BY_US, Answer, Installation, Manifest
from mesh.issuer import Issuer
from mesh_policy.documented.names import ISTIO_SELECTOR
from stacks import PulumiStack, make_stack
from toolchain.dev import PACK

pytestmark = [pytest.mark.e2e, pytest.mark.mesh]
CONFLICT = "no-conflicting-wildcard-gateway"


def foreign_gateway(host: str = "*", selector: Mapping[str, str] = ISTIO_SELECTOR) -> Manifest:
    """Return a Gateway in a member's namespace that claims hosts on port 443."""
    return {
        "apiVersion": "networking.istio.io/v1alpha3",
        "kind": "Gateway",
        "metadata": {"name": "shop", "namespace": "default"},
        "spec": {
            "selector": dict(selector),
            "servers": [
                {
                    "port": {"number": 443, "name": "https", "protocol": "HTTPS"},
                    "hosts": [host],
                    "tls": {"mode": "SIMPLE", "credentialName": "shop-certs"},
                }
            ],
        },
    }


@pytest.fixture
def other(installation: Installation, tmp_path: Path) -> Iterator[Issuer]:
    """Return the other team's authority; its certificate is in the secret of their Gateway."""
    issuer = Issuer(tmp_path, "shop")
    _, data = issuer.issue(f"*.{installation.domain}")
    secret = installation.secret("shop-certs", data)
    yield issuer
    installation.mesh.objects.delete(secret)
    installation.until(installation.answers, "the documentation's curl answers again")


@BOTH
def test_the_older_gateway_takes_the_hosts_of_ours(
    installation: Installation, other: Issuer, keep: Keep
) -> None:
    objects = installation.mesh.objects
    ours = keep(
        "networking.istio.io/v1alpha3", "Gateway", "knative-ingress-gateway", "knative-serving"
    )
    foreign = foreign_gateway(selector=installation.settings.mesh.ingress.local_selector)
    try:
        objects.delete(ours)
        installation.apply(foreign)
        until_it_serves(installation, other)
        # Ages are whole seconds, and among Gateways of one age the name decides.
        installation.until(lambda: older_than_now(installation, foreign), "a second is over")
        installation.apply(ours)
        # Istio lets the older one have the hosts: ours is there and serves nobody.
        assert_taken(installation, other)
        assert_found(check(installation), CONFLICT, "this one is older")
    finally:
        objects.delete(foreign)


def until_it_serves(installation: Installation, other: Issuer) -> None:
    installation.until(
        lambda: installation.curl(root=other.root).code == 0, "the foreign gateway serves"
    )


def older_than_now(installation: Installation, manifest: Manifest) -> bool:
    """Say whether whatever is created from now on is younger than an object."""
    found = installation.find(manifest)
    assert found is not None
    created = datetime.fromisoformat(found["metadata"]["creationTimestamp"])
    return datetime.now(UTC) - created >= timedelta(seconds=1)


@BOTH
def test_a_narrower_wildcard_takes_the_hosts_of_ours(
    installation: Installation, other: Issuer
) -> None:
    selector = installation.settings.mesh.ingress.local_selector
    foreign = foreign_gateway(f"*.{installation.domain}", selector)
    try:
        installation.apply(foreign)
        until_it_serves(installation, other)
        assert_taken(installation, other)
        assert_found(check(installation), CONFLICT, "the narrower host goes first")
    finally:
        installation.mesh.objects.delete(foreign)


def assert_taken(installation: Installation, other: Issuer) -> None:
    """See that the documented curl meets the other team's certificate, and no service."""
    assert installation.curl().code == REFUSED_BY_US
    options = ("--output", "/dev/null", "--write-out", "%{http_code}")
    assert installation.curl(root=other.root, options=options) == Answer(0, "404", "")


@pytest.fixture
def shop(installation: Installation, tmp_path: Path) -> Iterator[PulumiStack]:
    """Return the other team's stack, which would make its Gateway."""
    program = (
        "from pulumi_kubernetes.apiextensions import CustomResource\n"
        f"CustomResource('shop', **{_arguments(foreign_gateway())!r})\n"
    )
    stack = make_stack(tmp_path, installation.kubeconfig, program=program)
    yield stack
    stack.destroy()


def _arguments(manifest: Manifest) -> Manifest:
    return {"api_version" if key == "apiVersion" else key: manifest[key] for key in manifest}


@pytest.mark.parametrize("preview", [(), ("--skip-preview",)], ids=["preview", "gate"])
def test_the_pack_stops_it_before_it_is_written(
    installation: Installation, shop: PulumiStack, preview: tuple[str, ...]
) -> None:
    said = shop.fail("up", "--yes", *preview, *PACK)
    assert f"[mandatory] [severity: high]  {CONFLICT}" in said
    assert "Gateway default/shop spec.servers[0].hosts[0]" in said
    assert not [each for each in shop.resources() if "Gateway" in each["type"]]
    assert not installation.find(foreign_gateway())
    assert installation.answers()


def test_check_finds_it_in_the_cluster(installation: Installation) -> None:
    before = check(installation)
    assert before.returncode == 0, before.stdout + before.stderr
    foreign = foreign_gateway()
    installation.apply(foreign)
    try:
        found = check(installation)
    finally:
        installation.mesh.objects.delete(foreign)
    assert found.returncode == 1, found.stdout + found.stderr
    assert (
        f"ERROR {CONFLICT}: Gateway default/shop spec.servers[0].hosts[0]: found " in found.stdout
    )
