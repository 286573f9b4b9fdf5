"""The operators, installed by the Operator Lifecycle Manager, on demand.

The documentation has them installed beforehand ("Integrating Service Mesh with OpenShift
Serverless", prerequisites).
"""

import json
from typing import Final

import pulumi

from components.resources import Manifest, child_options, declare, register, retained
from settings import Settings

SERVERLESS_NAMESPACE: Final = "openshift-serverless"
MESH_NAMESPACE: Final = "openshift-operators"
"""Has a group of all namespaces already, on every OpenShift cluster."""
OPERATOR_GROUP: Final = "serverless-operators"
PACKAGES: Final = {
    "serverless-operator": SERVERLESS_NAMESPACE,
    "servicemeshoperator": MESH_NAMESPACE,
}
"""The operators' packages, each with the namespace of its subscription, which has its name."""
_INSTALLED: Final = ("jsonpath={.status.installedCSV}", "jsonpath={.status.state}=AtLatestKnown")


def operator_group() -> Manifest:
    """Return the group by which the Serverless operator watches all namespaces."""
    return {
        "apiVersion": "operators.coreos.com/v1",
        "kind": "OperatorGroup",
        "metadata": {"name": OPERATOR_GROUP, "namespace": SERVERLESS_NAMESPACE},
        "spec": {},
    }


def subscription(settings: Settings, package: str, channel: str) -> Manifest:
    """Return the subscription to an operator, which waits until it is installed."""
    return {
        "apiVersion": "operators.coreos.com/v1alpha1",
        "kind": "Subscription",
        "metadata": {
            "name": package,
            "namespace": PACKAGES[package],
            "annotations": {
                "pulumi.com/waitFor": json.dumps(_INSTALLED),
                "pulumi.com/timeoutSeconds": str(settings.ready_timeout_seconds),
            },
        },
        "spec": {
            "name": package,
            "channel": channel,
            "source": settings.catalog_source,
            "sourceNamespace": "openshift-marketplace",
            "installPlanApproval": settings.install_plan_approval,
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
        settings: Settings,
        adopting: pulumi.ProviderResource,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("serverlessmesh:operators:Operators", name, None, opts)
        child = child_options(self, opts)
        adopted = pulumi.ResourceOptions.merge(
            retained(child), pulumi.ResourceOptions(provider=adopting)
        )
        group = register(OPERATOR_GROUP, operator_group(), adopted)
        child = retained(child, settings.protect)
        grouped = pulumi.ResourceOptions.merge(child, pulumi.ResourceOptions(depends_on=[group]))
        serverless = subscription(settings, "serverless-operator", settings.serverless_channel)
        mesh = subscription(settings, "servicemeshoperator", settings.mesh_channel)
        declare("serverless-operator", serverless, grouped)
        declare("servicemeshoperator", mesh, child)
        self.register_outputs({})
