"""With what TLS clients of a mesh call its Services."""

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

from mesh_policy.documented.kinds import DESTINATION_RULE, KNATIVE_SERVICE
from mesh_policy.documented.names import SERVICE_PORTS, SERVICES
from mesh_policy.mesh.mesh import Mesh
from mesh_policy.reading.ages import Ages
from mesh_policy.reading.cluster_hosts import CLUSTER_DOMAIN, ServiceName, service
from mesh_policy.reading.destination_rules import (
    ANYWHERE,
    Chosen,
    DestinationRules,
    Target,
    Tls,
    clients,
)
from mesh_policy.reading.knative_workloads import revision_names
from mesh_policy.reading.objects import Objects
from mesh_policy.reading.values import UNKNOWN, truth

MUTUAL: Final = "ISTIO_MUTUAL"
OPERATORS: Final = f"*.{CLUSTER_DOMAIN}"
"""Host of the DestinationRule that the operator of Service Mesh 2 makes where mTLS is on."""


@dataclass(frozen=True, eq=False)
class ClientTls:
    """The DestinationRules of a mesh, and what its clients call: Knative's own Services.

    `others` are further Services that take mTLS alone.
    """

    objects: Objects
    mesh: Mesh
    ages: Ages
    others: Sequence[Target] = ()
    elsewhere: Collection[str] = ()
    """The namespaces of other meshes: what is said there, clients of this one do not heed."""

    @cached_property
    def rules(self) -> DestinationRules:
        """The DestinationRules that the control plane reads."""
        found = [
            item
            for item in self.objects.objects(DESTINATION_RULE)
            if item.ref.namespace not in self.elsewhere
            and self.mesh.reads(item.ref.namespace) is not False
        ]
        exported = self.mesh.applied(self.mesh.variant.exported)
        return DestinationRules(found, self.mesh.root, exported, self.ages)

    @property
    def is_automatic(self) -> bool:
        """Whether clients use mTLS by themselves, where the other side has it."""
        return truth(self.mesh.applied(self.mesh.variant.auto_mtls)) is not False

    @property
    def default(self) -> Any:
        """The mode where no DestinationRule counts, as the operator of Service Mesh 2 makes one."""
        path = self.mesh.variant.mtls
        return MUTUAL if path and self.mesh.applied(path) in (True, UNKNOWN) else None

    @cached_property
    def targets(self) -> Mapping[str, Sequence[Target]]:
        """What is called, by namespace."""
        found: dict[str, list[Target]] = defaultdict(list)
        for namespace, names in SERVICES.items():
            for name, ports in names.items():
                found[namespace].append(_target(name, namespace, ports))
        for item in self.objects.objects(KNATIVE_SERVICE):
            namespace = item.ref.namespace
            for name in (*revision_names(item), item.ref.name):
                found[namespace].append(_target(name, namespace, SERVICE_PORTS))
        for target in self.others:
            found[target.namespace].append(target)
        return found

    def generally(self, target: Target) -> Tls:
        """Return what a client says whose namespace has no DestinationRules of its own."""
        chosen = self.rules.of(ANYWHERE, target)
        if chosen is None:
            return Tls(self.default, "")
        return chosen.tls(target.ports[0])

    def governed(self, chosen: Chosen) -> Iterator[Target]:
        """List the targets to which some client goes by a DestinationRule, one a namespace."""
        if "*" not in chosen.host:
            target = self._named(chosen.host)
            if target is not None and self._governs(chosen, target):
                yield target
            return
        for namespace, several in self.targets.items():
            if ServiceName("*", namespace).host.endswith(chosen.host[1:]):
                first = next((each for each in several if self._governs(chosen, each)), None)
                if first is not None:
                    yield first

    def _governs(self, chosen: Chosen, target: Target) -> bool:
        return any(
            self.rules.governs(chosen, client, target) for client in clients(chosen, self.mesh.root)
        )

    def _named(self, host: str) -> Target | None:
        """Return the target of a full host; that of a revision which is not here yet, too."""
        found = service(host)
        if found is None or host != found.host:
            return None
        name, namespace = found.name.removesuffix("-private"), found.namespace
        for known in (found.host, ServiceName(name, namespace).host):
            if known in self._by_host:
                return self._by_host[known]._replace(host=host)
        service_name, _, generation = name.rpartition("-")
        revision = generation.isdigit() and (KNATIVE_SERVICE, namespace, service_name)
        if revision and self.objects.get(*revision) is not None:
            return _target(found.name, namespace, SERVICE_PORTS)
        return None

    @cached_property
    def _by_host(self) -> Mapping[str, Target]:
        return {each.host: each for several in self.targets.values() for each in several}


def _target(name: str, namespace: str, ports: tuple[int, ...]) -> Target:
    return Target(ServiceName(name, namespace).host, namespace, ports)
