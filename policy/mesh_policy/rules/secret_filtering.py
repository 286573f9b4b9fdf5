"""net-istio sees every secret that it needs, or filters none."""

from collections.abc import Iterator
from typing import Any

from mesh_policy.credentials import credentials, gateway_secrets, serving_secrets
from mesh_policy.documented.kinds import DOMAIN_MAPPING, GATEWAY, MESH_KINDS, SECRET, SERVING
from mesh_policy.documented.names import CERTIFICATE_UID, KNATIVE_GATEWAYS, NET_ISTIO, SECRET_FILTER
from mesh_policy.documented.sections import FILTERING_SECTION
from mesh_policy.findings import Finding, Ref, Severity
from mesh_policy.reading.ingress_class import is_integrated
from mesh_policy.reading.knative import named, workloads
from mesh_policy.reading.objects import Object
from mesh_policy.reading.values import UNKNOWN, at, has_unknown, items, show, text, truth
from mesh_policy.rule import Rule
from mesh_policy.world import World, knative_gateway


def check(world: World) -> Iterator[Finding]:
    """Check the label of each secret of Knative's Gateways and DomainMappings."""
    secrets = _secrets(world)
    unlabelled = [item for item in secrets if not text(_label(item))]
    if not unlabelled:
        return
    servings = world.objects(SERVING)
    for serving in servings:
        for path, value in _filters(serving):
            if value is UNKNOWN:
                yield serving.unknown(path)
                return
            if truth(value) is False:
                return
    if not is_integrated(world) and not (servings or world.complete):
        for secret in unlabelled:
            yield secret.unsure(
                "metadata.labels",
                f"has no {CERTIFICATE_UID}; whether secrets are filtered, "
                "KnativeServing tells, which is not here",
            )
        return
    for secret in unlabelled if servings else ():
        path = f"metadata.labels.{CERTIFICATE_UID}"
        if _label(secret) is UNKNOWN:
            yield secret.unknown(path)
        else:
            yield secret.breaks(path, show(_label(secret)), "any id that is the secret's own")


def _label(secret: Object) -> Any:
    return secret.get("metadata", "labels", CERTIFICATE_UID)


def _secrets(world: World) -> list[Object]:
    found: dict[Any, Object] = {}
    for name in KNATIVE_GATEWAYS:
        gateway = knative_gateway(world, name)
        for _, credential in credentials(gateway) if gateway else ():
            for item in gateway_secrets(world, text(credential)):
                found[item.ref] = item
    for mapped in world.objects(DOMAIN_MAPPING):
        name = text(mapped.get("spec", "tls", "secretName"))
        if own := world.get(SECRET, mapped.ref.namespace, name):
            found[own.ref] = own
    return list(found.values())


def _names(world: World) -> Iterator[Ref]:
    """Name the secrets to check; none where nothing is filtered."""
    switches = (value for item in world.objects(SERVING) for _, value in _filters(item))
    if any(truth(value) is False for value in switches):
        return
    for name in KNATIVE_GATEWAYS:
        yield from serving_secrets(world, name)
    for mapped in world.objects(DOMAIN_MAPPING):
        if name := text(mapped.get("spec", "tls", "secretName")):
            yield Ref(SECRET, mapped.ref.namespace, name)


def _filters(serving: Object) -> Iterator[tuple[str, Any]]:
    """List the values that the workloads of KnativeServing give to the variable."""
    for part in ("deployments", "workloads"):
        if serving.get("spec", part) is UNKNOWN:
            yield f"spec.{part}", UNKNOWN
    for path, workload in workloads(serving):
        if workload is not UNKNOWN and named(workload) != NET_ISTIO:
            continue
        environment = at(workload, "env")
        if has_unknown(environment):
            yield path, UNKNOWN
        for container in items(environment):
            for variable in items(at(container, "envVars")):
                if at(variable, "name") == SECRET_FILTER:
                    yield path, at(variable, "value")


RULE = Rule(
    id="secret-filtering",
    title="net-istio sees the secrets that it needs",
    severity=Severity.ERROR,
    why=(
        "Secret filtering is on by default: net-istio sees only secrets with the label "
        f"{CERTIFICATE_UID}. Without it Knative Serving does not find the certificate."
    ),
    remedy=(
        f"Label the secret with {CERTIFICATE_UID}, or switch the filter off with "
        f"{SECRET_FILTER}=false for net-istio-controller in the workloads of KnativeServing."
    ),
    section=FILTERING_SECTION,
    kinds=MESH_KINDS | {GATEWAY, DOMAIN_MAPPING},
    by_name={SECRET: _names},
    check=check,
    in_mesh=True,
)
