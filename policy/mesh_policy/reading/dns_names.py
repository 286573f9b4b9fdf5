"""What Kubernetes and DNS take for names."""

import ipaddress
import re
from collections.abc import Iterator
from typing import Final

_LABEL: Final = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")
_LONGEST: Final = 253
_RESERVED: Final = ("kube-", "openshift-", "knative-")
"""How the namespaces begin that are a cluster's own, or an operator's."""

Address = ipaddress.IPv4Address | ipaddress.IPv6Address


def is_label(name: str) -> bool:
    """Say whether it is a label of DNS (RFC 1123): the name of a namespace."""
    return _LABEL.fullmatch(name) is not None


def is_service(name: str) -> bool:
    """Say whether it is a label that begins with a letter (RFC 1035): the name of a Service."""
    return is_label(name) and not name[0].isdigit()


def is_subdomain(name: str) -> bool:
    """Say whether it is labels with dots between them: the name of a Secret, or a domain."""
    return len(name) <= _LONGEST and all(map(is_label, name.split(".")))


def is_host(name: str) -> bool:
    """Say whether it is a name that DNS can know, and no address nor what looks like one."""
    return is_subdomain(name) and not name.rpartition(".")[2].isdigit()


def address(text: str) -> Address | None:
    """Return the address that it is, None if it is none."""
    try:
        return None if "%" in text else ipaddress.ip_address(text)
    except ValueError:
        return None


def wildcards_over(host: str) -> Iterator[str]:
    """List the wildcards that match a host, but for `*`, the narrowest one first."""
    labels = host.split(".")
    for start in range(1, len(labels)):
        yield f"*.{'.'.join(labels[start:])}"


def is_reserved(namespace: str) -> bool:
    """Say whether a namespace is a cluster's own, or an operator's."""
    return namespace == "openshift" or namespace.startswith(_RESERVED)
