"""A Gateway of somebody else with the same hosts, port and gateway: the harm that it does."""

from pathlib import Path

import pytest

from mesh.conftest import Keep
from mesh.installation import REFUSED_BY_US, Answer, Installation, Manifest
from mesh.issuer import Issuer

pytestmark = [pytest.mark.e2e, pytest.mark.mesh]


def foreign_gateway() -> Manifest:
    """Return a Gateway in a member's namespace that claims all hosts on port 443."""
    return {
        "apiVersion": "networking.istio.io/v1alpha3",
        "kind": "Gateway",
        "metadata": {"name": "shop", "namespace": "default"},
        "spec": {
            "selector": {"istio": "ingressgateway"},
            "servers": [
                {
                    "port": {"number": 443, "name": "https", "protocol": "HTTPS"},
                    "hosts": ["*"],
                    "tls": {"mode": "SIMPLE", "credentialName": "shop-certs"},
                }
            ],
        },
    }


def test_the_older_gateway_takes_the_hosts_of_ours(
    installation: Installation, keep: Keep, tmp_path: Path
) -> None:
    objects = installation.mesh.objects
    shop = Issuer(tmp_path, "shop")
    _, data = shop.issue(f"*.{installation.domain}")
    secret = installation.secret("shop-certs", data)
    ours = keep(
        "networking.istio.io/v1alpha3", "Gateway", "knative-ingress-gateway", "knative-serving"
    )
    foreign = foreign_gateway()
    try:
        objects.delete(ours)
        installation.apply(foreign)
        installation.until(
            lambda: installation.curl(root=shop.root).code == 0, "the foreign gateway serves"
        )
        installation.apply(ours)
        # Istio lets the older one have the hosts: ours is there and serves nobody.
        assert installation.curl().code == REFUSED_BY_US
        options = ("--output", "/dev/null", "--write-out", "%{http_code}")
        assert installation.curl(root=shop.root, options=options) == Answer(0, "404", "")
    finally:
        objects.delete(foreign)
        objects.delete(secret)
    installation.until(installation.answers, "the page's curl answers again")
