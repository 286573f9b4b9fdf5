"""How a DomainMapping's host is served, as Knative Serving and the Serverless operator see to it.

With a certificate, its own or one that Knative gets for it, net-istio adds a Gateway for the host,
and the operator's Route passes TLS through. Without one the host is left to Knative's own Gateways;
the Route passes TLS through where the annotation is there, whatever it says, and else ends TLS at
the router and leads to the gateway's port for plain HTTP.
"""

from typing import Any, Final

from mesh_policy.documented.names import PASSTHROUGH
from mesh_policy.reading.knative import config_map
from mesh_policy.reading.objects import Object
from mesh_policy.reading.values import UNKNOWN, at, mapping, text, truth

_OWN_ROUTE: Final = "serving.knative.openshift.io/disableRoute"
"""Annotation by which the operator makes no Route."""
_ISSUING: Final = ("external-domain-tls", "auto-tls", "autoTLS")
"""In config-network; the first that is there counts."""
_NOT_ISSUED: Final = tuple(
    f"networking.knative.dev/{key}"
    for key in ("disableAutoTLS", "disable-auto-tls", "disable-external-domain-tls")
)
"""Annotations; the first that is there counts."""


def has_route(item: Object) -> bool:
    """Say whether the operator makes a Route for it."""
    return _OWN_ROUTE not in item.annotations


def passes_through(item: Object) -> bool:
    """Say whether its Route passes TLS through without a certificate of its own."""
    return PASSTHROUGH in item.annotations


def gets_certificate(item: Object, serving: Object) -> bool | None:
    """Say whether Knative itself gets a certificate for it; None: not known."""
    network = config_map(serving, "network")
    key = next((key for key in _ISSUING if key in mapping(network)), _ISSUING[0])
    issuing = at(network, key)
    if issuing is UNKNOWN:
        return None
    return text(issuing).lower() == "enabled" and not truth(_first(item, *_NOT_ISSUED))


def _first(item: Object, *keys: str) -> Any:
    return next((item.annotations[key] for key in keys if key in item.annotations), None)
