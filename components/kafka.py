"""KnativeKafka and the way to its brokers. "Installing and configuring Serverless", steps 5 and 7.

Two things of the documentation do not hold: its KnativeKafka has `sink` under `broker`, where
the resource's definition knows none, so that no sink would be installed; and its ServiceEntry uses
two port names twice, which Istio refuses. Here the sink is at `spec.sink`, and names are unique.
"""

from collections.abc import Mapping, Sequence
from itertools import chain
from typing import Any, Final

import pulumi

from components.knative import workloads
from components.resources import Manifest, child_options, declare, protected, ready
from mesh_policy.documented.kinds import KAFKA, SERVICE_ENTRY, header
from mesh_policy.documented.names import (
    EVENTING_NAMESPACE,
    KAFKA_CONTROLLER,
    KAFKA_NAME,
    KAFKA_PORT,
    KAFKA_PORTS,
    KAFKA_WORKLOADS,
    kafka_port_name,
)
from mesh_policy.reading.kafka_servers import Server
from serverless_mesh.injection import Injection
from serverless_mesh.settings import Kafka, Lifecycle

WITH_SIDECAR: Final = (KAFKA_CONTROLLER, *chain.from_iterable(KAFKA_WORKLOADS.values()))
_NOBODY: Final = "kafka-addresses.invalid"


def bootstrap_servers(section: Kafka) -> str:
    """Return the servers as Kafka's clients take them, each with a port."""
    return ",".join(
        str(server if server.port else server._replace(port=KAFKA_PORT))
        for server in section.bootstrap_servers
    )


def kafka(section: Kafka, injection: Injection) -> Manifest:
    """Return the manifest of KnativeKafka with the chosen features."""
    brokers, features = bootstrap_servers(section), section.features
    spec: dict[str, Any] = {name: {"enabled": name in features} for name in ("channel", "source")}
    spec["broker"] = {"enabled": "broker" in features}
    spec["sink"] = {"enabled": "sink" in features}
    if "channel" in features:
        spec["channel"]["bootstrapServers"] = brokers
    if "broker" in features:
        spec["broker"]["defaultConfig"] = {
            "bootstrapServers": brokers,
            "numPartitions": section.partitions,
            "replicationFactor": section.replication_factor,
        }
    return {
        **header(KAFKA),
        "metadata": {"name": KAFKA_NAME, "namespace": EVENTING_NAMESPACE},
        "spec": {**spec, "workloads": workloads(WITH_SIDECAR, injection)},
    }


def service_entries(section: Kafka) -> list[Manifest]:
    """Return the ServiceEntries through which the mesh lets Eventing reach the brokers.

    Names and addresses have one each: what has addresses is reached by those alone.
    """
    named = [server for server in section.bootstrap_servers if isinstance(server.host, str)]
    numbered = [server for server in section.bootstrap_servers if not isinstance(server.host, str)]
    entries = []
    if named:
        hosts = [str(server.host) for server in named]
        entries.append(_entry("kafka-cluster", {"hosts": list(dict.fromkeys(hosts))}, named))
    if numbered:
        addresses = [str(server.host) for server in numbered]
        # A host must be a name; nobody asks for this one.
        reached = {"hosts": [_NOBODY], "addresses": list(dict.fromkeys(addresses))}
        entries.append(_entry("kafka-addresses", reached, numbered))
    return entries


def _entry(name: str, reached: Mapping[str, list[str]], brokers: Sequence[Server]) -> Manifest:
    ports = {server.port: "" for server in brokers if server.port}
    if not all(server.port for server in brokers):
        ports |= KAFKA_PORTS
    return {
        **header(SERVICE_ENTRY),
        "metadata": {"name": name, "namespace": EVENTING_NAMESPACE},
        "spec": {
            **reached,
            "exportTo": ["."],
            "ports": [
                {"number": port, "name": kafka_port_name(port), "protocol": "TCP"}
                for port in sorted(ports)
            ],
            "location": "MESH_EXTERNAL",
            "resolution": "NONE",
        },
    }


class KnativeKafka(pulumi.ComponentResource):
    """Knative's Kafka components inside the mesh, ready, with a way out to the brokers."""

    def __init__(
        self,
        name: str,
        section: Kafka,
        injection: Injection,
        lifecycle: Lifecycle,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("serverlessmesh:kafka:KnativeKafka", name, None, opts)
        entries = [
            declare(entry["metadata"]["name"], entry, child_options(self, opts))
            for entry in service_entries(section)
        ]
        manifest = ready(kafka(section, injection), lifecycle.ready_timeout_seconds)
        child = pulumi.ResourceOptions.merge(
            child_options(self, opts), pulumi.ResourceOptions(depends_on=entries)
        )
        declare(KAFKA_NAME, manifest, protected(child, lifecycle.protect))
        self.register_outputs({})
