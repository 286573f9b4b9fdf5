"""The domain of the cluster's applications."""

from typing import Any

from mesh_policy.documented.kinds import INGRESS_CONFIG
from mesh_policy.reading.objects import Objects
from mesh_policy.reading.values import UNKNOWN, text


def cluster_domain(objects: Objects) -> Any:
    """Return the domain of the cluster's applications: None where it is not known, or UNKNOWN."""
    for item in objects.objects(INGRESS_CONFIG):
        domain = item.get("spec", "domain")
        if domain is UNKNOWN or text(domain):
            return domain
    return None
