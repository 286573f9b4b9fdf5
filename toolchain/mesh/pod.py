"""What a pod says to its kubelet, read from the pod as the API server has admitted it."""

import math
import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from kubernetes.utils.quantity import parse_quantity

Manifest = dict[str, Any]
PROXY: Final = "istio-proxy"
UNPULLABLE: Final = "auto"
"""The image that Istio's injection is to replace: no registry has it."""
_EXCLUDED: Final = "traffic.sidecar.istio.io/excludeInboundPorts"
_VALIDATION: Final = "istio-validation"
"""The container that fails in a pod whose traffic nothing redirects to its proxy."""


def containers(pod: Manifest) -> Iterator[Manifest]:
    """Give the containers that run as long as the pod does."""
    spec = pod["spec"]
    yield from (item for item in spec.get("initContainers") or () if "restartPolicy" in item)
    yield from spec["containers"]


def proxy(pod: Manifest) -> Manifest | None:
    """Return the container with the pod's proxy, if it has one."""
    return next((item for item in containers(pod) if item["name"] == PROXY), None)


def ports(pod: Manifest) -> set[int]:
    """Return the ports of the applications in a pod."""
    return {
        int(port["containerPort"])
        for container in containers(pod)
        if container["name"] != PROXY
        for port in container.get("ports") or ()
    }


def excluded_ports(pod: Manifest) -> set[int]:
    """Return the inbound ports that pass the proxy by, as IstioCNI reads them."""
    said = (pod["metadata"].get("annotations") or {}).get(_EXCLUDED, "")
    return {int(port) for port in said.split(",") if port.strip()}


def redirected(pod: Manifest) -> bool:
    """Say whether the pod waits for IstioCNI to redirect its traffic."""
    return any(item["name"] == _VALIDATION for item in pod["spec"].get("initContainers") or ())


def environment(pod: Manifest, container: Manifest, address: str) -> dict[str, str]:
    """Return the variables of a container, in a pod with this address.

    A limit that is not set would be that of a node, and is left out.
    """
    found: dict[str, str] = {}
    for item in container.get("env") or ():
        value = _value(pod, container, item, address)
        if value is not None:
            found[item["name"]] = expanded(value, found)
    return found


def expanded(text: str, variables: Mapping[str, str]) -> str:
    """Put variables in the place of `$(NAME)`."""
    return re.sub(r"\$\((\w+)\)", lambda match: variables.get(match[1], match[0]), text)


def _value(pod: Manifest, container: Manifest, item: Manifest, address: str) -> str | None:
    source = item.get("valueFrom") or {}
    if field := source.get("fieldRef"):
        return {"status.podIP": address, "status.hostIP": address}.get(field["fieldPath"]) or str(
            _at(pod, field["fieldPath"])
        )
    if resource := source.get("resourceFieldRef"):
        kind, _, name = resource["resource"].partition(".")
        amount = ((container.get("resources") or {}).get(kind) or {}).get(name)
        if amount is None:
            return None
        divisor = parse_quantity(resource.get("divisor") or "1") or 1
        return str(math.ceil(parse_quantity(amount) / divisor))
    return str(item.get("value", ""))


def _at(value: Any, path: str) -> Any:
    for key in path.split("."):
        value = (value or {}).get(key)
    return "" if value is None else value
