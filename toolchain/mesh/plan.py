"""What the Service Mesh operator makes of a ServiceMeshControlPlane, as pure functions.

Only the fields that the documentation sets are read; each decides about traffic here as it does
in a cluster.
"""

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


@dataclass(frozen=True)
class ControlPlane:
    """What a mesh looks like: the outcome of one ServiceMeshControlPlane.

    `mesh_config` is Istio's MeshConfig, without addresses. `excluded_ports` are the inbound ports
    of a member's pod that pass the sidecar by.
    """

    namespace: str
    mesh_config: Manifest
    mutual_tls: bool
    gateway_labels: Mapping[str, str]
    gateway_service_type: str
    excluded_ports: frozenset[int]

    @classmethod
    def of(cls, custom_resource: Manifest) -> "ControlPlane":
        """Read a ServiceMeshControlPlane; a field that is not set has the operator's default."""
        spec = custom_resource["spec"]
        namespace = custom_resource["metadata"]["namespace"]
        service = _get(spec, "gateways", "ingress", "service") or {}
        given = _get(spec, "techPreview", "meshConfig") or {}
        excluded = _get(spec, "proxy", "networking", "trafficControl", "inbound", "excludedPorts")
        return cls(
            namespace=namespace,
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
    def gateway_account(self) -> str:
        """The service account of the ingress gateway."""
        return f"{GATEWAY}-service-account"

    def objects(self) -> Iterable[Manifest]:
        """Give the objects that the operator makes: mTLS policy, the gateway's Service and RBAC."""
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
