"""Which Gateways Knative uses, by its own configuration."""

from collections.abc import Iterator

from mesh_policy.documented.kinds import SERVING
from mesh_policy.reading.knative import config_map
from mesh_policy.reading.net_istio import DEFAULTS, IstioConfig, KnativeGateway, config_istio
from mesh_policy.reading.objects import Object, Objects


def ingress_gateways(objects: Objects) -> list[Object]:
    """Return the Gateways that are here by which Knative Services are reached from outside."""
    return _there(objects, (each for config in configs(objects) for each in config.external))


def default_gateways(objects: Objects) -> list[Object]:
    """Return those of the ingress Gateways that serve whatever no selector selects."""
    external = (each for config in configs(objects) for each in config.external)
    return _there(objects, (each for each in external if each.selector is None))


def local_gateways(objects: Objects) -> list[Object]:
    """Return the Gateways that are here by which Knative Services are reached from inside."""
    return _there(objects, (each for config in configs(objects) for each in config.local))


def configs(objects: Objects) -> list[IstioConfig]:
    """Return what net-istio is configured with, by each KnativeServing.

    Without one, or where it can't be told, that is what it takes by default.
    """
    read = [config_istio(config_map(item, "istio")) for item in objects.objects(SERVING)]
    return [each for each in read if isinstance(each, IstioConfig)] or [DEFAULTS]


def _there(objects: Objects, gateways: Iterator[KnativeGateway]) -> list[Object]:
    found = (objects.get(*ref) for ref in dict.fromkeys(each.ref for each in gateways))
    return [item for item in found if item is not None]
