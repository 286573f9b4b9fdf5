"""The names of Knative Services, as Knative Serving makes them on OpenShift."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import yaml

from mesh_policy.documented.kinds import SERVING
from mesh_policy.documented.names import CLUSTER_LOCAL, DOMAIN_TEMPLATE, VISIBILITY
from mesh_policy.reading.cluster_hosts import SERVICE_DOMAIN, is_cluster_local
from mesh_policy.reading.domains import cluster_domain
from mesh_policy.reading.go_templates import rendered
from mesh_policy.reading.knative import config_map, config_path
from mesh_policy.reading.objects import Object, Objects
from mesh_policy.reading.values import UNKNOWN, at, has_unknown, items, mapping, text

LONGEST_LABEL: Final = 63
_KNATIVES_TEMPLATE: Final = "{{.Name}}.{{.Namespace}}.{{.Domain}}"
"""What Knative takes where nobody sets one, not even the Serverless operator."""
_TAG_TEMPLATE: Final = "{{.Tag}}-{{.Name}}"
_DOMAIN_KEYS: Final = ("domain-template", "domainTemplate")
_TAG_KEYS: Final = ("tag-template", "tagTemplate")
"""The newer key comes first."""
_LONGEST_SELECTOR: Final = 10_000


@dataclass(frozen=True)
class Naming:
    """How Knative Services are named: UNKNOWN and None are what is not known, and why.

    `domains` are the domains, each with the labels that a Knative Service must carry for it.
    """

    template: Any
    template_path: str
    tag_template: Any
    tag_path: str
    domains: Mapping[str, Mapping[str, str]] | None
    domain_path: str

    def domain(self, labels: Mapping[str, Any]) -> str | None:
        """Return the domain of a Knative Service with such labels; None where not known."""
        if self.domains is None:
            return None
        found = [
            (-len(selector), domain)
            for domain, selector in self.domains.items()
            if all(labels.get(key) == value for key, value in selector.items())
        ]
        return min(found)[1] if found else ""

    def host(self, service: "Named", tag: str = "", domain: str | None = None) -> str | None:
        """Return the host of a Knative Service, or of one of its tags; None where not known."""
        name: str | None = service.name
        if tag:
            own = {"Name": service.name, "Tag": tag}
            name = rendered(text(self.tag_template), own) if text(self.tag_template) else None
        domain = self.domain(service.labels) if domain is None else domain
        if name is None or domain is None or not text(self.template):
            return None
        values: dict[str, Any] = {
            "Name": name,
            "Namespace": service.namespace,
            "Domain": domain,
            "Labels": service.labels,
            "Annotations": service.annotations,
        }
        return rendered(self.template, values)


@dataclass(frozen=True)
class Named:
    """What a Knative Service's name is made of."""

    namespace: str
    name: str
    labels: Mapping[str, Any]
    annotations: Mapping[str, Any]

    @property
    def is_inside(self) -> bool:
        """Whether it is reached from inside the cluster only."""
        return self.labels.get(VISIBILITY) == CLUSTER_LOCAL


def named(item: Object) -> Named | None:
    """Return what a Knative Service's name is made of; None where that is not known."""
    about = item.get("metadata")
    labels, annotations = at(about, "labels"), at(about, "annotations")
    unknown = has_unknown((labels, annotations, at(about, "name"), at(about, "namespace")))
    if unknown:
        return None
    return Named(item.ref.namespace, item.ref.name, mapping(labels), mapping(annotations))


def tags(item: Object) -> list[tuple[str, Any]]:
    """List the tags of a Knative Service with their paths."""
    traffic = item.get("spec", "traffic")
    found = [(f"spec.traffic[{n}].tag", at(each, "tag")) for n, each in enumerate(items(traffic))]
    if traffic is UNKNOWN:
        return [("spec.traffic", UNKNOWN)]
    return [(path, tag) for path, tag in found if tag is not None]


def naming(objects: Objects, serving: Object) -> Naming:
    """Return how a KnativeServing names Knative Services, the operator's defaults included."""
    network = config_map(serving, "network")
    # The operator puts its own beside config-network, where nobody reads it.
    beside = "config-network" in mapping(serving.get("spec", "config"))
    default = _KNATIVES_TEMPLATE if beside else DOMAIN_TEMPLATE
    template, domain_key = _first(network, _DOMAIN_KEYS, default)
    tag, tag_key = _first(network, _TAG_KEYS, _TAG_TEMPLATE)
    return Naming(
        template,
        config_path(serving, "network", domain_key),
        tag,
        config_path(serving, "network", tag_key),
        _domains(objects, serving),
        config_path(serving, "domain"),
    )


def _first(network: Any, keys: tuple[str, ...], default: str) -> tuple[Any, str]:
    if network is UNKNOWN:
        return UNKNOWN, keys[0]
    key = next((key for key in keys if key in mapping(network)), None)
    return (default, keys[0]) if key is None else (at(network, key), key)


def services_domain(objects: Objects) -> Any:
    """Return the domain of Knative Services that no label leads elsewhere.

    None: it is not known, or they are reached from inside the cluster alone. Of a domain that only
    the update tells it is UNKNOWN.
    """
    serving = next(iter(objects.objects(SERVING)), None)
    data = config_map(serving, "domain") if serving else None
    if data is not UNKNOWN and not mapping(data):
        return cluster_domain(objects)
    domains = _domains(objects, serving) if serving else None
    if domains is None:
        return UNKNOWN
    (general,) = (domain for domain, selector in domains.items() if not selector)
    return None if is_cluster_local(general) else general


def _domains(objects: Objects, serving: Object) -> dict[str, Mapping[str, str]] | None:
    """Return the domains with their selectors; None where one is not known, or can't be read.

    Of several for all Knative takes the first by name.
    """
    data = config_map(serving, "domain")
    if data is UNKNOWN or has_unknown(data):
        return None
    found: dict[str, Mapping[str, str]] = {}
    general: list[str] = []
    for domain, written in mapping(data).items():
        if domain == "_example" or not isinstance(domain, str):
            continue
        selector = _selector(text(written))
        if selector is None:
            return None
        if selector:
            found[domain] = selector
        else:
            general.append(domain)
    if not mapping(data):
        # Only where nothing at all is set, the operator sets the cluster's domain.
        own = cluster_domain(objects)
        return {own: {}} if text(own) else None
    return {**found, min(general, default=SERVICE_DOMAIN): {}}


def _selector(written: str) -> Mapping[str, str] | None:
    """Return the labels that a domain's entry asks for; None where it can't be read."""
    if len(written) > _LONGEST_SELECTOR or any(mark in written for mark in "&*"):
        return None
    try:
        selector = at(yaml.safe_load(written), "selector")
    except (yaml.YAMLError, ValueError, RecursionError):
        return None
    pairs = mapping(selector)
    shaped = all(isinstance(key, str) and isinstance(pairs[key], str) for key in pairs)
    return pairs if shaped and (selector is None or pairs is selector) else None
