"""What Argo CD and Flux have to be told of each object, and how Flux is told the order."""

import enum
import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import PurePosixPath
from typing import Any, Final, NamedTuple

from serverless_mesh.cli.render.errors import RenderError
from serverless_mesh.cli.render.stages import Manifest, Stage, needs_definition

FLUX_FOLDER: Final = "flux"
_ARGO: Final = "argocd.argoproj.io"
_FLUX: Final = "kustomize.toolkit.fluxcd.io"
_PREFIX: Final = "serverless-mesh"
_CONDITION: Final = re.compile(r"condition=([A-Za-z0-9]+)(?:=(True|False|Unknown))?", re.ASCII)
_PATH: Final = re.compile(r"jsonpath=\{((?:\.[A-Za-z0-9]+)+)\}(?:=([A-Za-z0-9]+))?", re.ASCII)


class For(enum.StrEnum):
    """Who applies the folder."""

    ARGOCD = "argocd"
    FLUX = "flux"


class Source(NamedTuple):
    """The GitRepository of Flux and the folder's path in it."""

    name: str
    namespace: str
    path: PurePosixPath


def argo_annotations(wave: int, manifest: Manifest) -> dict[str, str]:
    """Return the annotations by which Argo CD orders an object and never takes what is kept."""
    options = ["ServerSideApply=true"]
    if needs_definition(manifest.kind):
        options.append("SkipDryRunOnMissingResource=true")
    if manifest.kept:
        options += ["Prune=false", "Delete=false"]
    return {
        f"{_ARGO}/sync-options": ",".join(options),
        f"{_ARGO}/sync-wave": str(wave),
    }


def flux_annotations(manifest: Manifest) -> dict[str, str]:
    """Return the annotations by which Flux never takes what is kept, nor fields of others."""
    kept = {f"{_FLUX}/prune": "disabled"} if manifest.kept else {}
    return {**kept, **({f"{_FLUX}/ssa": "Merge"} if manifest.kept or manifest.share else {})}


def flux_kustomizations(stages: Sequence[Stage], source: Source) -> Iterator[dict[str, Any]]:
    """List the Kustomizations of Flux, one a stage, each of which waits for the one before."""
    before: str | None = None
    for stage in stages:
        name = f"{_PREFIX}-{stage.name}"
        timeout = max((each.timeout for each in stage.manifests), default=0)
        checks = list(_health_checks(stage.manifests))
        yield {
            "apiVersion": f"{_FLUX}/v1",
            "kind": "Kustomization",
            "metadata": {"name": name, "namespace": source.namespace},
            "spec": {
                "interval": "10m",
                "retryInterval": "1m",
                "timeout": f"{timeout or 300}s",
                "path": f"./{source.path / stage.name}",
                "sourceRef": {"kind": "GitRepository", "name": source.name},
                "prune": True,
                # A stage that is renumbered is another Kustomization: the objects must outlive it.
                "deletionPolicy": "Orphan",
                "wait": True,
                **({"dependsOn": [{"name": before}]} if before else {}),
                **({"healthCheckExprs": checks} if checks else {}),
            },
        }
        before = name


def _health_checks(manifests: Iterable[Manifest]) -> Iterator[dict[str, str]]:
    """List when the kinds are ready for which the program waits; an object counts until then."""
    expressions: dict[tuple[str, str], dict[str, None]] = {}
    for each in manifests:
        about = (str(each.body["apiVersion"]), str(each.body["kind"]))
        if each.waits:
            known = expressions.setdefault(about, {})
            known.update(dict.fromkeys(in_cel(wait) for wait in each.waits))
    for (version, kind), found in sorted(expressions.items()):
        yield {"apiVersion": version, "kind": kind, "current": " && ".join(found)}


def in_cel(wait: str) -> str:
    """Return in CEL what an expression of `kubectl wait --for` asks.

    Raises:
        RenderError: the expression is of another form.
    """
    if condition := _CONDITION.fullmatch(wait):
        name, status = condition[1], condition[2] or "True"
        return (
            "has(status.conditions) && status.conditions.exists(each, "
            f"each.type == '{name}' && each.status == '{status}')"
        )
    if path := _PATH.fullmatch(wait):
        place = path[1].removeprefix(".")
        there = f"has({place})"
        return there if path[2] is None else f"{there} && {place} == '{path[2]}'"
    raise RenderError(f"the expression {wait!r}, for which an update waits, has no form for Flux")
