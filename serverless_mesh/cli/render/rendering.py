"""From what is declared to the texts of files: a pure function, the same for the same input."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final, NamedTuple

import yaml

from mesh_policy.reading.values import mapping
from serverless_mesh.cli.render.errors import RenderError
from serverless_mesh.cli.render.preview import Declared
from serverless_mesh.cli.render.secrets import Store, external
from serverless_mesh.cli.render.stages import Manifest, check, manifests, stages
from serverless_mesh.cli.render.targets import (
    FLUX_FOLDER,
    Source,
    argo_annotations,
    flux_annotations,
    flux_kustomizations,
)

_FIRST: Final = ("apiVersion", "kind", "metadata", "type", "name", "namespace")
"""Where these stand, they stand first, as one reads them."""
_FIT: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*", re.ASCII)
_NOTE: Final = "# Written by `serverless-mesh render`, which overwrites it.\n"


@dataclass(frozen=True)
class Rendered:
    """The files, by their paths in the folder, and the Secrets that are none of them."""

    files: Mapping[str, str]
    left_out: tuple[Manifest, ...]


class Choices(NamedTuple):
    """What is rendered for whom: Flux where `source` is given, else Argo CD.

    With a `store`, what is made of a Secret is a reference to it.
    """

    source: Source | None = None
    store: Store | None = None


def rendered(declared: list[Declared], choices: Choices) -> Rendered:
    """Return the files for what is declared.

    Raises:
        RenderError: an object can't be written to a file.
    """
    found, left_out = [], []
    for each in manifests(declared):
        if not each.holds_data:
            found.append(each)
        elif choices.store is not None:
            found.append(external(each, choices.store))
        else:
            left_out.append(each)
    files: dict[str, str] = {}
    staged = stages(found)
    for wave, stage in enumerate(staged):
        for manifest in stage.manifests:
            check(manifest)
            more = (
                argo_annotations(wave, manifest)
                if choices.source is None
                else flux_annotations(manifest)
            )
            path = _file(stage.name, manifest)
            if path in files:
                raise RenderError(f"{manifest} would have the file of another object: {path}")
            files[path] = written(_annotated(manifest, more).body)
    if choices.source is not None:
        for stage, body in zip(staged, flux_kustomizations(staged, choices.source), strict=True):
            files[f"{FLUX_FOLDER}/{stage.name}.yaml"] = written(body)
    return Rendered(files, tuple(left_out))


def _annotated(manifest: Manifest, more: Mapping[str, str]) -> Manifest:
    if not more:
        return manifest
    metadata = mapping(manifest.body["metadata"])
    both = {**mapping(metadata.get("annotations")), **more}
    return replace(manifest, body={**manifest.body, "metadata": {**metadata, "annotations": both}})


def _file(stage: str, manifest: Manifest) -> str:
    """Return the path of a manifest; no part of an object's name has the `_` between them."""
    parts = filter(None, (str(manifest.kind).lower(), manifest.namespace, manifest.name))
    name = "_".join(part.replace(":", "-") for part in parts)
    if not (manifest.name and _FIT.fullmatch(name) and _FIT.fullmatch(stage)):
        raise RenderError(f"{manifest} of {stage!r} has a name that no file can have")
    return f"{stage}/{name}.yaml"


def written(body: Mapping[str, Any]) -> str:
    """Return an object in YAML, the same whatever the order of its fields."""
    text: str = yaml.safe_dump(
        _ordered(body), sort_keys=False, default_flow_style=False, allow_unicode=True, width=100
    )
    return _NOTE + text


def _ordered(value: Any) -> Any:
    if isinstance(value, Mapping):
        keys = sorted(value, key=lambda key: (_rank(key), key))
        return {key: _ordered(value[key]) for key in keys}
    return [_ordered(each) for each in value] if isinstance(value, list | tuple) else value


def _rank(key: str) -> int:
    return _FIRST.index(key) if key in _FIRST else len(_FIRST)
