"""The domain of the cluster's applications."""

from typing import Any

from mesh_policy.documented.kinds import INGRESS_CONFIG, SERVING
from mesh_policy.reading.knative import config
from mesh_policy.reading.objects import Objects
from mesh_policy.reading.values import UNKNOWN, has_unknown, mapping, text


def apps_domain(objects: Objects) -> Any:
    """Return the domain of the cluster's applications: None where it is not known, or UNKNOWN.

    The cluster's own comes first, then the one that KnativeServing is set to.
    """
    for item in objects.objects(INGRESS_CONFIG):
        domain = item.get("spec", "domain")
        if domain is UNKNOWN or text(domain):
            return domain
    for serving in objects.objects(SERVING):
        domains = config(serving, "domain")
        if has_unknown(domains):
            return UNKNOWN
        for domain, selector in domains.items():
            named = text(domain) and not domain.startswith("_")
            if named and not text(selector).strip() and not mapping(selector):
                return domain
    return None
