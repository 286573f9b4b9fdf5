"""The domain of Knative Services."""

from typing import Any

from mesh_policy.documented.kinds import INGRESS_CONFIG, SERVING
from mesh_policy.reading.knative import config
from mesh_policy.reading.objects import Objects
from mesh_policy.reading.values import UNKNOWN, has_unknown, mapping, text


def services_domain(objects: Objects) -> Any:
    """Return the domain of Knative Services: None where it is not known, or UNKNOWN.

    The one that KnativeServing is set to for all comes first. Without one the operator takes that
    of the cluster's applications.
    """
    for serving in objects.objects(SERVING):
        domains = config(serving, "domain")
        if has_unknown(domains):
            return UNKNOWN
        general = [name for name, selector in domains.items() if _is_general(name, selector)]
        if general:
            return min(general)
    for item in objects.objects(INGRESS_CONFIG):
        domain = item.get("spec", "domain")
        if domain is UNKNOWN or text(domain):
            return domain
    return None


def _is_general(domain: Any, selector: Any) -> bool:
    named = text(domain) and not domain.startswith("_")
    return bool(named) and not text(selector).strip() and not mapping(selector)
