"""Watches the operators' resources and writes their status.

Whatever changes, all of it is looked at anew: there are few objects, and nothing can be missed.
"""

import logging
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from datetime import UTC, datetime
from functools import partial
from typing import Any, Final, NoReturn

import urllib3
from kubernetes import client, watch

from toolchain.operators.orders import CONFIG_MAP, NAMESPACE, Order, orders
from toolchain.operators.status import (
    MEMBER_OF,
    Manifest,
    Progress,
    World,
    memberships,
    running_pod,
    status,
    summary,
)

RESOURCES: Final = {
    "ServiceMeshControlPlane": ("maistra.io", "v2", "servicemeshcontrolplanes"),
    "ServiceMeshMember": ("maistra.io", "v1", "servicemeshmembers"),
    "ServiceMeshMemberRoll": ("maistra.io", "v1", "servicemeshmemberrolls"),
    "KnativeServing": ("operator.knative.dev", "v1beta1", "knativeservings"),
    "KnativeEventing": ("operator.knative.dev", "v1beta1", "knativeeventings"),
    "KnativeKafka": ("operator.serverless.openshift.io", "v1alpha1", "knativekafkas"),
    "Service": ("serving.knative.dev", "v1", "services"),
    "DomainMapping": ("serving.knative.dev", "v1beta1", "domainmappings"),
    "Subscription": ("operators.coreos.com", "v1alpha1", "subscriptions"),
    "Istio": ("sailoperator.io", "v1", "istios"),
    "IstioCNI": ("sailoperator.io", "v1", "istiocnis"),
    "IstioRevisionTag": ("sailoperator.io", "v1", "istiorevisiontags"),
}
PODS: Final = "Pod"
"""Played too, for what no node runs; they are injected into where istiod runs, and only there."""
KINDS: Final = (*RESOURCES, PODS)
MANAGER: Final = "operators-stand-in"
_INGRESSES: Final = ("config.openshift.io", "v1", "ingresses")
_PAUSE: Final = 0.5
"""Seconds between attempts while the API server does not answer or lacks a kind."""
_GATHERING: Final = 0.1
"""Seconds from the first of several changes until all of them are looked at."""
_LOG: Final = logging.getLogger(__name__)
_NO_ANSWER: Final = (client.ApiException, urllib3.exceptions.HTTPError)


class Controller:
    """Plays the operators of the `kinds` given; `run` never returns."""

    def __init__(self, api: client.ApiClient, kinds: Iterable[str]) -> None:
        self._core = client.CoreV1Api(api)
        self._objects = client.CustomObjectsApi(api)
        self._kinds = tuple(kinds)
        self._changed = threading.Event()
        self._begun: dict[str, tuple[int, float | None]] = {}
        """By uid, the generation last seen, and when the work on it began unless it is done."""

    def run(self) -> NoReturn:
        """Keep the status of every resource right, whatever happens to the API server."""
        sources = [
            self._core.list_namespace,
            self._core.list_pod_for_all_namespaces,
            partial(self._core.list_namespaced_config_map, NAMESPACE, field_selector=_ORDERS),
            *(partial(self._objects.list_cluster_custom_object, *RESOURCES[k]) for k in RESOURCES),
        ]
        for source in sources:
            threading.Thread(target=self._watch, args=(source,), daemon=True).start()
        wait: float | None = None
        while True:
            if self._changed.wait(wait):
                # What an update writes comes in flocks, and so do the answers to it.
                time.sleep(_GATHERING)
            self._changed.clear()
            try:
                wait = self._look()
            except _NO_ANSWER as error:
                _LOG.warning("trying again: %s", error)
                wait = _PAUSE

    def _watch(self, source: Callable[..., Any]) -> NoReturn:
        while True:
            # A kind that is not served (yet), or an API server that is away.
            with suppress(*_NO_ANSWER):
                for _ in watch.Watch().stream(source):
                    self._changed.set()
            time.sleep(_PAUSE)

    def _look(self) -> float | None:
        """Bring every status up to date; return the seconds until there is something to do."""
        world = self._world()
        # Read last: an order that was given before a resource was made holds for it.
        told = self._orders()
        if "ServiceMeshMemberRoll" in self._kinds:
            self._label_members(world)
        if PODS in self._kinds:
            self._run_pods()
        waits = [
            self._settle(resource, told.get(kind, Order()), world)
            for kind in self._kinds
            if kind != PODS
            for resource in world.resources[kind]
            if "deletionTimestamp" not in resource["metadata"]
        ]
        return min((wait for wait in waits if wait is not None), default=None)

    def _settle(self, resource: Manifest, order: Order, world: World) -> float | None:
        uid, generation = resource["metadata"]["uid"], resource["metadata"]["generation"]
        known, begun = self._begun.get(uid, (None, None))
        if known != generation:
            observed = (resource.get("status") or {}).get("observedGeneration")
            # Work that an earlier run of the stand-in has finished is not begun again.
            begun = time.monotonic() if observed != generation else None
            self._begun[uid] = (generation, begun)
            if begun is not None:
                resource = self._write(resource, status(resource, world, Progress.UNDERWAY, _now()))
        wait = begun + order.delay - time.monotonic() if begun is not None else 0
        if order.hold or wait > 0:
            self._write(resource, status(resource, world, Progress.UNDERWAY, _now()))
            return None if order.hold else wait
        self._write(resource, status(resource, world, order.failure or Progress.DONE, _now()))
        self._begun[uid] = (generation, None)
        return None

    def _write(self, resource: Manifest, new: Manifest) -> Manifest:
        if resource.get("status") == new:
            return resource
        metadata = resource["metadata"]
        namespace = metadata.get("namespace")
        body = {**resource, "status": new}
        name, plural = metadata["name"], RESOURCES[resource["kind"]][2]
        written: object
        try:
            if namespace is None:
                written = self._objects.replace_cluster_custom_object_status(
                    *_version(resource), plural, name, body, field_manager=MANAGER
                )
            else:
                written = self._objects.replace_namespaced_custom_object_status(
                    *_version(resource), namespace, plural, name, body, field_manager=MANAGER
                )
        except client.ApiException as error:
            if error.status in (404, 409):  # Gone or changed meanwhile: the watch will tell.
                return resource
            raise
        assert isinstance(written, dict)
        shown = f"{namespace}/{name}" if namespace else name
        said = (resource["kind"], shown, metadata["generation"], summary(new))
        _LOG.info("%s %s generation %s: %s", *said)
        return written

    def _label_members(self, world: World) -> None:
        wanted = memberships(world)
        for namespace in sorted({*wanted, *world.labelled} & world.namespaces):
            if wanted.get(namespace) != world.labelled.get(namespace):
                labels = {MEMBER_OF: wanted.get(namespace)}
                body: Any = {"metadata": {"labels": labels}}
                self._core.patch_namespace(namespace, body, field_manager=MANAGER)

    def _run_pods(self) -> None:
        for pod in self._core.list_pod_for_all_namespaces().items:
            assert pod.metadata
            if pod.status and pod.status.phase == "Pending" and not pod.metadata.deletion_timestamp:
                with suppress(client.ApiException):  # Gone meanwhile.
                    self._core.patch_namespaced_pod_status(
                        str(pod.metadata.name),
                        str(pod.metadata.namespace),
                        running_pod(_now()),
                        field_manager=MANAGER,
                    )

    def _orders(self) -> dict[str, Order]:
        found = self._core.list_namespaced_config_map(NAMESPACE, field_selector=_ORDERS).items
        return orders(found[0].data or {}) if found else {}

    def _world(self) -> World:
        namespaces = self._core.list_namespace().items
        ingresses = list(self._list(_INGRESSES))
        domain = ingresses[0]["spec"].get("domain") if ingresses else None
        return World(
            frozenset(str(item.metadata.name) for item in namespaces if item.metadata),
            {kind: list(self._list(RESOURCES[kind])) for kind in RESOURCES},
            labelled={
                str(item.metadata.name): item.metadata.labels[MEMBER_OF]
                for item in namespaces
                if item.metadata and item.metadata.labels and MEMBER_OF in item.metadata.labels
            },
            **({"domain": domain} if domain else {}),
        )

    def _list(self, resource: tuple[str, str, str]) -> Iterator[Manifest]:
        try:
            answer = self._objects.list_cluster_custom_object(*resource)
        except client.ApiException as error:
            if error.status == 404:
                return
            raise
        assert isinstance(answer, dict)
        yield from answer["items"]


_ORDERS: Final = f"metadata.name={CONFIG_MAP}"


def _version(resource: Manifest) -> tuple[str, str]:
    group, version = resource["apiVersion"].split("/")
    return group, version


def _now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
