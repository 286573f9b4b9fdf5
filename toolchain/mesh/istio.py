"""One revision of Istio out of its own charts: what they declare is applied, istiod runs here.

The config maps, the roles, the webhooks and istiod's environment are the charts' own. Only what
has no place on one machine is left out or replaced: the Deployment by a process, the Services in
the webhooks by its address.
"""

import subprocess
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, Final

import yaml

from toolchain.cluster import ClusterError
from toolchain.mesh import programs
from toolchain.mesh.istiod import Istiod
from toolchain.mesh.objects import Manifest, Objects
from toolchain.mesh.pod import environment

CHART: Final = "istio-control/istio-discovery"
DEFAULT: Final = "default"
"""The revision that injects where nothing names one; the charts know it as an empty name."""
WEBHOOKS: Final = "MutatingWebhookConfiguration"
_APPLIED: Final = {
    WEBHOOKS,
    "ClusterRole",
    "ClusterRoleBinding",
    "ConfigMap",
    "Role",
    "RoleBinding",
    "Service",
    "ServiceAccount",
}
_HERE: Final[Manifest] = {
    # Telemetry needs Istio's own Envoy.
    "telemetry": {"enabled": False},
}

KubeconfigFor = Callable[..., Path]
"""Makes a kubeconfig for a user and its groups."""


def render(
    namespace: str, revision: str, values: Mapping[str, Any], tags: Iterable[str] = ()
) -> list[Manifest]:
    """Render the chart of istiod with `values`; each of the tags gets its webhook.

    Raises:
        ClusterError: the chart refuses the values; the message says why.
    """
    complete = merged(
        values,
        {
            **_HERE,
            "revision": "" if revision == DEFAULT else revision,
            "revisionTags": sorted(tags),
            "global": {"istioNamespace": namespace, "platform": "openshift"},
        },
    )
    done = subprocess.run(
        [programs.CHARTS, CHART, namespace],
        input=yaml.safe_dump(complete),
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise ClusterError(f"Istio's chart refuses its values: {done.stderr.strip()}")
    return [item for item in yaml.load_all(done.stdout, yaml.CSafeLoader) if item]


def merged(below: Mapping[str, Any], above: Mapping[str, Any]) -> Manifest:
    """Return `below` with all that `above` has in it, mappings merged."""
    result = dict(below)
    for key, value in above.items():
        old = result.get(key)
        if isinstance(old, Mapping) and isinstance(value, Mapping):
            result[key] = merged(old, value)
        else:
            result[key] = value
    return result


class Istio:
    """A running revision: its objects in the cluster and its istiod on one loopback address."""

    def __init__(
        self,
        objects: Objects,
        kubeconfig_for: KubeconfigFor,
        *,
        namespace: str,
        revision: str,
        address: str,
        folder: Path,
    ) -> None:
        suffix = "" if revision == DEFAULT else f"-{revision}"
        self.namespace = namespace
        self.host = f"istiod{suffix}.{namespace}.svc"
        """The name under which proxies ask for it."""
        account = f"istiod{suffix}"
        kubeconfig = kubeconfig_for(
            f"system:serviceaccount:{namespace}:{account}",
            "system:serviceaccounts",
            f"system:serviceaccounts:{namespace}",
        )
        self.istiod = Istiod(namespace, self.host, address, kubeconfig, folder)
        self._objects = objects
        self._applied: dict[tuple[str, str], Manifest] = {}
        self._environment: dict[str, str] = {}

    def bring(self, manifests: Iterable[Manifest]) -> None:
        """Apply what the charts declare, delete what they did before, run istiod as they say."""
        wanted = list(manifests)
        kept = {
            (item["kind"], item["metadata"]["name"]): self.reached(item)
            for item in wanted
            if item["kind"] in _APPLIED
        }
        for key in self._applied.keys() - kept.keys():
            self._objects.delete(self._applied[key])
        for key, item in kept.items():
            if self._applied.get(key) != item:
                self._objects.apply(item)
        self._applied = kept
        (deployment,) = (item for item in wanted if item["kind"] == "Deployment")
        pod = {
            "metadata": {"name": "istiod-0", "namespace": self.namespace},
            "spec": deployment["spec"]["template"]["spec"],
        }
        variables = environment(pod, pod["spec"]["containers"][0], self.istiod.address)
        if variables != self._environment or not self.istiod.alive():
            self.istiod.stop()
            self.istiod.start(variables)
            self._environment = variables

    def stop(self) -> None:
        """Stop istiod; its objects stay."""
        self.istiod.stop()

    def remove(self) -> None:
        """Stop istiod and delete its objects."""
        self.stop()
        while self._applied:
            self._objects.delete(self._applied.popitem()[1])

    def reached(self, manifest: Manifest) -> Manifest:
        """Let webhooks lead to istiod's address; istiod itself adds the authority to trust."""
        if manifest["kind"] != WEBHOOKS:
            return manifest
        webhooks = [
            {
                **webhook,
                "clientConfig": {
                    "url": self.istiod.webhook + webhook["clientConfig"]["service"]["path"]
                },
            }
            for webhook in manifest["webhooks"]
        ]
        return {**manifest, "webhooks": webhooks}
