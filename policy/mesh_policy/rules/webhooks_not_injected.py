"""What the API server calls has no sidecar, which would ask it for a certificate of the mesh."""

from collections.abc import Iterator
from typing import Final

from mesh_policy.documented.kinds import EVENTING, KAFKA, MESH_KINDS, PEER_AUTHENTICATION, SERVING
from mesh_policy.documented.names import API_SERVER_CALLS, INJECT, WEBHOOK_PORT
from mesh_policy.documented.sections import INJECTION_SECTION
from mesh_policy.findings import Finding, Severity
from mesh_policy.mesh.injectors import workload_sources
from mesh_policy.reading.ages import Ages
from mesh_policy.reading.injection import Injected, Pod, Unsure
from mesh_policy.reading.knative import called_by_api_server, unknown_entry
from mesh_policy.reading.label_selectors import first
from mesh_policy.reading.objects import Object
from mesh_policy.reading.peer_authentication import WEAK_MODES, counting
from mesh_policy.reading.values import at, mapping, number
from mesh_policy.rule import Rule
from mesh_policy.sidecars import injection
from mesh_policy.world import World

_OLDER: Final = ("domainmapping-webhook",)
"""Only older versions make them, so they are checked where they are listed."""


def check(world: World) -> Iterator[Finding]:
    """Check the workloads of each Knative resource that the API server calls."""
    for kind in (SERVING, EVENTING, KAFKA):
        for resource in world.objects(kind):
            yield from _resource(world, resource)


def _resource(world: World, resource: Object) -> Iterator[Finding]:
    if place := unknown_entry(resource):
        yield resource.unknown(place)
        return
    listed = {source.name: source for source in workload_sources(resource)}
    injected: dict[str, tuple[str, str]] = {}
    for name in API_SERVER_CALLS[resource.ref.kind.name]:
        source = listed.get(name)
        if source is None and name in _OLDER:
            continue
        pod = source.pod if source else Pod(resource.ref.namespace)
        answer, path = injection(world, pod), source.path if source else "spec.workloads"
        if isinstance(answer, Injected) and not _is_open(world, name, pod):
            injected[name] = (path, answer.asked)
        elif isinstance(answer, Unsure) and not _unnamed(world, pod):
            yield resource.unsure(path, f"{name}: {answer.why}")
    if injected:
        path, asked = next(iter(injected.values()))
        found = f"sidecars in {first(list(injected), 10)}, for which {asked} asks"
        needed = f'the label {INJECT}: "false" on each'
        lost = tuple(f"the API server can't call {name}" for name in injected)
        yield resource.breaks(path, found, needed, consequences=lost)


def _unnamed(world: World, pod: Pod) -> bool:
    """Say whether only the namespace could ask, and that is not among the objects."""
    return at(pod.labels, INJECT) is None and not world.complete


def _is_open(world: World, name: str, pod: Pod) -> bool:
    """Say whether its sidecar lets calls from outside the mesh through on the webhooks' port."""
    mesh = world.serverless_mesh
    if mesh and mesh.interception.of(pod.annotations).takes(WEBHOOK_PORT) is False:
        return True
    there = world.objects(PEER_AUTHENTICATION, pod.namespace)
    for found in counting(there, mesh.root if mesh else "", Ages(world.running)):
        if called_by_api_server(found.item.get("spec", "selector", "matchLabels")) == name:
            by_port = mapping(found.by_port).items()
            own = (at(value, "mode") for port, value in by_port if number(port) == WEBHOOK_PORT)
            if next(own, found.mode) in WEAK_MODES:
                return True
    return False


RULE = Rule(
    id="webhooks-not-injected",
    title="Webhooks of Knative, which the API server calls, have no sidecar",
    severity=Severity.ERROR,
    why=(
        "The API server has no certificate of the mesh. Behind a sidecar with strict mTLS "
        "Knative's webhooks can't be called any more, and nothing of Knative can be created or "
        "changed."
    ),
    remedy=(
        "Leave knative-serving and knative-eventing without a label that injects every pod, and "
        "label the data plane's workloads instead; or give each workload that the API server calls "
        'the label sidecar.istio.io/inject: "false" in `workloads`.'
    ),
    section=INJECTION_SECTION,
    kinds=MESH_KINDS | {PEER_AUTHENTICATION},
    check=check,
)
