"""The Services before the gateways that Knative uses, and what they have in common to check."""

from collections.abc import Iterator
from typing import Final

from mesh_policy.documented.kinds import SERVICE
from mesh_policy.documented.names import LOCAL_GATEWAY, LOCAL_PORT, NO_PORT_TRANSLATION
from mesh_policy.findings import Finding
from mesh_policy.mesh.knative_gateways import configs, local_gateways
from mesh_policy.mesh.listeners import listeners, makes_service, translation
from mesh_policy.mesh.mesh import Mesh
from mesh_policy.reading.cluster_hosts import ServiceName
from mesh_policy.reading.istio_gateways import target
from mesh_policy.reading.objects import Object
from mesh_policy.reading.values import UNKNOWN, at, has_unknown, items, number, show
from mesh_policy.world import World

_HTTP: Final = 80


def external_services(world: World) -> list[Object]:
    """Return the Services that are here before the Gateways of the outside."""
    return _services(world, [each.target for config in configs(world) for each in config.external])


def local_services(world: World, mesh: Mesh) -> list[Object]:
    """Return the Services that are here before those of the inside, and the documented one."""
    documented = ServiceName(LOCAL_GATEWAY, mesh.ingress.namespace)
    targets = [each.target for config in configs(world) for each in config.local]
    return _services(world, [documented, *targets])


def _services(world: World, targets: list[ServiceName | None]) -> list[Object]:
    named = dict.fromkeys(each for each in targets if each)
    found = (world.get(SERVICE, each.namespace, each.name) for each in named)
    return [item for item in found if item is not None]


def local_ports(world: World, local: Object, mesh: Mesh) -> Iterator[Finding]:
    """Check that a local Service leads to where the Gateways of the inside have it listen."""
    ports = local.get("spec", "ports")
    if has_unknown(ports):
        yield local.unknown("spec.ports")
        return
    translated = translation(world, mesh)
    found = [listeners(gateway, translated) for gateway in local_gateways(world)]
    if None in found:
        return
    wanted = {port for each in found if each for port in each}
    if not wanted and makes_service(mesh):
        wanted = {LOCAL_PORT}
    entries = [entry for entry in items(ports) if number(at(entry, "port")) == _HTTP]
    leads = [target(entry) for entry in entries]
    if entries and None in leads:
        yield local.unsure("spec.ports", "a targetPort by name, which the pods would have to tell")
    elif not entries or (wanted and wanted.isdisjoint(leads)):
        shown = " or ".join(map(str, sorted(wanted))) or "one that a Gateway has it listen on"
        needed = f"port {_HTTP} with targetPort {shown}"
        yield local.breaks("spec.ports", show(ports), needed)


def untranslated(local: Object) -> Iterator[Finding]:
    """Check that a local Service translates no ports of other Gateways."""
    labels = local.get("metadata", "labels")
    path = f"metadata.labels.{NO_PORT_TRANSLATION}"
    value = at(labels, NO_PORT_TRANSLATION)
    if value is UNKNOWN:
        yield local.unknown(path)
    elif value is None:
        yield local.breaks(path, show(value), '"true"')
