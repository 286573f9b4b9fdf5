"""net-istio sees every secret that it needs, or filters none."""

from collections.abc import Iterator
from typing import Any, Final

from mesh_policy.documented.kinds import DOMAIN_MAPPING, MESH_KINDS, SECRET, SERVING
from mesh_policy.documented.names import CERTIFICATE_UID, NET_ISTIO, SECRET_FILTER
from mesh_policy.documented.sections import FILTERING_SECTION
from mesh_policy.findings import Finding, Ref, Severity
from mesh_policy.reading.ingress_class import ISTIO_CLASS, chosen_or, default_class
from mesh_policy.reading.knative import named, workloads
from mesh_policy.reading.objects import Object
from mesh_policy.reading.values import UNKNOWN, at, has_unknown, items, text
from mesh_policy.rule import Rule
from mesh_policy.world import World

_CONTAINER: Final = "controller"
_TRUE: Final = (True, "1", "t", "T", "TRUE", "true", "True")
"""What Go takes for true; anything else switches the filter off."""


def check(world: World) -> Iterator[Finding]:
    """Check the label of each secret that an Ingress of net-istio's names: a DomainMapping's.

    The ingress gateway's own secrets are read by istiod, which filters none.
    """
    refs = dict.fromkeys(_mapped(world))
    found = (world.get(ref.kind, ref.namespace, ref.name) for ref in refs)
    unlabelled = [item for item in found if item and _label(item) in (None, UNKNOWN)]
    if not unlabelled:
        return
    servings = world.objects(SERVING)
    switches = [_filter(serving) for serving in servings]
    for serving, (path, filters) in zip(servings, switches, strict=True):
        if filters is UNKNOWN:
            yield serving.unknown(path)
            return
    if not any(filters for _, filters in switches):
        if not servings and not world.complete:
            for secret in unlabelled:
                yield secret.unsure(
                    "metadata.labels",
                    f"has no {CERTIFICATE_UID}; whether secrets are filtered, "
                    "KnativeServing tells, which is not here",
                )
        return
    for secret in unlabelled:
        path = f"metadata.labels.{CERTIFICATE_UID}"
        if _label(secret) is UNKNOWN:
            yield secret.unknown(path)
        else:
            yield secret.breaks(path, "nothing", "any id that is the secret's own")


def _label(secret: Object) -> Any:
    return secret.get("metadata", "labels", CERTIFICATE_UID)


def _mapped(world: World) -> Iterator[Ref]:
    """Name the secrets of the DomainMappings that are not another ingress's."""
    others = [default_class(item) for item in world.objects(SERVING) if item.get("spec", "ingress")]
    general = others[0] if others else None
    for item in world.objects(DOMAIN_MAPPING):
        name = text(item.get("spec", "tls", "secretName"))
        if name and chosen_or(general, item) in (None, ISTIO_CLASS, UNKNOWN):
            yield Ref(SECRET, item.ref.namespace, name)


def _names(world: World) -> Iterator[Ref]:
    """Name the secrets to check; none where nothing is filtered."""
    switches = [_filter(item)[1] for item in world.objects(SERVING)]
    if not switches or any(filters is UNKNOWN or filters for filters in switches):
        yield from _mapped(world)


def _filter(serving: Object) -> tuple[str, Any]:
    """Return where net-istio's filter is switched, and whether it is on; UNKNOWN: not known.

    As the operator does, which switches it on where the variable is not there: the first entry
    for the container counts, and those of others are not net-istio's.
    """
    for part in ("deployments", "workloads"):
        if serving.get("spec", part) is UNKNOWN:
            return f"spec.{part}", UNKNOWN
    for path, workload in workloads(serving):
        if workload is not UNKNOWN and named(workload) != NET_ISTIO:
            continue
        environment = at(workload, "env")
        if has_unknown(environment):
            return path, UNKNOWN
        for container in items(environment):
            if at(container, "container") == _CONTAINER:
                for variable in items(at(container, "envVars")):
                    if at(variable, "name") == SECRET_FILTER:
                        given = at(variable, "valueFrom") is not None
                        return path, UNKNOWN if given else at(variable, "value") in _TRUE
    return "spec.workloads", True


RULE = Rule(
    id="secret-filtering",
    title="net-istio sees the secrets that it needs",
    severity=Severity.ERROR,
    why=(
        "Secret filtering is on by default: of the secrets that DomainMappings name, net-istio "
        f"sees only those with the label {CERTIFICATE_UID}. Without it the domain is not served."
    ),
    remedy=(
        f"Label the secret with {CERTIFICATE_UID}, or switch the filter off with "
        f"{SECRET_FILTER}=false for net-istio-controller in the workloads of KnativeServing."
    ),
    section=FILTERING_SECTION,
    kinds=MESH_KINDS | {DOMAIN_MAPPING},
    by_name={SECRET: _names},
    check=check,
    in_mesh=True,
)
