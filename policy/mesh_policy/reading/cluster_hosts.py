"""Names inside the cluster: one Service, `a.ns.svc.cluster.local`, in its many spellings."""

from typing import Final, NamedTuple

CLUSTER_DOMAIN: Final = "cluster.local"
SERVICE_DOMAIN: Final = f"svc.{CLUSTER_DOMAIN}"
"""What follows the name and the namespace of a Service."""


class ServiceName(NamedTuple):
    """The Service that a host inside the cluster means."""

    name: str
    namespace: str

    @property
    def host(self) -> str:
        """Its full host."""
        return f"{self.name}.{self.namespace}.{SERVICE_DOMAIN}"


def canonical(host: str, namespace: str = "") -> str:
    """Return the one spelling of a host, by which hosts are compared.

    Pods find `a.ns` and `a.ns.svc` by the search list of their resolver, and `a` in their own
    namespace, where that is given. A host of two labels may be one of the outside, too: it equals
    no other name of the outside all the same. Wildcards, and what has more labels, stay.
    """
    name = host.lower().removesuffix(".")
    labels = name.split(".")
    if "*" in name or not all(labels):
        return name
    if len(labels) == 1 and namespace:
        return ServiceName(name, namespace).host
    if len(labels) == 2 or (len(labels) == 3 and labels[2] == "svc"):
        return ServiceName(labels[0], labels[1]).host
    return name


def is_cluster_local(host: str) -> bool:
    """Say whether a host is one of the cluster's inside, by its end."""
    name = host.lower().removesuffix(".")
    return name.endswith((".svc", f".{CLUSTER_DOMAIN}"))


def service(host: str, namespace: str = "") -> ServiceName | None:
    """Return the Service that a host means; None where it is a Service's in no spelling."""
    name = canonical(host, namespace)
    labels = name.removesuffix(f".{SERVICE_DOMAIN}").split(".")
    if not name.endswith(f".{SERVICE_DOMAIN}") or len(labels) != 2 or not all(labels):
        return None
    return ServiceName(*labels)
