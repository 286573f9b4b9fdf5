"""What the Knative custom resources say."""

from collections.abc import Iterator, Mapping
from itertools import chain
from typing import Any, Final

from mesh_policy.documented.kinds import EVENTING
from mesh_policy.documented.names import API_SERVER_CALLS, INJECT
from mesh_policy.reading.objects import Object
from mesh_policy.reading.values import UNKNOWN, at, has_unknown, items, mapping, text, truth

ISTIO_ENABLED: Final = ("spec", "ingress", "istio", "enabled")
_WITHOUT_APP: Final = "imc-controller"
"""Its pods have no label `app`, which those of the webhooks have."""
_FEATURE: Final = "istio"
"""Of Eventing's `features`: the switch of its integration."""


def istio_switch(resource: Object) -> tuple[str, Any]:
    """Return where a KnativeServing or a KnativeEventing switches Istio on, and what it says."""
    if resource.ref.kind == EVENTING:
        path = config_path(resource, "features", _FEATURE)
        return path, config_value(resource, "features", _FEATURE)
    return ".".join(ISTIO_ENABLED), resource.get(*ISTIO_ENABLED)


def uses_istio(resource: Object) -> bool | None:
    """Say whether the operator integrates a resource with Istio; None: not known."""
    _, value = istio_switch(resource)
    if value is UNKNOWN:
        return None
    if resource.ref.kind == EVENTING:
        return text(value).lower() == "enabled"
    return truth(value) is True


def asks_for_mesh(resource: Object) -> bool:
    """Say whether a resource is, or may be, meant for a mesh: by its switch or what needs one."""
    marked = bool(config(resource, "istio")) or any(
        INJECT in mapping(at(entry, part))
        for _, entry in workloads(resource)
        for part in ("labels", "annotations")
    )
    return marked or has_unknown(resource.get("spec")) or uses_istio(resource) is not False


def refuses_mesh(serving: Object) -> bool:
    """Say whether a KnativeServing has Istio switched off in so many words."""
    return truth(istio_switch(serving)[1]) is False


def config_map(resource: Object, name: str) -> Any:
    """Return one of the ConfigMaps that a resource fills in: UNKNOWN where not known.

    As the Knative operator does: `config-istio` is taken as a whole, and `istio` without it.
    """
    found = resource.get("spec", "config")
    prefixed = f"config-{name}"
    return at(found, prefixed) if prefixed in mapping(found) else at(found, name)


def config(resource: Object, name: str) -> Mapping[str, Any]:
    """Return one of the ConfigMaps that a resource fills in, as far as it is known."""
    return mapping(config_map(resource, name))


def config_value(resource: Object, name: str, key: str) -> Any:
    """Return one value of such a ConfigMap: UNKNOWN where not known, None where there is none."""
    return at(config_map(resource, name), key)


def config_path(resource: Object, name: str, key: str = "") -> str:
    """Return where a resource fills in a ConfigMap, or one of its values."""
    prefixed = f"config-{name}"
    part = prefixed if prefixed in mapping(resource.get("spec", "config")) else name
    return f"spec.config.{part}.{key}" if key else f"spec.config.{part}"


def workloads(resource: Object) -> Iterator[tuple[str, Any]]:
    """List the entries of `deployments` and `workloads` with their paths."""
    for group in ("deployments", "workloads"):
        found = resource.get("spec", group)
        for index, entry in enumerate(items(found)):
            yield f"spec.{group}[{index}]", entry


def unknown_entry(resource: Object) -> str | None:
    """Return where it is not known which workloads a resource lists; None where it is."""
    for group in ("deployments", "workloads"):
        found = resource.get("spec", group)
        if found is UNKNOWN or UNKNOWN in items(found):
            return f"spec.{group}"
    unnamed = (path for path, entry in workloads(resource) if at(entry, "name") is UNKNOWN)
    return next((f"{path}.name" for path in unnamed), None)


def called_by_api_server(labels: Any) -> str | None:
    """Return which workload that the API server calls carries such labels; None: none does."""
    app, component = at(labels, "app"), at(labels, "app.kubernetes.io/component")
    for name in chain.from_iterable(API_SERVER_CALLS.values()):
        if component == name or (app == name and name != _WITHOUT_APP):
            return name
    return None


def named(entry: Any) -> str:
    """Return the name of an entry of `deployments` or `workloads`."""
    return text(at(entry, "name"))
