"""Gateways of many teams, some of which claim the same hosts."""

from collections.abc import Iterator
from typing import Any, Final

_WILDCARD_EVERY: Final = 100
_NAMESPACES: Final = 100


def gateways(count: int, hosts: int = 1) -> Iterator[dict[str, Any]]:
    """Make valid Gateways on one workload; every hundredth claims the wildcard and conflicts."""
    for index in range(count):
        names = [f"team-{index}-{each}.example.com" for each in range(hosts)]
        if index % _WILDCARD_EVERY == 0:
            names[-1] = "*"
        yield {
            "apiVersion": "networking.istio.io/v1beta1",
            "kind": "Gateway",
            "metadata": {"name": f"team-{index}", "namespace": f"namespace-{index % _NAMESPACES}"},
            "spec": {
                "selector": {"istio": "ingressgateway"},
                "servers": [
                    {
                        "port": {"number": 443, "name": "https", "protocol": "HTTPS"},
                        "hosts": names,
                        "tls": {"mode": "SIMPLE", "credentialName": f"team-{index}"},
                    }
                ],
            },
        }
