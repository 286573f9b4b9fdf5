"""With which certificates mapped domains are served: their own, or that of Knative's Gateways."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

from mesh_policy.documented.kinds import CERTIFICATE, SECRET, SERVING
from mesh_policy.documented.names import PASSTHROUGH
from mesh_policy.findings import Finding, Severity
from mesh_policy.mesh.gateway_secrets import all_served, served_names
from mesh_policy.mesh.knative_gateways import ingress_gateways
from mesh_policy.reading.cluster_hosts import is_cluster_local
from mesh_policy.reading.domain_mappings import gets_certificate, has_route, passes_through
from mesh_policy.reading.ingress_class import ISTIO_CLASS, chosen_or, default_class
from mesh_policy.reading.istio_credentials import served
from mesh_policy.reading.istio_gateways import Layer, Server, servers
from mesh_policy.reading.knative_domains import services_domain
from mesh_policy.reading.label_selectors import first
from mesh_policy.reading.objects import Object
from mesh_policy.reading.values import UNKNOWN, has_unknown, show, strings, text
from mesh_policy.reading.x509 import covers, names
from mesh_policy.world import World

_PATH: Final = "spec.tls.secretName"
_UNREACHED: Final = (
    "nothing, so that its Route leads to plain HTTP, which the gateway does not take"
)


def certified_names(world: World) -> list[str]:
    """Return the names that the gateway's certificate is for, and the wildcard that is expected."""
    domain = services_domain(world)
    own = [f"*.{domain}"] if text(domain) else []
    return list(dict.fromkeys([*own, *served_names(world, world.serverless_mesh)]))


def is_covered(host: str, patterns: Sequence[str]) -> bool:
    """Say whether one of a certificate's names covers a host."""
    return any(covers(pattern, host) for pattern in patterns)


@dataclass(frozen=True, eq=False)
class MappedDomains:
    """What a mapped domain meets, told once for all of them."""

    world: World

    @cached_property
    def _patterns(self) -> list[str]:
        return certified_names(self.world)

    @cached_property
    def _are_all(self) -> bool:
        """Whether the gateway's certificates are all here."""
        return self.world.complete or all_served(self.world, self.world.serverless_mesh)

    @cached_property
    def _requests(self) -> Mapping[tuple[str, Any], Object]:
        """What cert-manager is asked for, by namespace and secret."""
        found = self.world.objects(CERTIFICATE)
        return {(item.ref.namespace, text(item.get("spec", "secretName"))): item for item in found}

    @cached_property
    def _takes_plaintext(self) -> bool | None:
        """Whether Knative's ingress Gateways serve by plain HTTP; None: not known."""
        gateways = ingress_gateways(self.world)
        found = [server for gateway in gateways for server in servers(gateway)]
        known = [each for each in found if isinstance(each, Server)]
        if any(each.layer is Layer.HTTP and not each.redirects for each in known):
            return True
        return False if known and len(known) == len(found) else None

    def check(self, item: Object) -> Iterator[Finding]:
        """Check with which certificate a mapped domain is served."""
        name = item.get("spec", "tls", "secretName")
        if name is UNKNOWN:
            yield item.unknown(_PATH)
        elif is_cluster_local(item.ref.name):
            return
        elif text(name):
            yield from self._own(item, name)
        elif item.get("metadata", "annotations") is UNKNOWN:
            yield item.unknown("metadata.annotations")
        elif has_route(item):
            yield from self._none(item)

    def _own(self, item: Object, name: str) -> Iterator[Finding]:
        """Check the certificate that a DomainMapping brings."""
        host, namespace = item.ref.name, item.ref.namespace
        secret = self.world.get(SECRET, namespace, name)
        if secret is None:
            if request := self._requests.get((namespace, name)):
                yield from self._requested(item, name, request)
                return
            needed = f"the secret with the certificate for {host}, which {item.ref} names"
            yield from self.world.missing(SECRET, namespace, name, needed)
            return
        certificate = served(secret.body).certificate
        found = names(text(certificate))
        if certificate is UNKNOWN:
            yield secret.unknown("data.tls.crt")
        elif not is_covered(host, found):
            shown = f"{name}, for {first(found)}" if found else f"{name}, for no name"
            yield item.breaks(_PATH, shown, f"a certificate for {host}", (secret.ref,))

    def _requested(self, item: Object, name: str, request: Object) -> Iterator[Finding]:
        """Check the certificate that cert-manager has still to make."""
        host, asked = item.ref.name, request.get("spec", "dnsNames")
        if has_unknown(asked):
            yield request.unknown("spec.dnsNames")
        elif is_covered(host, strings(asked)):
            yield item.unsure(_PATH, f"{name}, which cert-manager has not made yet")
        else:
            yield request.breaks("spec.dnsNames", show(asked), f"{host} among them", (item.ref,))

    def _none(self, item: Object) -> Iterator[Finding]:
        """Check a DomainMapping that is left to Knative's Gateways and their certificate."""
        serving = next(iter(self.world.objects(SERVING)), None)
        if serving is None:
            if not self.world.complete:
                yield item.unsure(_PATH, "how it is served, KnativeServing tells, not here")
            return
        issued = gets_certificate(item, serving)
        if issued or chosen_or(default_class(serving), item) not in (ISTIO_CLASS, UNKNOWN):
            return
        if issued is None:
            yield item.unsure(_PATH, "nothing; whether Knative gets one for it is not known")
        elif passes_through(item):
            yield from self._of_the_gateway(item)
        else:
            yield from self._plaintext(item)

    def _of_the_gateway(self, item: Object) -> Iterator[Finding]:
        """Check a host that is served with the certificate of Knative's Gateways."""
        if is_covered(item.ref.name, self._patterns):
            return
        if self._patterns and self._are_all:
            found = f"nothing; the gateway's certificate is for {first(self._patterns)}"
            yield item.breaks(_PATH, found, f"a certificate for {item.ref.name}")
        else:
            yield item.unsure(_PATH, "nothing; for what the gateway's is, is not known")

    def _plaintext(self, item: Object) -> Iterator[Finding]:
        """Check a host whose TLS ends at the router, which calls the gateway by plain HTTP."""
        listens, needed = self._takes_plaintext, f"a certificate for {item.ref.name}"
        covered = is_covered(item.ref.name, self._patterns)
        if listens is None or (listens and not self._patterns):
            yield item.unsure(_PATH, "nothing; what its Route leads to is not known")
        elif listens and not covered:
            found = "nothing: the router answers with its own certificate, and plain HTTP works"
            yield item.breaks(_PATH, found, needed, severity=Severity.WARNING)
        elif not listens and covered:
            path = f"metadata.annotations.{PASSTHROUGH}"
            yield item.breaks(path, _UNREACHED, f'"true", or {needed} at {_PATH}')
        elif not listens:
            yield item.breaks(_PATH, _UNREACHED, needed)
