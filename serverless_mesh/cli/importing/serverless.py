"""The settings nearest to what is of Serverless, whatever the mesh is."""

import json

from mesh_policy.documented.kinds import (
    DOMAIN_MAPPING,
    EVENTING,
    INGRESS_CONFIG,
    KAFKA,
    KNATIVE_SERVICE,
    SERVICE_ENTRY,
)
from mesh_policy.documented.names import (
    EVENTING_NAMESPACE,
    INGRESS_GATEWAY,
    KAFKA_PORT,
    KAFKA_PORTS,
    METRICS_BACKEND,
    NET_ISTIO,
    SECRET_FILTER,
    kafka_port_name,
)
from mesh_policy.reading.kafka_servers import Server, parse
from mesh_policy.reading.knative import config_map
from mesh_policy.reading.objects import Object
from mesh_policy.reading.values import at, items, mapping, number, text
from mesh_policy.world import World, knative_gateway
from serverless_mesh.cli.importing.draft import Draft

_FEATURES = ("channel", "source", "broker", "sink")


def put_certificate(draft: Draft, world: World) -> None:
    """Add the certificate: the secret that the Gateway serves, as it is."""
    gateway = knative_gateway(world, INGRESS_GATEWAY)
    secrets = [
        text(at(server, "tls", "credentialName"))
        for server in (items(gateway.get("spec", "servers")) if gateway else ())
    ]
    draft.put(("certificate", "from"), "secret", source="the certificate")
    if secrets and secrets[0] and secrets[0] != "wildcard-certs":
        draft.put(("certificate", "secret"), secrets[0], source=f"Gateway {INGRESS_GATEWAY}")
    draft.note(
        "certificate",
        "The secret that is there is served as it is and never enters the stack's state. A "
        "certificate that was made elsewhere can't be renewed here: with `from: authority` or "
        "`from: cert-manager` the stack makes one of its own, once you have deleted the secret.",
    )


def put_domain(draft: Draft, world: World, serving: Object) -> None:
    """Add the domains and how hosts are named."""
    domains = [
        key for key, value in mapping(config_map(serving, "domain")).items() if not text(value)
    ]
    if len(domains) == 1:
        draft.put(("knative", "defaultDomain"), domains[0], source="config.domain")
    elif domains:
        draft.note("knative", f"config.domain has {', '.join(domains)}; a setting takes one.")
    elif world.get(INGRESS_CONFIG, "", "cluster") is None:
        draft.note("", "the cluster does not say which its applications' domain is: set appsDomain")
    template = at(config_map(serving, "network"), "domain-template")
    draft.put(("knative", "domainTemplate"), template, source="config.network")


def put_knative(draft: Draft, world: World, serving: Object) -> None:
    """Add what Serving and Eventing are told."""
    if not world.objects(EVENTING):
        draft.put(("knative", "eventing"), False, source="KnativeEventing")
    observability = mapping(config_map(serving, "observability"))
    if observability.get(METRICS_BACKEND) == "prometheus":
        draft.put(("knative", "metrics"), True, source="config.observability")
    for workload in (
        *items(serving.get("spec", "workloads")),
        *items(serving.get("spec", "deployments")),
    ):
        variables = [each for env in items(at(workload, "env")) for each in _variables(env)]
        if at(workload, "name") == NET_ISTIO and (SECRET_FILTER, "false") in variables:
            draft.put(("knative", "secretFiltering"), False, source=NET_ISTIO)


def _variables(env: object) -> list[tuple[str, str]]:
    return [(text(at(each, "name")), text(at(each, "value"))) for each in items(at(env, "envVars"))]


def put_kafka(draft: Draft, world: World) -> None:
    """Add Kafka, where it is."""
    for kafka in world.objects(KAFKA, EVENTING_NAMESPACE):
        features = [name for name in _FEATURES if kafka.get("spec", name, "enabled") is True]
        if kafka.get("spec", "broker", "sink", "enabled") is True:
            features.append("sink")
        config = mapping(kafka.get("spec", "broker", "defaultConfig"))
        written = text(config.get("bootstrapServers")) or text(
            kafka.get("spec", "channel", "bootstrapServers")
        )
        servers = [parse(each.strip()) for each in written.split(",") if each.strip()]
        known = [_shortest(each, world) for each in servers if each is not None]
        section: dict[str, object] = {"bootstrapServers": [str(each) for each in known]}
        if list(dict.fromkeys(features)) != list(_FEATURES):
            section["features"] = list(dict.fromkeys(features))
        for key, name, default in (
            ("partitions", "numPartitions", 10),
            ("replicationFactor", "replicationFactor", 3),
        ):
            if config.get(name) not in (None, default):
                section[key] = config[name]
        draft.put(("kafka",), section, source=f"KnativeKafka {kafka.ref.name}")
        _note_port_names(draft, world)
        return


def _note_port_names(draft: Draft, world: World) -> None:
    """Say how to rename the ports first, of which a preview would see each twice otherwise."""
    entry = world.get(SERVICE_ENTRY, EVENTING_NAMESPACE, "kafka-cluster")
    ports = [mapping(port) for port in (items(entry.get("spec", "ports")) if entry else ())]
    numbers = [number(port.get("number")) for port in ports]
    names = {each: kafka_port_name(each) for each in numbers if each is not None}
    if all(port.get("name") == names.get(number(port.get("number")) or 0) for port in ports):
        return
    wanted = [{"number": each, "name": name, "protocol": "TCP"} for each, name in names.items()]
    change = json.dumps([{"op": "replace", "path": "/spec/ports", "value": wanted}])
    draft.note(
        "kafka",
        "Before the import, give the ports of the ServiceEntry the names that the stack gives "
        "them: the API server tells ports apart by their names and would see each twice. For "
        "traffic the names mean nothing, since each port has its protocol:\n  "
        f"kubectl patch serviceentry kafka-cluster -n {EVENTING_NAMESPACE} --type=json -p "
        f"'{change}'",
    )


def _shortest(server: Server, world: World) -> Server:
    """Leave the port out, where the documented ones are open to the host, as without a port."""
    for entry in world.objects(SERVICE_ENTRY, EVENTING_NAMESPACE):
        ports = {number(at(port, "number")) for port in items(entry.get("spec", "ports"))}
        if server.port == KAFKA_PORT and str(server.host) in items(entry.get("spec", "hosts")):
            return server._replace(port=None) if KAFKA_PORTS.keys() <= ports else server
    return server


def put_domain_mappings(draft: Draft, world: World) -> None:
    """Add the mapped hosts that settings can say."""
    for item in world.objects(DOMAIN_MAPPING):
        reference = mapping(item.get("spec", "ref"))
        place = f"DomainMapping {item.ref.namespace}/{item.ref.name}"
        group, _, _ = text(reference.get("apiVersion")).partition("/")
        if (group, reference.get("kind")) != KNATIVE_SERVICE:
            draft.note("domainMappings", f"{place} leads to no Knative Service, and is left out.")
            continue
        mapped = {
            "host": item.ref.name,
            "project": item.ref.namespace,
            "service": reference.get("name"),
        }
        if secret := text(item.get("spec", "tls", "secretName")):
            mapped["secret"] = secret
        wanted = [*draft.settings.get("domainMappings", []), mapped]
        draft.put(("domainMappings",), wanted, source=place)
