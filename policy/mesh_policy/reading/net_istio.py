"""config-istio as net-istio reads it: which Gateways Knative uses, and the Services before them.

Its older keys are `gateway.<namespace>.<name>` and `local-gateway.<namespace>.<name>` (without a
namespace, knative-serving is meant), its newer ones `external-gateways` and `local-gateways`, each
a list in YAML in a text. A kind of gateways that is not given is the default one.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import yaml

from mesh_policy.documented.kinds import GATEWAY, Kind
from mesh_policy.documented.names import (
    DEFAULT_MESH_NAMESPACE,
    INGRESS_GATEWAY,
    INGRESS_SERVICE,
    LOCAL_GATEWAY,
    SERVING_NAMESPACE,
)
from mesh_policy.reading.cluster_hosts import ServiceName
from mesh_policy.reading.dns_names import is_subdomain
from mesh_policy.reading.values import UNKNOWN, has_unknown, items, mapping, show, text

EXTERNAL_KEY: Final = "external-gateways"
LOCAL_KEY: Final = "local-gateways"
_OLDER: Final = {EXTERNAL_KEY: "gateway.", LOCAL_KEY: "local-gateway."}
_DEFAULTS: Final = {
    EXTERNAL_KEY: (INGRESS_GATEWAY, INGRESS_SERVICE),
    LOCAL_KEY: (LOCAL_GATEWAY, LOCAL_GATEWAY),
}
_FIELDS: Final = ("namespace", "name", "service")
_DEEPEST: Final = 20
"""Brackets in YAML beyond which it is no list of gateways."""


@dataclass(frozen=True)
class KnativeGateway:
    """A Gateway that Knative uses, and the host of the Service before it.

    `key` is the entry of config-istio that says so, and empty where that is net-istio's default.
    One with a `selector` serves only the Knative Services with such labels.
    """

    namespace: str
    name: str
    service: str
    key: str = ""
    selector: Mapping[str, Any] | None = None

    @property
    def ref(self) -> tuple[Kind, str, str]:
        """Kind, namespace and name of the Gateway."""
        return GATEWAY, self.namespace, self.name

    @property
    def is_default(self) -> bool:
        """Whether nothing in config-istio names it."""
        return not self.key

    @property
    def target(self) -> ServiceName | None:
        """The Service before it; None where its host is not that of one.

        Routes lead to `<name>.<namespace>.svc`, with any domain after it; net-istio itself asks for
        three parts, whatever the third is.
        """
        parts = self.service.removesuffix(".").split(".")
        return ServiceName(parts[0], parts[1]) if len(parts) > 2 and parts[2] == "svc" else None


@dataclass(frozen=True)
class IstioConfig:
    """The Gateways by which Knative Services are reached from outside and from inside."""

    external: tuple[KnativeGateway, ...]
    local: tuple[KnativeGateway, ...]

    def of(self, kind: str) -> tuple[KnativeGateway, ...]:
        """Return those of a kind, by its newer key."""
        return self.local if kind == LOCAL_KEY else self.external


@dataclass(frozen=True)
class RefusedConfig:
    """config-istio is one that net-istio refuses: what is at `key`, and what is needed."""

    key: str
    found: str
    needed: str


def is_gateways_key(key: str) -> bool:
    """Tell the entries about Gateways from others, such as an example."""
    return key in _DEFAULTS or key.startswith(tuple(_OLDER.values()))


def config_istio(data: Any) -> IstioConfig | RefusedConfig | None:
    """Return what net-istio makes of the data of config-istio; None where it is not known."""
    if data is UNKNOWN or has_unknown(mapping(data)):
        return None
    if any("&" in text(mapping(data).get(kind)) for kind in _DEFAULTS):
        # What refers to itself in YAML may be endless, or nearly so.
        return None
    entries = {key: value for key, value in mapping(data).items() if isinstance(key, str)}
    for key, value in entries.items():
        if is_gateways_key(key) and not isinstance(value, str):
            return RefusedConfig(key, show(value), "a text")
    newer = [key for key in _DEFAULTS if text(entries.get(key))]
    older = [key for key in entries if key.startswith(tuple(_OLDER.values()))]
    if newer and older:
        found = f"{newer[0]} beside the older key {min(older)}"
        return RefusedConfig(newer[0], found, "only the older keys, or only the newer ones")
    read: dict[str, tuple[KnativeGateway, ...]] = {}
    for kind in _DEFAULTS:
        gateways = _newer(kind, entries) if newer else _older(kind, entries)
        if isinstance(gateways, RefusedConfig):
            return gateways
        for gateway in gateways:
            if (wrong := _wrong(gateway)) is not None:
                return RefusedConfig(gateway.key, *wrong)
        read[kind] = gateways
    return IstioConfig(read[EXTERNAL_KEY], read[LOCAL_KEY])


def older_key(kind: str, gateway: KnativeGateway) -> str:
    """Return the older key for a Gateway of a kind."""
    return f"{_OLDER[kind]}{gateway.namespace}.{gateway.name}"


def _default(kind: str) -> tuple[KnativeGateway, ...]:
    gateway, service = _DEFAULTS[kind]
    host = ServiceName(service, DEFAULT_MESH_NAMESPACE).host
    return (KnativeGateway(SERVING_NAMESPACE, gateway, host),)


DEFAULTS: Final = IstioConfig(_default(EXTERNAL_KEY), _default(LOCAL_KEY))
"""What net-istio takes where config-istio says nothing."""


def _older(kind: str, entries: Mapping[str, Any]) -> tuple[KnativeGateway, ...]:
    prefix = _OLDER[kind]
    found = []
    for key in sorted(entries):
        if key.startswith(prefix) and key != prefix:
            first, dot, rest = key.removeprefix(prefix).partition(".")
            namespace, name = (first, rest) if dot else (SERVING_NAMESPACE, first)
            found.append(KnativeGateway(namespace, name, entries[key], key))
    return tuple(found) or _default(kind)


def _newer(kind: str, entries: Mapping[str, Any]) -> tuple[KnativeGateway, ...] | RefusedConfig:
    written = entries.get(kind)
    if not text(written):
        return _default(kind)
    listed = _listed(text(written))
    needed = "a list in YAML, each entry with name, namespace and service"
    if listed is None:
        return RefusedConfig(kind, show(written), needed)
    found = []
    for entry in listed:
        fields = {key.lower(): value for key, value in entry.items() if isinstance(key, str)}
        selector = fields.get("labelselector")
        namespace, name, service = (fields.get(field) or "" for field in _FIELDS)
        shaped = selector is None or isinstance(selector, Mapping)
        if not shaped or not all(isinstance(each, str) for each in (namespace, name, service)):
            return RefusedConfig(kind, show(entry), needed)
        found.append(KnativeGateway(namespace, name, service, kind, selector))
    if sum(gateway.selector is None for gateway in found) != 1:
        shown = ", ".join(
            f"{each.namespace}/{each.name}" for each in found if each.selector is None
        )
        return RefusedConfig(
            kind,
            f"{shown} without a labelSelector" if shown else "no entry without a labelSelector",
            "exactly one entry without, for the Knative Services that no selector selects",
        )
    return tuple(found)


def _listed(written: str) -> list[Mapping[str, Any]] | None:
    """Return the entries of a list in YAML; None where it is none."""
    if max(written.count("["), written.count("{")) > _DEEPEST:
        return None
    try:
        found = yaml.safe_load(written)
    except (yaml.YAMLError, ValueError, RecursionError):
        return None
    entries = items(found)
    mappings = [entry for entry in entries if isinstance(entry, Mapping)]
    wrong = (found is not None and not isinstance(found, list)) or len(mappings) < len(entries)
    return None if wrong else mappings


def _wrong(gateway: KnativeGateway) -> tuple[str, str] | None:
    """Return what net-istio refuses in a Gateway, and what is needed."""
    needed = "a Service's host, <name>.<namespace>.svc.cluster.local"
    for field in _FIELDS:
        if not getattr(gateway, field):
            return f"no {field}", needed if field == "service" else f"the Gateway's {field}"
    if not is_subdomain(gateway.service.removesuffix(".")):
        return show(gateway.service), needed
    return None
