"""Who injects a pod: the reading of it beside the real API server and the real injectors of Istio.

Service Mesh 2 has no real consumer here: its operator and its istiod are served nowhere.
"""

import random
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, NamedTuple

from rich.console import Console

from bench.errors import BenchError
from mesh_policy.reading.injection import Injected, Pod, Unsure
from mesh_policy.reading.objects import Given
from mesh_policy.world import World
from toolchain.cluster import Cluster
from toolchain.mesh import programs
from toolchain.mesh.injection import Injection, Plane

PODS: Final = 5_000
SEED: Final = 12
_AT_ONCE: Final = 4
_INJECT, _REVISION, _LEGACY = "sidecar.istio.io/inject", "istio.io/rev", "istio-injection"
_WORDS: Final = (None, "true", "false", "", "True", "yes")
_REVISIONS: Final = (None, "default", "prod", "picky", "blue", "gone", "")
_LEGACIES: Final = (None, "enabled", "disabled", "", "Enabled")
_TEAMS: Final = (None, "never", "always", "other")
_SYSTEM: Final = "kube-public"
_SAMPLE: Final = "sample"

_NEVER: Final = {"neverInjectSelector": [{"matchLabels": {"team": "never"}}, {}]}
_ALWAYS: Final = {
    "alwaysInjectSelector": [
        {"matchExpressions": [{"key": "team", "operator": "In", "values": ["always", "never"]}]}
    ]
}
PLANES: Final = {
    "default": Plane("default"),
    "prod": Plane("prod", {"sidecarInjectorWebhook": _NEVER}),
    "picky": Plane(
        "picky",
        {
            "global": {"proxy": {"autoInject": "disabled"}},
            "sidecarInjectorWebhook": {**_NEVER, **_ALWAYS},
        },
    ),
}


@dataclass(frozen=True)
class Control:
    """The control planes of a cluster, and the tags that lead to them."""

    planes: tuple[Plane, ...]
    tags: Mapping[str, str]
    sample: Mapping[str, str]
    """Labels of a namespace by which the webhooks are told from those of the others."""
    sampled: str

    def world(self, namespaces: Mapping[str, Mapping[str, str]]) -> World:
        """Return the objects by which the operator would make them."""
        bodies = [
            *(
                _object(
                    "Istio",
                    plane.revision,
                    {"namespace": plane.namespace, "values": dict(plane.values)},
                )
                for plane in self.planes
            ),
            *(
                _object("IstioRevisionTag", tag, {"targetRef": {"kind": "Istio", "name": name}})
                for tag, name in self.tags.items()
            ),
            *(
                {
                    "apiVersion": "v1",
                    "kind": "Namespace",
                    "metadata": {"name": name, "labels": dict(labels)},
                }
                for name, labels in namespaces.items()
            ),
        ]
        return World.of([Given(body) for body in bodies], complete=True)


_EVERYWHERE: Final = Plane(
    "default", {"sidecarInjectorWebhook": {"enableNamespacesByDefault": True}}
)
CONTROLS: Final = (
    Control(tuple(PLANES.values()), {"blue": "prod"}, {_LEGACY: "enabled"}, "default"),
    Control(
        (PLANES["prod"], PLANES["picky"]),
        {"default": "prod", "blue": "picky"},
        {_LEGACY: "enabled"},
        "prod",
    ),
    Control((_EVERYWHERE, PLANES["prod"]), {}, {}, "default"),
)


def _object(kind: str, name: str, spec: Mapping[str, Any]) -> dict[str, Any]:
    version = "sailoperator.io/v1"
    return {"apiVersion": version, "kind": kind, "metadata": {"name": name}, "spec": dict(spec)}


class Asked(NamedTuple):
    """A pod to be created, as a template, and the labels of its namespace."""

    namespace: str
    labels: Mapping[str, str]
    annotations: Mapping[str, str]
    host_network: bool

    @property
    def template(self) -> dict[str, Any]:
        """The pod's metadata and spec."""
        metadata = {"labels": dict(self.labels), "annotations": dict(self.annotations)}
        return {"metadata": metadata, "spec": {"hostNetwork": self.host_network}}


class Difference(NamedTuple):
    """A pod of which the reading says something else than what happens."""

    control: Control
    asked: Asked
    read: str | None
    real: str | None


def namespaces() -> dict[str, dict[str, str]]:
    """Return namespaces with every combination of the labels that decide, by their names."""
    found = {}
    for at, legacy in enumerate(_LEGACIES):
        for index, revision in enumerate(_REVISIONS):
            labels = {_LEGACY: legacy, _REVISION: revision}
            found[f"n-{at}-{index}"] = {
                key: value for key, value in labels.items() if value is not None
            }
    return {**found, _SYSTEM: {_LEGACY: "enabled"}}


def pods(count: int, among: Sequence[str], chance: random.Random) -> Iterator[Asked]:
    """Make pods with labels and annotations of every kind."""
    for _ in range(count):
        labels = {
            _INJECT: chance.choice(_WORDS),
            _REVISION: chance.choice(_REVISIONS),
            "team": chance.choice(_TEAMS),
        }
        annotation = chance.choice(_WORDS)
        yield Asked(
            chance.choice(among),
            {key: value for key, value in labels.items() if value is not None},
            {} if annotation is None else {_INJECT: annotation},
            chance.random() < 0.05,
        )


def read(world: World, asked: Asked) -> str | None:
    """Return the revision that the reading says injects a pod.

    Raises:
        BenchError: it can't tell, although everything is known.
    """
    pod = Pod(asked.namespace, asked.labels, asked.annotations, asked.host_network)
    answer = world.injectors.injection(pod)
    if isinstance(answer, Unsure):
        raise BenchError(f"{asked}: {answer.why}")
    return answer.by.name if isinstance(answer, Injected) else None


@contextmanager
def running(folder: Path) -> Iterator[Injection]:
    """Run an API server with all control planes and all namespaces."""
    with Cluster(folder) as cluster, Injection(cluster, [*PLANES.values()]) as found:
        for name, labels in namespaces().items():
            found.namespace(name, labels)
        yield found


def differences(
    injection: Injection, count: int, seed: int, said: Counter[str | None]
) -> list[Difference]:
    """Ask both about `count` pods; `said` counts what really happens, by the revision."""
    chance, found = random.Random(seed), []
    spaces = namespaces()
    for index, control in enumerate(CONTROLS):
        sample = f"{_SAMPLE}-{index}"
        injection.namespace(sample, control.sample)
        injection.install(control.planes, control.tags, (sample, control.sampled))
        world = control.world(spaces)
        share = count // len(CONTROLS) + (index < count % len(CONTROLS))
        asked = list(pods(share, list(spaces), chance))
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            real = list(
                pool.map(lambda each: injection.injected_by(each.namespace, each.template), asked)
            )
        for each, happens in zip(asked, real, strict=True):
            said[happens] += 1
            if (reading := read(world, each)) != happens:
                found.append(Difference(control, each, reading, happens))
    return found


def run(console: Console, count: int = PODS, seed: int = SEED) -> None:
    """Compare the reading with what happens to many pods.

    Raises:
        BenchError: a part is not there, or the two differ.
    """
    if not (programs.ISTIOD.exists() and programs.CHARTS.exists()):
        raise BenchError(
            "istiod or its charts are not there: `.venv/bin/python -m toolchain setup --mesh`"
        )
    said: Counter[str | None] = Counter()
    begun = time.monotonic()
    with tempfile.TemporaryDirectory() as folder, running(Path(folder)) as injection:
        found = differences(injection, count, seed, said)
    counts = ", ".join(f"{name or 'nobody'} {number:,}" for name, number in said.most_common())
    seconds = time.monotonic() - begun
    console.print(f"{count:,} pods (seed {seed}) in {seconds:.0f} s: {counts}; {len(found)} differ")
    for each in found[:10]:
        console.print(f"  {each.asked} of {each.control.tags}: read {each.read}, is {each.real}")
    if found:
        raise BenchError(f"{len(found)} pods are injected otherwise than it is read")
