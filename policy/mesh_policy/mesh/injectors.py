"""Everybody who injects pods in a cluster, and the pods of which the objects tell."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final, NamedTuple

from mesh_policy.documented.kinds import (
    DEPLOYMENT,
    EVENTING,
    KAFKA,
    KNATIVE_SERVICE,
    SERVING,
)
from mesh_policy.findings import Ref
from mesh_policy.mesh.revisions import Revisions, revisions
from mesh_policy.mesh.service_mesh_2 import ServiceMesh2
from mesh_policy.reading.injection import (
    Injection,
    Injector,
    MemberWebhook,
    NotInjected,
    Pod,
    Reason,
    RevisionWebhooks,
    Unsure,
    Webhooks,
    first_injecting,
)
from mesh_policy.reading.knative import named, workloads
from mesh_policy.reading.namespaces import namespace_labels
from mesh_policy.reading.objects import Object, Objects
from mesh_policy.reading.values import UNKNOWN, at, mapping

_VALUES: Final = ("spec", "values")
_WEBHOOK: Final = (*_VALUES, "sidecarInjectorWebhook")
_MEMBERS: Final = ("spec", "proxy", "injection")


class Source(NamedTuple):
    """A pod, the object that makes it, the path of its template there, and its own name."""

    item: Object
    path: str
    name: str
    pod: Pod


@dataclass(frozen=True, eq=False)
class Injectors:
    """The control planes of a cluster as injectors."""

    objects: Objects
    members: Sequence[ServiceMesh2]
    """The meshes whose members are injected as Service Mesh 2 does."""

    @cached_property
    def revisions(self) -> Revisions:
        """The revisions and tags of Service Mesh 3."""
        return revisions(self.objects)

    def injection(self, pod: Pod) -> Injection:
        """Say who injects a pod, or why nobody does, or that it can't be told."""
        labels = namespace_labels(self.objects, pod.namespace)
        answers = [each.injection(pod, labels) for each in self._webhooks]
        answer = first_injecting(answers)
        silent = isinstance(answer, NotInjected) and answer.reason is Reason.NOT_ASKED
        # With Service Mesh 2 a namespace's labels never ask.
        by_labels = any(isinstance(each, RevisionWebhooks) for each in self._webhooks)
        if silent and labels is None and by_labels:
            return Unsure(f"the labels of the namespace {pod.namespace} are not known")
        return answer

    @cached_property
    def _webhooks(self) -> Sequence[Webhooks]:
        found: list[Webhooks] = [
            MemberWebhook(member_injector(mesh), mesh.has) for mesh in self.members
        ]
        # Of Service Mesh 3 nothing is asked where there is none.
        here = self.revisions.planes or self.revisions.versioned
        if here or not self.members:
            found.append(RevisionWebhooks(self._answering))
        return found

    def _answering(self, name: str) -> Any:
        plane = self.revisions.plane(name)
        return self._by_plane[plane.ref] if isinstance(plane, Object) else plane

    @cached_property
    def _by_plane(self) -> Mapping[Ref, Injector]:
        planes = {plane.ref: plane for plane in self.revisions.planes.values()}
        return {ref: _istio_injector(plane) for ref, plane in planes.items()}


def _istio_injector(plane: Object) -> Injector:
    policy = plane.get(*_VALUES, "global", "proxy", "autoInject")
    return Injector(
        plane.ref,
        **({} if policy is None else {"policy": policy}),
        never=plane.get(*_WEBHOOK, "neverInjectSelector"),
        always=plane.get(*_WEBHOOK, "alwaysInjectSelector"),
        every_namespace=plane.get(*_WEBHOOK, "enableNamespacesByDefault"),
    )


def member_injector(mesh: ServiceMesh2) -> Injector:
    """Return the injector of a mesh of Service Mesh 2, which injects by request unless told to."""
    found = mesh.control_plane.get(*_MEMBERS) if mesh.control_plane else None
    every = at(found, "autoInject")
    policy = "enabled" if every is True else "disabled"
    return Injector(
        mesh.ref,
        policy=UNKNOWN if every is UNKNOWN else policy,
        never=at(found, "neverInjectSelector"),
        always=at(found, "alwaysInjectSelector"),
    )


def sources(objects: Objects) -> Iterator[Source]:
    """List the pods of Knative's workloads, of Knative Services and of deployments."""
    for kind in (SERVING, EVENTING, KAFKA):
        for resource in objects.objects(kind):
            yield from workload_sources(resource)
    for item in objects.objects(KNATIVE_SERVICE):
        yield template_source(item)
    for item in objects.objects(DEPLOYMENT):
        yield template_source(item)


def template_source(item: Object) -> Source:
    """Return the pod of an object that has one template."""
    pod = Pod.of(item.ref.namespace, item.get("spec", "template"))
    return Source(item, "spec.template", item.ref.name, pod)


def workload_sources(resource: Object) -> Iterator[Source]:
    """List the pods of the workloads that a Knative resource lists, entries of one name together.

    The later entry wins, as with the operator.
    """
    found: dict[str, Source] = {}
    for path, entry in workloads(resource):
        name = named(entry)
        before = found.get(name)
        pod = Pod(
            resource.ref.namespace,
            _over(before.pod.labels if before else None, at(entry, "labels")),
            _over(before.pod.annotations if before else None, at(entry, "annotations")),
            UNKNOWN if at(entry, "hostNetwork") is UNKNOWN else at(entry, "hostNetwork"),
        )
        found[name] = Source(resource, before.path if before else path, name, pod)
    yield from found.values()


def _over(below: Any, above: Any) -> Any:
    if below is UNKNOWN or above is UNKNOWN:
        return UNKNOWN
    return {**mapping(below), **mapping(above)}
