"""What the Knative custom resources say."""

from collections.abc import Iterator, Mapping
from typing import Any

from policy.values import UNKNOWN, at, items, mapping, text
from policy.world import Object


def config(resource: Object, name: str) -> Mapping[str, Any]:
    """Return one of the ConfigMaps that a resource fills in, named `istio` or `config-istio`."""
    found = resource.get("spec", "config")
    return {**mapping(at(found, f"config-{name}")), **mapping(at(found, name))}


def config_value(resource: Object, name: str, key: str) -> Any:
    """Return one value of such a ConfigMap: UNKNOWN where not known, None where there is none."""
    found = resource.get("spec", "config")
    for part in (name, f"config-{name}"):
        value = at(found, part)
        if value is UNKNOWN or key in mapping(value):
            return UNKNOWN if value is UNKNOWN else value[key]
    return None


def workloads(resource: Object) -> Iterator[tuple[str, Any]]:
    """List the entries of `deployments` and `workloads` with their paths."""
    for group in ("deployments", "workloads"):
        found = resource.get("spec", group)
        for index, entry in enumerate(items(found)):
            yield f"spec.{group}[{index}]", entry


def named(entry: Any) -> str:
    """Return the name of an entry of `deployments` or `workloads`."""
    return text(at(entry, "name"))
