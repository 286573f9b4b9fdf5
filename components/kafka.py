"""KnativeKafka and the way to its brokers. "Installing and configuring Serverless", steps 5 and 7.

Two things of that page do not hold: its KnativeKafka has `sink` under `broker`, where
the resource's definition knows none, so that no sink would be installed; and its ServiceEntry uses
two port names twice, which Istio refuses. Here the sink is at `spec.sink`, and names are unique.
"""

from typing import Any, Final

import pulumi

from components.names import EVENTING_NAMESPACE
from components.resources import Manifest, child_options, declare, protected, ready
from components.sidecars import workloads
from settings import Settings

WITH_SIDECAR: Final = (
    "kafka-controller",
    "kafka-broker-receiver",
    "kafka-broker-dispatcher",
    "kafka-channel-receiver",
    "kafka-channel-dispatcher",
    "kafka-source-dispatcher",
    "kafka-sink-receiver",
)
PORTS: Final = {
    9092: "tcp-plain",
    9093: "tcp-tls",
    9094: "tcp-sasl-tls",
    9095: "tcp-sasl-tls-9095",
    9096: "tcp-tls-9096",
}
"""The documented ports, which are open to a server that is given without one."""
_DEFAULT_PORT: Final = 9092


def bootstrap_servers(settings: Settings) -> str:
    """Return the servers as Kafka's clients take them, each with a port."""
    return ",".join(
        server if ":" in server else f"{server}:{_DEFAULT_PORT}"
        for server in settings.kafka_bootstrap_servers
    )


def kafka(settings: Settings) -> Manifest:
    """Return the manifest of KnativeKafka with the chosen features."""
    servers, features = bootstrap_servers(settings), settings.kafka_features
    spec: dict[str, Any] = {name: {"enabled": name in features} for name in ("channel", "source")}
    spec["broker"] = {"enabled": "broker" in features}
    spec["sink"] = {"enabled": "sink" in features}
    if "channel" in features:
        spec["channel"]["bootstrapServers"] = servers
    if "broker" in features:
        spec["broker"]["defaultConfig"] = {
            "bootstrapServers": servers,
            "numPartitions": settings.kafka_partitions,
            "replicationFactor": settings.kafka_replication_factor,
        }
    return {
        "apiVersion": "operator.serverless.openshift.io/v1alpha1",
        "kind": "KnativeKafka",
        "metadata": {"name": "knative-kafka", "namespace": EVENTING_NAMESPACE},
        "spec": {**spec, "workloads": workloads(WITH_SIDECAR)},
    }


def service_entry(settings: Settings) -> Manifest:
    """Return the ServiceEntry through which the mesh lets Eventing reach the brokers."""
    servers = [server.partition(":") for server in settings.kafka_bootstrap_servers]
    ports = {int(port): "" for _, _, port in servers if port}
    if not all(port for _, _, port in servers):
        ports |= PORTS
    return {
        "apiVersion": "networking.istio.io/v1alpha3",
        "kind": "ServiceEntry",
        "metadata": {"name": "kafka-cluster", "namespace": EVENTING_NAMESPACE},
        "spec": {
            "hosts": list(dict.fromkeys(host for host, _, _ in servers)),
            "exportTo": ["."],
            "ports": [
                {"number": port, "name": PORTS.get(port, f"tcp-{port}"), "protocol": "TCP"}
                for port in sorted(ports)
            ],
            "location": "MESH_EXTERNAL",
            "resolution": "NONE",
        },
    }


class KnativeKafka(pulumi.ComponentResource):
    """Knative's Kafka components inside the mesh, ready, with a way out to the brokers."""

    def __init__(
        self, name: str, settings: Settings, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("serverlessmesh:kafka:KnativeKafka", name, None, opts)
        entry = declare("kafka-cluster", service_entry(settings), child_options(self, opts))
        manifest = ready(kafka(settings), settings.ready_timeout_seconds)
        child = pulumi.ResourceOptions.merge(
            child_options(self, opts), pulumi.ResourceOptions(depends_on=[entry])
        )
        declare("knative-kafka", manifest, protected(child, settings.protect))
        self.register_outputs({})
