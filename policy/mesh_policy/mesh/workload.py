"""Gateway pods: what labels they carry, which selectors select them, which ports they have."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from mesh_policy.documented.kinds import SERVICE
from mesh_policy.reading.istio_gateways import translation
from mesh_policy.reading.label_selectors import Labels, labels
from mesh_policy.reading.objects import Object, Objects

CANONICAL_NAME: Final = "service.istio.io/canonical-name"
CANONICAL_REVISION: Final = "service.istio.io/canonical-revision"
_BY_INJECTION: Final = (
    *("istio.io/", "service.istio.io/", "security.istio.io/", "sidecar.istio.io/"),
    *("topology.istio.io/", "topology.kubernetes.io/", "kubernetes.io/", "pod-template-hash"),
)
"""How the labels begin that the injector, istiod and Kubernetes give to pods."""
_BY_CHARTS: Final = (
    *("app.kubernetes.io/", "helm.sh/", "gateway.istio.io/", "gateway.networking.k8s.io/"),
    *("operator.istio.io/", "install.operator.istio.io/", "networking.istio.io/", "maistra"),
    *("app", "chart", "heritage", "istio", "release", "version"),
)
"""How the labels begin that charts and operators give to a gateway's pods."""


@dataclass(frozen=True)
class Workload:
    """Gateway pods: where they run and what labels they carry (None: not known).

    `labels` are those that somebody gives them, as far as they are known; `derived` those that are
    made of these. More come from the injector and, where the Deployment is not `seen`, from a chart
    or an operator.
    """

    namespace: str
    labels: Labels | None
    derived: Labels = frozenset()
    seen: bool = False
    assumed_ports: tuple[tuple[int, int], ...] = ()
    """Where a Service leads that an operator makes and that is not here."""

    @property
    def carried(self) -> Labels:
        """All labels that the pods are known to carry."""
        return (self.labels or frozenset()) | self.derived

    def selected_by(self, selector: Labels) -> bool | None:
        """Say whether a selector selects the pods; None: it asks for labels that may come."""
        if self.labels is None:
            return None
        known = {key for key, _ in self.carried}
        more = [key for key, _ in selector - self.carried]
        if any(key in known or not self.may_carry(key) for key in more):
            return False
        return None if more else True

    def may_carry(self, key: str) -> bool:
        """Say whether pods may be given a label that they are not known to carry."""
        return key.startswith(_BY_INJECTION if self.seen else (*_BY_INJECTION, *_BY_CHARTS))


def canonical_labels(given: Labels | None, deployment: str) -> Labels:
    """Return the labels that the injector derives from a gateway's others."""
    found = dict(given or ())
    name = found.get("app.kubernetes.io/name") or found.get("app") or deployment
    revision = found.get("app.kubernetes.io/version") or found.get("version") or "latest"
    derived = {CANONICAL_NAME: name, CANONICAL_REVISION: revision}
    return frozenset((key, derived[key]) for key in derived.keys() - found.keys())


def services(objects: Objects, workload: Workload) -> Iterator[Object]:
    """List the Services that select a workload, as far as its labels are known."""
    for item in objects.objects(SERVICE, workload.namespace):
        selector = labels(item.get("spec", "selector"))
        if selector and selector <= workload.carried:
            yield item


def pod_ports(objects: Objects, workload: Workload) -> Mapping[int, int]:
    """Return on which ports of the pods the ports of Gateways are, where it is not the same."""
    return dict(workload.assumed_ports) | translation(services(objects, workload))
