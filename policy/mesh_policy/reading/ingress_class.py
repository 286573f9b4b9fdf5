"""Which ingress serves a Knative Service, as the Serverless operator and Knative Serving choose."""

from typing import Any, Final

from mesh_policy.documented.kinds import SERVING
from mesh_policy.reading.knative import config_map, config_path, uses_istio
from mesh_policy.reading.objects import Object, Objects
from mesh_policy.reading.values import UNKNOWN, at, mapping

ISTIO_CLASS: Final = "istio.ingress.networking.knative.dev"
KOURIER_CLASS: Final = "kourier.ingress.networking.knative.dev"
CONTOUR_CLASS: Final = "contour.ingress.networking.knative.dev"
INGRESS_OF: Final = {ISTIO_CLASS: "istio", KOURIER_CLASS: "kourier", CONTOUR_CLASS: "contour"}
"""The ingresses that the operator installs, by the class that each serves."""
CLASS_KEYS: Final = ("ingress-class", "ingress.class")
"""In config-network; the first that is there counts, the second is the older one."""
CLASS_ANNOTATIONS: Final = (
    "networking.knative.dev/ingress.class",
    "networking.knative.dev/ingress-class",
)
"""On a Knative Service or a DomainMapping; the first that is there counts."""


def enabled(serving: Object, ingress: str) -> Any:
    """Say whether the operator installs an ingress; UNKNOWN where not known.

    Where none is switched on, it installs Kourier.
    """
    switches = {name: _switch(serving, name) for name in INGRESS_OF.values()}
    if ingress == "kourier" and not any(switches.values()):
        return True
    return switches[ingress]


def _switch(serving: Object, ingress: str) -> Any:
    value = serving.get("spec", "ingress", ingress, "enabled")
    return UNKNOWN if value is UNKNOWN else value is True


def chosen_class(serving: Object) -> tuple[str, Any]:
    """Return where a class of ingress is chosen for all Knative Services, and which.

    None: nowhere, so that the operator chooses; UNKNOWN: not known.
    """
    network = config_map(serving, "network")
    for key in CLASS_KEYS:
        if network is UNKNOWN or key in mapping(network):
            return config_path(serving, "network", key), at(network, key)
    return config_path(serving, "network", CLASS_KEYS[0]), None


def default_class(serving: Object) -> Any:
    """Return the class of Knative Services that name none; UNKNOWN where not known."""
    _, chosen = chosen_class(serving)
    if chosen is not None:
        return chosen
    if "config-network" in mapping(serving.get("spec", "config")):
        # The operator puts its own choice beside it, where nobody reads it: Knative's default.
        return ISTIO_CLASS
    kourier, istio = _switch(serving, "kourier"), _switch(serving, "istio")
    if kourier is UNKNOWN or istio is UNKNOWN:
        return UNKNOWN
    return ISTIO_CLASS if istio and not kourier else KOURIER_CLASS


def own_class(item: Object) -> tuple[str, Any]:
    """Return the annotation by which an object chooses its class, and the class; None: it doesn't.

    Annotations that are not known may hold one: UNKNOWN.
    """
    annotations = item.get("metadata", "annotations")
    for key in CLASS_ANNOTATIONS:
        if annotations is UNKNOWN or key in mapping(annotations):
            return key, at(annotations, key)
    return CLASS_ANNOTATIONS[0], None


def chosen_or(general: Any, item: Object) -> Any:
    """Return the class of an object: its own, or else the one of those that name none."""
    own = own_class(item)[1]
    return general if own is None else own


def left_to_kourier(serving: Object) -> bool:
    """Say whether somebody chose Kourier for all Knative Services, not getting it by default.

    Serverless is not meant to be behind the mesh's gateways then.
    """
    _, chosen = chosen_class(serving)
    return isinstance(chosen, str) and chosen == KOURIER_CLASS


def is_integrated(objects: Objects) -> bool:
    """Say whether a KnativeServing is here whose Knative Services Istio is meant to serve."""
    return any(uses_istio(item) and not left_to_kourier(item) for item in objects.objects(SERVING))
