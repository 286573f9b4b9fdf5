"""The ingress gateway: a Deployment into which Istio injects a proxy, and its Service.

Documentation: "Integrating Service Mesh 3.x with OpenShift Serverless", the gateway. Beyond it, the
gateway has an account of its own, so that no other pod of its namespace reads the certificate, and
the label by which net-istio finds its Service and waits until a route is there.
"""

from collections.abc import Iterator
from typing import Any

import pulumi

from components.resources import Manifest, child_options, declare
from mesh_policy.documented.kinds import (
    DEPLOYMENT,
    DISRUPTION_BUDGET,
    ROLE,
    ROLE_BINDING,
    SERVICE,
    SERVICE_ACCOUNT,
    Kind,
    header,
)
from mesh_policy.documented.names import DEPLOYED_INGRESS, GATEWAY_TEMPLATE
from serverless_mesh.settings import ServiceMesh3

_SECRETS = "-secrets"
_EVERYBODYS = "default"
"""The account of pods that name none."""


def _about(section: ServiceMesh3, kind: Kind, suffix: str = "") -> Manifest:
    metadata: dict[str, Any] = {
        "name": DEPLOYED_INGRESS + suffix,
        "namespace": section.gateway_namespace,
    }
    return {**header(kind), "metadata": metadata}


def account(section: ServiceMesh3) -> Manifest:
    """Return the account of the gateway's pods."""
    return _about(section, SERVICE_ACCOUNT)


def role(section: ServiceMesh3) -> Manifest:
    """Return the right to read the secrets of the gateway's namespace.

    istiod serves a gateway only secrets that the gateway's account may list.
    """
    rule = {"apiGroups": [""], "resources": ["secrets"], "verbs": ["get", "watch", "list"]}
    return {**_about(section, ROLE, _SECRETS), "rules": [rule]}


def role_binding(section: ServiceMesh3) -> Manifest:
    """Return the binding of that right to the account."""
    return {
        **_about(section, ROLE_BINDING, _SECRETS),
        "roleRef": {
            "apiGroup": ROLE.group,
            "kind": ROLE.name,
            "name": DEPLOYED_INGRESS + _SECRETS,
        },
        "subjects": [
            {
                "kind": SERVICE_ACCOUNT.name,
                "name": section.gateway_account or DEPLOYED_INGRESS,
                "namespace": section.gateway_namespace,
            }
        ],
    }


def deployment(section: ServiceMesh3) -> Manifest:
    """Return the Deployment; its one container's image, arguments and ports come from Istio."""
    selector = dict(section.ingress.selector)
    account_name = section.gateway_account or DEPLOYED_INGRESS
    # Pods that name none have it: to name it would start the pods of an imported gateway anew.
    named = {} if account_name == _EVERYBODYS else {"serviceAccountName": account_name}
    return {
        **_about(section, DEPLOYMENT),
        "spec": {
            "replicas": section.gateway_replicas,
            "selector": {"matchLabels": selector},
            "template": {
                "metadata": {
                    "labels": {**selector, **section.injection.labels},
                    "annotations": {GATEWAY_TEMPLATE: "gateway"},
                },
                "spec": {**named, "containers": [{"name": "istio-proxy", "image": "auto"}]},
            },
        },
    }


def service(section: ServiceMesh3) -> Manifest:
    """Return the Service to which Knative's Routes lead, by the names of its ports.

    It carries the Gateways' selector as labels: net-istio probes the endpoints of the Service that
    does, before it calls a Knative Service ready.
    """
    manifest = _about(section, SERVICE)
    selector = dict(section.ingress.selector)
    return {
        **manifest,
        "metadata": {**manifest["metadata"], "labels": selector},
        "spec": {
            "type": "ClusterIP",
            "selector": selector,
            "ports": [
                {"name": "http2", "port": 80, "targetPort": 8080},
                {"name": "https", "port": 443, "targetPort": 8443},
            ],
        },
    }


def disruption_budget(section: ServiceMesh3) -> Manifest:
    """Return the budget by which a drained node leaves one pod of the gateway up."""
    return {
        **_about(section, DISRUPTION_BUDGET),
        "spec": {
            "minAvailable": 1,
            "selector": {"matchLabels": dict(section.ingress.selector)},
        },
    }


class IngressGateway(pulumi.ComponentResource):
    """The ingress gateway, available, with the right to serve certificates of its namespace."""

    def __init__(
        self, name: str, section: ServiceMesh3, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("serverlessmesh:ingress_gateway:IngressGateway", name, None, opts)
        child = child_options(self, opts)
        before = [
            declare(f"{DEPLOYED_INGRESS}-{part}", manifest, child)
            for part, manifest in _before(section)
        ]
        after = pulumi.ResourceOptions(depends_on=before)
        placed = pulumi.ResourceOptions.merge(child, after)
        made = declare(DEPLOYED_INGRESS, deployment(section), placed)
        after = pulumi.ResourceOptions(depends_on=[made])
        declare(
            f"{DEPLOYED_INGRESS}-service",
            service(section),
            pulumi.ResourceOptions.merge(child, after),
        )
        self.register_outputs({})


def _before(section: ServiceMesh3) -> Iterator[tuple[str, Manifest]]:
    if section.gateway_account is None:
        yield "account", account(section)
    yield "role", role(section)
    yield "role-binding", role_binding(section)
    if section.gateway_replicas > 1:
        yield "disruption-budget", disruption_budget(section)
