"""Istio's own injection on a local API server: webhooks out of its charts, an istiod behind each.

The API server evaluates the webhooks' selectors and sends each pod that one selects to the istiod
of that revision: both halves of injection are the real ones. Pods are created in a dry run.
"""

import json
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Final, Self

from kubernetes import client

from toolchain.cluster import READY_WITHIN, Cluster, ClusterError
from toolchain.mesh.addresses import LoopbackNetwork
from toolchain.mesh.istio import DEFAULT, WEBHOOKS, Istio, render
from toolchain.mesh.objects import Manifest, Objects

_REVIEWED: Final = "admissionregistration.k8s.io/v1"
_ROOT: Final = "istio-ca-secret"
_STATUS: Final = "sidecar.istio.io/status"
"""Annotation of an injected pod; tells the revision of the injector."""


@dataclass(frozen=True)
class Plane:
    """A control plane: its revision, and the chart's values, as `spec.values` of an Istio."""

    revision: str
    values: Mapping[str, Any] = field(default_factory=dict)

    @property
    def namespace(self) -> str:
        """Its root namespace."""
        return f"{self.revision}-system"

    def rendered(self, tags: Sequence[str] = ()) -> list[Manifest]:
        """Return what Istio's charts make of it and of the tags that lead to it."""
        return render(self.namespace, self.revision, self.values, tags)


class Injection:
    """The control planes of one cluster, whose webhooks are exchanged by `install`."""

    def __init__(self, cluster: Cluster, planes: Sequence[Plane]) -> None:
        """Describe them."""
        self._cluster = cluster
        self._planes = planes
        self._exit = ExitStack()
        self._istios: dict[str, Istio] = {}
        self._roots: dict[str, str] = {}

    def __enter__(self) -> Self:
        with ExitStack() as exit_stack:
            api = exit_stack.enter_context(self._cluster.client())
            network = exit_stack.enter_context(LoopbackNetwork())
            self.objects = Objects(api)
            self._pods = client.CoreV1Api(api)
            for plane in self._planes:
                self._start(plane, network.address(plane.namespace), exit_stack)
            for plane in self._planes:
                self._roots[plane.revision] = self._root(plane)
            self._exit = exit_stack.pop_all()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._exit.close()

    def _start(self, plane: Plane, address: str, exit_stack: ExitStack) -> None:
        self.namespace(plane.namespace, {})
        istio = Istio(
            self.objects,
            self._cluster.kubeconfig_for,
            namespace=plane.namespace,
            revision=plane.revision,
            address=address,
            folder=self._cluster.folder / plane.namespace,
        )
        exit_stack.callback(istio.stop)
        istio.bring(each for each in plane.rendered() if each["kind"] != WEBHOOKS)
        self._istios[plane.revision] = istio

    def _root(self, plane: Plane) -> str:
        """Wait for an istiod, and return the certificate with which its webhook is verified."""
        istiod, deadline = self._istios[plane.revision].istiod, time.monotonic() + READY_WITHIN
        while time.monotonic() < deadline:
            if istiod.ready():
                secret: Any = self._pods.read_namespaced_secret(_ROOT, plane.namespace)
                return str(secret.data["ca-cert.pem"])
            time.sleep(0.1)
        raise ClusterError(f"istiod of {plane.namespace} is not ready. Its log: {istiod.log}")

    def namespace(self, name: str, labels: Mapping[str, str]) -> None:
        """Create a namespace with these labels."""
        about = {"name": name, "labels": dict(labels)}
        self.objects.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": about})

    def install(
        self, planes: Sequence[Plane], tags: Mapping[str, str], sample: tuple[str, str]
    ) -> None:
        """Have the webhooks of these control planes, and of tags that lead to them, and no others.

        `sample` is a namespace, and the revision that a pod without labels gets there: until then
        the API server has not taken notice of them.
        """
        wanted = {}
        for plane in planes:
            led = [tag for tag, revision in tags.items() if revision == plane.revision]
            for manifest in plane.rendered(led):
                if manifest["kind"] == WEBHOOKS:
                    wanted[manifest["metadata"]["name"]] = self._reached(manifest, plane.revision)
        api = client.AdmissionregistrationV1Api(self.objects.api)
        for item in self.objects.list(_REVIEWED, WEBHOOKS):
            if item["metadata"]["name"] not in wanted:
                api.delete_mutating_webhook_configuration(item["metadata"]["name"])
        for manifest in wanted.values():
            self.objects.apply(manifest)
        namespace, revision = sample
        deadline = time.monotonic() + READY_WITHIN
        while self.injected_by(namespace, {"metadata": {}, "spec": {}}) != revision:
            if time.monotonic() > deadline:
                raise ClusterError(
                    f"the API server does not send pods of {namespace} to {revision}"
                )
            time.sleep(0.1)

    def _reached(self, manifest: Manifest, revision: str) -> Manifest:
        """Have webhooks reach their istiod by its address, in the place of its Service."""
        reached = self._istios[revision].reached(manifest)
        for each in reached["webhooks"]:
            # Known at once; istiod would say it a little later.
            each["clientConfig"]["caBundle"] = self._roots[revision]
        return reached

    def injected_by(self, namespace: str, template: Mapping[str, Any]) -> str | None:
        """Return the revision that injects a pod of a template; None: nobody does."""
        container = {"name": "app", "image": "example.com/app"}
        body: Any = {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {**template.get("metadata", {}), "generateName": "pod-"},
            # What is injected projects a token of it.
            "spec": {
                "serviceAccountName": DEFAULT,
                "containers": [container],
                **template.get("spec", {}),
            },
        }
        made: Any = self._pods.create_namespaced_pod(namespace, body, dry_run="All")
        status = (made.metadata.annotations or {}).get(_STATUS)
        return None if status is None else str(json.loads(status)["revision"])
