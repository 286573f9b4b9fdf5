"""What the Service Mesh operator makes of a ServiceMeshControlPlane, as pure functions.

Only the fields that the documentation sets are read; each decides about traffic here as it does
in a cluster.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

Manifest = dict[str, Any]

GATEWAY: Final = "istio-ingressgateway"
GATEWAY_PORTS: Final = {"status-port": (15021, 15021), "http2": (80, 8080), "https": (443, 8443)}
"""The gateway's Service: each port's name, number and the gateway's own port behind it."""
_DEFAULT_LABELS: Final = {"app": GATEWAY, "istio": "ingressgateway"}
MEMBER_OF: Final = "maistra.io/member-of"
"""The label by which the operator marks a namespace as a member of a mesh."""
INJECT: Final = "sidecar.istio.io/inject"


@dataclass(frozen=True)
class ControlPlane:
    """What a mesh looks like: the outcome of one ServiceMeshControlPlane.

    `mesh_config` is Istio's MeshConfig, without addresses. `excluded_ports` are the inbound ports
    of a member's pod that pass the sidecar by.
    """

    namespace: str
    revision: str
    mesh_config: Manifest
    mutual_tls: bool
    gateway_labels: Mapping[str, str]
    gateway_service_type: str
    excluded_ports: frozenset[int]

    @classmethod
    def of(cls, custom_resource: Manifest) -> "ControlPlane":
        """Read a ServiceMeshControlPlane; a field that is not set has the operator's default."""
        spec = custom_resource["spec"]
        metadata = custom_resource["metadata"]
        namespace = metadata["namespace"]
        service = _get(spec, "gateways", "ingress", "service") or {}
        given = _get(spec, "techPreview", "meshConfig") or {}
        excluded = _get(spec, "proxy", "networking", "trafficControl", "inbound", "excludedPorts")
        return cls(
            namespace=namespace,
            revision=metadata["name"],
            mesh_config={
                **given,
                "rootNamespace": namespace,
                "discoverySelectors": [
                    {"matchLabels": {MEMBER_OF: namespace}},
                    {"matchLabels": {"kubernetes.io/metadata.name": namespace}},
                ],
            },
            mutual_tls=bool(_get(spec, "security", "dataPlane", "mtls")),
            gateway_labels=_DEFAULT_LABELS | (_get(service, "metadata", "labels") or {}),
            gateway_service_type=service.get("type", "ClusterIP"),
            excluded_ports=frozenset(excluded or ()),
        )

    @property
    def proxy_config(self) -> Manifest:
        """Istio's ProxyConfig that every proxy of the mesh starts with."""
        return dict(self.mesh_config.get("defaultConfig") or {})

    @property
    def values(self) -> Manifest:
        """The values of Istio's charts; members' pods are injected into only when they ask."""
        excluded = ",".join(map(str, sorted(self.excluded_ports)))
        return {
            "meshConfig": self.mesh_config,
            "global": {"proxy": {"autoInject": "disabled", "excludeInboundPorts": excluded}},
        }

    @property
    def gateway_account(self) -> str:
        """The service account of the ingress gateway."""
        return f"{GATEWAY}-service-account"

    def objects(self) -> Iterable[Manifest]:
        """Give the objects that the operator makes: mTLS policy and all of the gateway."""
        yield {
            "apiVersion": "security.istio.io/v1",
            "kind": "PeerAuthentication",
            "metadata": self._metadata("default"),
            "spec": {"mtls": {"mode": "STRICT" if self.mutual_tls else "PERMISSIVE"}},
        }
        yield {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": self._metadata(GATEWAY) | {"labels": dict(self.gateway_labels)},
            "spec": {
                "type": self.gateway_service_type,
                "selector": dict(self.gateway_labels),
                "ports": [
                    {"name": name, "port": port, "targetPort": target}
                    for name, (port, target) in GATEWAY_PORTS.items()
                ],
            },
        }
        yield {
            "apiVersion": "v1",
            "kind": "ServiceAccount",
            "metadata": self._metadata(self.gateway_account),
        }
        # Without it istiod withholds the wildcard certificate from the gateway.
        name = f"{GATEWAY}-sds"
        yield {
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": "Role",
            "metadata": self._metadata(name),
            "rules": [
                {"apiGroups": [""], "resources": ["secrets"], "verbs": ["get", "watch", "list"]}
            ],
        }
        yield {
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": "RoleBinding",
            "metadata": self._metadata(name),
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": name},
            "subjects": [{"kind": "ServiceAccount", "name": self.gateway_account}],
        }
        yield self._gateway()

    def _gateway(self) -> Manifest:
        """Give the gateway's Deployment; a change of what its proxy starts with rolls it out."""
        start = json.dumps(self.proxy_config, sort_keys=True)
        own = {"maistra-control-plane": self.namespace}
        return {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": self._metadata(GATEWAY),
            "spec": {
                "replicas": 1,
                "selector": {"matchLabels": own},
                "template": {
                    "metadata": {
                        "labels": {**self.gateway_labels, **own, INJECT: "true"},
                        "annotations": {
                            "inject.istio.io/templates": "gateway",
                            "local-mesh/starts-with": hashlib.sha256(start.encode()).hexdigest(),
                        },
                    },
                    "spec": {
                        "serviceAccountName": self.gateway_account,
                        "containers": [{"name": "istio-proxy", "image": "auto"}],
                    },
                },
            },
        }

    def _metadata(self, name: str) -> Manifest:
        return {"name": name, "namespace": self.namespace}


def members(rolls: Iterable[Manifest], single: Iterable[Manifest], namespace: str) -> set[str]:
    """Return the namespaces of the mesh in `namespace`: by member roll, or one by one."""
    return {
        member
        for roll in rolls
        if roll["metadata"]["namespace"] == namespace
        for member in roll["spec"].get("members") or ()
    } | {
        member["metadata"]["namespace"]
        for member in single
        if _get(member, "spec", "controlPlaneRef", "namespace") == namespace
    }


def _get(value: Any, *path: str) -> Any:
    for key in path:
        value = (value or {}).get(key)
    return value


def webhooks(charts: Iterable[Manifest], namespace: str) -> Iterable[Manifest]:
    """Let the webhooks of Istio's charts select the members' pods, and the mesh's own gateways."""
    for manifest in charts:
        if manifest["kind"] != "MutatingWebhookConfiguration":
            yield manifest
            continue
        first = manifest["webhooks"][0]
        unless = {"key": INJECT, "operator": "NotIn", "values": ["false"]}
        yield {
            **manifest,
            "webhooks": [
                {
                    **first,
                    "name": "members.sidecar-injector.istio.io",
                    "namespaceSelector": {"matchLabels": {MEMBER_OF: namespace}},
                    "objectSelector": {"matchExpressions": [unless]},
                },
                {
                    **first,
                    "name": "gateways.sidecar-injector.istio.io",
                    "namespaceSelector": {
                        "matchLabels": {"kubernetes.io/metadata.name": namespace}
                    },
                    "objectSelector": {"matchLabels": {INJECT: "true"}},
                },
            ],
        }
