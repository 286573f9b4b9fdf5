"""One run of the engine, as the pack sees it: resources come one by one, then all together.

Each cluster of the stack's providers is read once, and each object that rules name in it. Over what
was read lie the objects that the stack has declared so far; what the stack had and does not declare
(any more, or yet) can be left out. Each judgement is of one cluster.
"""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property
from pathlib import Path
from threading import RLock
from typing import Any, Final, NamedTuple

from mesh_policy.cluster.kubeconfig import is_path
from mesh_policy.cluster.retries import Retries
from mesh_policy.crossguard import project, state, wire
from mesh_policy.documented.kinds import NAMESPACE, Kind
from mesh_policy.findings import Ref, Violation
from mesh_policy.observe import RETRY_SECONDS, Observation, ObserveError, followed, observe
from mesh_policy.reading.objects import Given, StackResource, ref_of
from mesh_policy.reading.values import UNKNOWN, has_unknown, mapping, text
from mesh_policy.rule import Result, Rule, by_finding, evaluate, listed, unread
from mesh_policy.world import World

_ADDRESS: Final = ("kubeconfig", "context", "renderYamlToDirectory")
"""The inputs of a provider that tell one cluster from another; what is rendered is on none."""


class Observe(StrEnum):
    """Whether the cluster is read."""

    REQUIRED = "required"
    BEST_EFFORT = "best-effort"
    OFF = "off"


class Resource(NamedTuple):
    """A resource of the stack, its properties as rules read them, and its provider's."""

    urn: str
    type: str
    properties: Mapping[str, Any]
    provider: Mapping[str, Any]

    @property
    def body(self) -> dict[str, Any] | None:
        """The Kubernetes object that it declares, if it is one."""
        if not self.type.startswith("kubernetes:"):
            return None
        body = wire.opened(dict(self.properties))
        return body if text(body.get("apiVersion")) and text(body.get("kind")) else None

    @property
    def patches(self) -> bool:
        """Whether it declares a part of an object that others own."""
        return self.type.endswith("Patch")


@dataclass(eq=False)
class Cluster:
    """A cluster and what the stack has declared on it so far."""

    rules: tuple[Rule, ...]
    observation: Observation
    problem: str | None = None
    """Why it could not be read."""
    read: bool = False
    declared: dict[str, Given] = field(default_factory=dict)
    patches: dict[str, Given] = field(default_factory=dict)
    told: set[str] = field(default_factory=set)

    def add(self, resource: Resource) -> Ref | None:
        """Lay a resource's object over the cluster and return who it is."""
        body = resource.body
        if body is None:
            return None
        secret = wire.holds_secret(resource.properties)
        among = self.patches if resource.patches else self.declared
        among[resource.urn] = Given(body, resource.urn, secret)
        return ref_of(body, resource.urn)

    def look(self, ref: Ref) -> None:
        """Look for an object of any kind, by its name; some kinds were read whole."""
        whole = any(ref.kind in rule.kinds for rule in self.rules)
        if not whole or ref.kind in self.observation.unread:
            self.observation = self.observation.following([ref])

    def world(
        self,
        owned: frozenset[Ref],
        gone: Iterable[state.Owned],
        stack: tuple[StackResource, ...] = (),
    ) -> World:
        """Return the cluster as it will be, without those of the `gone` that are not declared.

        `owned` is what the stack's state has.
        """
        # A part of an object that could not be read must not pass for the whole.
        patched = [(ref_of(given.body), given) for given in self.patches.values()]
        deleted = [Given(each.properties, each.urn) for each in gone]

        def overlaid(seen: Observation) -> World:
            return World.of(
                self.declared.values(),
                seen.objects,
                patches=(each for ref, each in patched if ref not in seen.unseen),
                deleted=deleted,
                owned=owned,
                unread=seen.unread,
                unseen=seen.unseen,
                complete=self.read,
                stack=stack,
            )

        self.observation, world = followed(
            self.rules, self.observation, overlaid, {ref for ref, _ in patched}
        )
        return world


Observer = Callable[[Iterable[Kind], str | None, str | None, Retries], Observation]
"""Reads a cluster's objects of some kinds, as `observe` does."""


class Session:
    """What is known in one run; the SDK's server may ask from several threads."""

    def __init__(
        self,
        rules: Iterable[Rule],
        previous: Callable[[], Sequence[state.Owned]] = tuple,
        observer: Observer = observe,
    ) -> None:
        """Check by the rules; `previous` gives what the stack's state has, asked when needed."""
        self.mode = Observe.REQUIRED
        self.retry_seconds = RETRY_SECONDS
        """How long a cluster that is busy or does not answer is asked again."""
        self.said: set[str] = set()
        """What could not be read, as far as it was said where reading it is required."""
        self._rules = tuple(rules)
        self._previous = previous
        self._observer = observer
        self._clusters: dict[str, Cluster] = {}
        self._gates: dict[str, tuple[Resource, Ref | None, World, World]] = {}
        self._inputs: dict[str, Mapping[str, Any]] = {}
        self._final: dict[str, list[Result]] | None = None
        self._lock = RLock()

    @cached_property
    def _owned(self) -> frozenset[Ref]:
        return frozenset(each.ref for each in self._previous())

    @cached_property
    def _gone(self) -> list[state.Owned]:
        """What the engine deletes when it is not declared any more."""
        return [each for each in self._previous() if not each.retained]

    def unreadable(self, resource: Resource) -> str | None:
        """Say what of a Kubernetes object's cluster can't be read, and which rules need it.

        That is the whole cluster, kinds, or objects that it names. Of a cluster, each is said once.
        """
        with self._lock:
            if resource.body is None:
                return None
            self._inputs[resource.urn] = resource.properties
            cluster = self._cluster(resource.provider)
            lines = [] if cluster.problem is None else [cluster.problem]
            if cluster.read:
                _, now, _ = self._at(resource)
                found = by_finding(
                    Result(rule, each) for rule in self._rules for each in unread(rule, now)
                )
                lines += listed(found)
            fresh = [line for line in lines if line not in cluster.told]
            cluster.told.update(fresh)
            if self.mode is Observe.REQUIRED:
                self.said.update(fresh)
            return "\n".join(fresh) or None

    def gate(self, rule: Rule, resource: Resource) -> list[Violation]:
        """Return what a rule finds wrong with one resource that is about to be written.

        An object of the stack's own that is not declared yet may be about to change, so what is
        wrong only because of it as it is now does not count.
        """
        with self._lock:
            ref, now, later = self._at(resource)

            def wrong(world: World) -> list[Violation]:
                return [
                    result.finding
                    for result in evaluate([rule], world)
                    if result.is_violation and isinstance(result.finding, Violation)
                    if result.finding.ref.source == resource.urn
                    or (ref and result.finding.concerns(ref))
                ]

            found = wrong(now)
            if found and later is not now:
                remaining = {each.ref for each in wrong(later)}
                found = [each for each in found if each.ref in remaining]
            return found

    def remediate(self, rule: Rule, resource: Resource) -> dict[str, Any] | None:
        """Return the remediated properties of a resource, or None where nothing is to be done."""
        with self._lock:
            if rule.remediate is None or resource.body is None:
                return None
            _, world, _ = self._at(resource)
            return rule.remediate(resource.properties, world)

    def problems(self) -> list[str]:
        """Say why clusters could not be read at all."""
        with self._lock:
            return [each.problem for each in self._clusters.values() if each.problem is not None]

    def results(self, rule: Rule, resources: Iterable[Resource]) -> list[Result]:
        """Return what a rule says of the whole stack.

        A gate may have said some of it already, but at a level of its own, which is not known here.
        """
        with self._lock:
            if self._final is None:
                self._final = self._evaluated(resources)
            return self._final.get(rule.id, [])

    def _evaluated(self, resources: Iterable[Resource]) -> dict[str, list[Result]]:
        others: list[StackResource] = []
        clusters: dict[int, Cluster] = {}
        for cluster in self._clusters.values():
            cluster.declared.clear()
            cluster.patches.clear()
        for resource in resources:
            others.append(StackResource(resource.urn, resource.type, resource.properties))
            if resource.body is not None:
                cluster = self._cluster(resource.provider)
                # What it comes to by the plugin's preview is misleading for a replacement: that is
                # laid over the object which it replaces, or has a name which it never gets.
                declared = self._inputs.get(resource.urn, resource.properties)
                cluster.add(resource._replace(properties=declared))
                clusters[id(cluster)] = cluster
        gone = self._gone
        if not clusters:
            # All of it goes; where it was, only the state knows.
            found = [self._cluster(each.provider) for each in gone]
            clusters = {id(cluster): cluster for cluster in found}
        worlds = [cluster.world(self._owned, gone) for cluster in clusters.values()]
        worlds.append(World.of(stack=tuple(others)))
        said: dict[str, list[Result]] = {rule.id: [] for rule in self._rules}
        for world in worlds:
            for result in evaluate(self._rules, world):
                said[result.rule.id].append(result)
        return said

    def _at(self, resource: Resource) -> tuple[Ref | None, World, World]:
        """Return who the resource is, and the two worlds in which it is checked; see `gate`."""
        known = self._gates.get(resource.urn)
        if known is not None and known[0].properties == resource.properties:
            return known[1:]
        alone = (StackResource(resource.urn, resource.type, resource.properties),)
        if resource.body is None:
            ref, now = None, World.of(stack=alone)
            later = now
        else:
            cluster = self._cluster(resource.provider)
            ref = cluster.add(resource)
            owned, gone = self._owned, self._gone
            if ref is not None and not resource.patches and ref not in owned:
                cluster.look(ref)
            replaced = [each for each in gone if each.urn == resource.urn and each.ref != ref]
            now = cluster.world(owned, replaced, alone)
            # What is in a namespace that is not declared yet stays, as that does.
            yet = [each for each in gone if each.ref.kind != NAMESPACE]
            later = cluster.world(owned, yet, alone) if yet else now
        self._gates = {resource.urn: (resource, ref, now, later)}
        return ref, now, later

    def _cluster(self, provider: Mapping[str, Any]) -> Cluster:
        key = json.dumps([repr(wire.opened(provider.get(name))) for name in _ADDRESS])
        if key not in self._clusters:
            self._clusters[key] = self._read(wire.opened(dict(provider)))
        return self._clusters[key]

    def _read(self, provider: Mapping[str, Any]) -> Cluster:
        nothing = Observation((), {})
        if self.mode is Observe.OFF or provider.get("renderYamlToDirectory"):
            return Cluster(self._rules, nothing)
        kubeconfig, context = provider.get("kubeconfig"), provider.get("context")
        if has_unknown(kubeconfig) or context is UNKNOWN:
            return Cluster(self._rules, nothing)
        kinds = {kind for rule in self._rules for kind in rule.kinds}
        try:
            retries = Retries(self.retry_seconds)
            found = self._observer(kinds, _located(kubeconfig), text(context) or None, retries)
        except ObserveError as error:
            return Cluster(self._rules, nothing, problem=str(error))
        return Cluster(self._rules, found, read=True)


def _located(kubeconfig: Any) -> str | None:
    """Resolve a kubeconfig's path as the provider does, from the project's folder."""
    if isinstance(kubeconfig, Mapping):
        return json.dumps(mapping(kubeconfig))
    if not text(kubeconfig):
        return None
    if not is_path(kubeconfig):
        return text(kubeconfig)
    path = Path(kubeconfig)
    with suppress(RuntimeError):
        # Where there is no such user, the plugin will say so.
        path = path.expanduser()
    return str(path if path.is_absolute() else (project.folder() or Path()) / path)
