"""Knative Services are served by Istio, or by the ingress that somebody chose for them."""

from collections.abc import Iterator
from typing import Any, Final

from mesh_policy.documented.kinds import DOMAIN_MAPPING, KNATIVE_SERVICE, SERVING
from mesh_policy.documented.sections import SERVERLESS_SECTION
from mesh_policy.findings import Finding, Severity
from mesh_policy.reading.ingress_class import (
    INGRESS_OF,
    ISTIO_CLASS,
    KOURIER_CLASS,
    chosen_class,
    default_class,
    enabled,
    own_class,
)
from mesh_policy.reading.objects import Object
from mesh_policy.reading.values import UNKNOWN, show, text
from mesh_policy.rule import Rule
from mesh_policy.world import World

_NEEDED: Final = f"{ISTIO_CLASS}, or Kourier switched off"


def check(world: World) -> Iterator[Finding]:
    """Check the class of each KnativeServing, and of what chooses one of its own."""
    servings = world.objects(SERVING)
    for serving in servings:
        yield from _serving(serving)
    for kind in (KNATIVE_SERVICE, DOMAIN_MAPPING):
        for item in world.objects(kind):
            yield from _own(item, servings[0] if len(servings) == 1 else None)


def _serving(serving: Object) -> Iterator[Finding]:
    path, chosen = chosen_class(serving)
    istio, kourier = enabled(serving, "istio"), enabled(serving, "kourier")
    if UNKNOWN in (chosen, istio, kourier):
        yield serving.unknown(path if chosen is UNKNOWN else "spec.ingress")
    elif chosen is None:
        if istio and kourier and default_class(serving) == KOURIER_CLASS:
            found = "nothing, with Kourier and Istio both on: the operator takes Kourier for all"
            yield serving.breaks(path, found, _NEEDED)
    elif chosen == KOURIER_CLASS and istio and kourier:
        yield serving.breaks(
            path,
            f"{chosen}, with Istio on: only Knative Services annotated so are in the mesh's care",
            _NEEDED,
            severity=Severity.WARNING,
        )
    elif (ingress := INGRESS_OF.get(text(chosen))) is None:
        yield serving.unsure(path, f"{show(chosen)} is no ingress that the operator installs")
    elif not enabled(serving, ingress) and (istio or chosen != ISTIO_CLASS):
        # With Istio off, knative-gateway-config asks for it.
        yield serving.breaks(path, *_nobody(chosen, ingress))


def _own(item: Object, serving: Object | None) -> Iterator[Finding]:
    key, chosen = own_class(item)
    path = f"metadata.annotations.{key}"
    if chosen is UNKNOWN:
        yield item.unknown(path)
    elif chosen is not None and serving is not None:
        ingress = INGRESS_OF.get(text(chosen))
        if ingress is None:
            yield item.unsure(path, f"{show(chosen)} is no ingress that the operator installs")
        elif (on := enabled(serving, ingress)) is UNKNOWN:
            yield item.unsure(path, f"whether {ingress} is switched on is unknown until update")
        elif not on:
            yield item.breaks(path, *_nobody(chosen, ingress), related=(serving.ref,))


def _nobody(chosen: Any, ingress: str) -> tuple[str, str]:
    return f"{chosen}, which nobody serves", f"spec.ingress.{ingress}.enabled, or another class"


RULE = Rule(
    id="ingress-class",
    title="Knative Services are served by Istio, or by the ingress chosen for them",
    severity=Severity.ERROR,
    why=(
        "With Kourier and Istio both on and no class set, the Serverless operator takes Kourier "
        "for every Knative Service: none is behind the mesh's gateways. A class whose ingress is "
        "off serves nobody."
    ),
    remedy=(
        "Switch spec.ingress.kourier.enabled of KnativeServing off, or set ingress-class in its "
        f"spec.config.network to {ISTIO_CLASS}."
    ),
    section=SERVERLESS_SECTION,
    kinds=frozenset({SERVING, KNATIVE_SERVICE, DOMAIN_MAPPING}),
    check=check,
)
