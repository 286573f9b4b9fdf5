"""The operators, installed by the Operator Lifecycle Manager, on demand.

The documentation has them installed beforehand ("Integrating Service Mesh with OpenShift
Serverless", prerequisites).
"""

import json
from typing import Final

import pulumi

from components.resources import Manifest, child_options, declare, register, retained
from mesh_policy.documented.kinds import OPERATOR_GROUP, SUBSCRIPTION, header
from mesh_policy.documented.names import (
    SERVERLESS_GROUP,
    SERVERLESS_NAMESPACE,
    SERVERLESS_PACKAGE,
)
from mesh_policy.documented.variants import Variant
from serverless_mesh import settings
from serverless_mesh.settings import Lifecycle

_INSTALLED: Final = ("jsonpath={.status.installedCSV}", "jsonpath={.status.state}=AtLatestKnown")


def operator_group() -> Manifest:
    """Return the group by which the Serverless operator watches all namespaces."""
    return {
        **header(OPERATOR_GROUP),
        "metadata": {"name": SERVERLESS_GROUP, "namespace": SERVERLESS_NAMESPACE},
        "spec": {},
    }


def subscription(
    section: settings.Operators, package: str, namespace: str, ready_timeout_seconds: int
) -> Manifest:
    """Return the subscription to an operator, which waits until it is installed."""
    serverless = package == SERVERLESS_PACKAGE
    return {
        **header(SUBSCRIPTION),
        "metadata": {
            "name": package,
            "namespace": namespace,
            "annotations": {
                "pulumi.com/waitFor": json.dumps(_INSTALLED),
                "pulumi.com/timeoutSeconds": str(ready_timeout_seconds),
            },
        },
        "spec": {
            "name": package,
            "channel": section.serverless_channel if serverless else section.mesh_channel,
            "source": section.catalog_source,
            "sourceNamespace": "openshift-marketplace",
            "installPlanApproval": section.approval,
        },
    }


class Operators(pulumi.ComponentResource):
    """The operators of Serverless and Service Mesh, installed.

    They stay when the stack lets go of their subscriptions, and so does the group, without which
    they would fail; it is made by the provider `adopting`.
    """

    def __init__(
        self,
        name: str,
        section: settings.Operators,
        variant: Variant,
        adopting: pulumi.ProviderResource,
        lifecycle: Lifecycle,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("serverlessmesh:operators:Operators", name, None, opts)
        child = child_options(self, opts)
        adopted = pulumi.ResourceOptions.merge(
            retained(child), pulumi.ResourceOptions(provider=adopting)
        )
        group = register(SERVERLESS_GROUP, operator_group(), adopted)
        child = retained(child, lifecycle.protect)
        grouped = pulumi.ResourceOptions.merge(child, pulumi.ResourceOptions(depends_on=[group]))
        for package, namespace in variant.subscriptions.items():
            manifest = subscription(section, package, namespace, lifecycle.ready_timeout_seconds)
            in_group = namespace == SERVERLESS_NAMESPACE
            declare(package, manifest, grouped if in_group else child)
        self.register_outputs({})
