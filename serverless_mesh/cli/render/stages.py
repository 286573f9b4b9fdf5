"""The manifests in stages: what is in one may be applied at once, after those before are ready."""

import json
import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from mesh_policy.documented.kinds import SECRET, Kind
from mesh_policy.documented.names import CERTIFICATE_UID
from mesh_policy.reading.objects import kind_of
from mesh_policy.reading.private_keys import holds_private_key
from mesh_policy.reading.values import mapping, text
from serverless_mesh.cli.render.errors import RenderError
from serverless_mesh.cli.render.preview import Declared, open_values

_PULUMI: Final = "pulumi.com/"
"""How annotations and labels begin that only the Kubernetes plugin reads."""
_WAIT, _TIMEOUT = f"{_PULUMI}waitFor", f"{_PULUMI}timeoutSeconds"
_LONGEST: Final = 40
"""Characters of what a stage is named after: Flux labels objects by it, in 63 with what it adds."""
_DATA: Final = ("data", "stringData")


@dataclass(frozen=True)
class Manifest:
    """An object as it is written, and what its program knows beyond it.

    `waits` are the expressions, as `kubectl wait --for` takes them, that hold once it is ready.
    """

    body: Mapping[str, Any]
    component: str
    depth: int
    kept: bool = False
    share: bool = False
    waits: tuple[str, ...] = ()
    timeout: int = 0
    """Seconds within which it is ready, 0 where nobody waits for it."""

    @property
    def kind(self) -> Kind:
        """Its kind."""
        return kind_of(self.body)

    @property
    def namespace(self) -> str:
        """Its namespace, empty where it has none."""
        return text(mapping(self.body.get("metadata")).get("namespace"))

    @property
    def name(self) -> str:
        """Its name."""
        return text(mapping(self.body.get("metadata")).get("name"))

    @property
    def key(self) -> tuple[Kind, str, str]:
        """What tells it from all others."""
        return self.kind, self.namespace, self.name

    @property
    def holds_data(self) -> bool:
        """Whether it is a Secret with what is secret in it."""
        return self.kind == SECRET and any(field in self.body for field in _DATA)

    def __str__(self) -> str:
        """Name it in a message."""
        place = f"{self.namespace}/" if self.namespace else ""
        return f"{self.kind.name} {place}{self.name}"


@dataclass(frozen=True)
class Stage:
    """What is applied at once."""

    name: str
    manifests: tuple[Manifest, ...]


def manifests(found: Iterable[Declared]) -> list[Manifest]:
    """Return one manifest for each object; the shares of one object are put together.

    Such a one is made with the first of its shares. That is earlier than an update adds the others,
    and does not matter: they are labels, by which nothing happens before what reads them is there.
    """
    by_key: dict[tuple[Kind, str, str], Manifest] = {}
    for each in sorted(found, key=lambda each: each.depth):
        manifest = _manifest(each)
        known = by_key.get(manifest.key)
        by_key[manifest.key] = _merged(known, manifest) if known else manifest
    return list(by_key.values())


def _manifest(found: Declared) -> Manifest:
    annotations = mapping(mapping(found.body.get("metadata")).get("annotations"))
    waits = _expressions(annotations.get(_WAIT))
    given = text(annotations.get(_TIMEOUT))
    timeout = int(given) if waits and given.isdecimal() else 0
    body = _with_uids(_without_pulumi(found.body))
    return Manifest(body, found.component, found.depth, found.kept, found.share, waits, timeout)


def _expressions(wait_for: object) -> tuple[str, ...]:
    if not isinstance(wait_for, str):
        return ()
    if not wait_for.startswith("["):
        return (wait_for,)
    try:
        return tuple(map(str, json.loads(wait_for)))
    except ValueError:
        raise RenderError(f"{_WAIT} is no list in JSON: {wait_for!r}") from None


def _without_pulumi(body: Mapping[str, Any]) -> dict[str, Any]:
    metadata = dict(mapping(body.get("metadata")))
    for part in ("annotations", "labels"):
        kept = {
            key: value
            for key, value in mapping(metadata.pop(part, None)).items()
            if not key.startswith(_PULUMI)
        }
        if kept:
            metadata[part] = kept
    return {**body, "metadata": metadata}


def _with_uids(body: dict[str, Any]) -> dict[str, Any]:
    """Return the object with a certificate's uid of its own, the same in every rendering.

    net-istio asks only whether the label is there; an update draws its value by chance.
    """
    metadata = mapping(body["metadata"])
    name = f"{text(metadata.get('namespace'))}/{text(metadata.get('name'))}"
    uid = str(uuid.uuid5(uuid.NAMESPACE_URL, name))

    def labelled(value: Any) -> Any:
        if isinstance(value, Mapping):
            return {k: uid if k == CERTIFICATE_UID else labelled(v) for k, v in value.items()}
        return [labelled(each) for each in value] if isinstance(value, list) else value

    return {key: labelled(value) for key, value in body.items()}


def _merged(first: Manifest, second: Manifest) -> Manifest:
    return replace(
        first,
        body=_merged_bodies(first.body, second.body),
        kept=first.kept or second.kept,
        share=first.share and second.share,
        waits=tuple(dict.fromkeys((*first.waits, *second.waits))),
        timeout=max(first.timeout, second.timeout),
    )


def _merged_bodies(first: Mapping[str, Any], second: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(first)
    for key, value in second.items():
        known = merged.get(key)
        both = isinstance(known, Mapping) and isinstance(value, Mapping)
        merged[key] = _merged_bodies(known, value) if both else value  # type: ignore[arg-type]
    return merged


def check(manifest: Manifest) -> None:
    """Refuse an object that can't be written to a file that others read.

    Raises:
        RenderError: a value is secret, or not known yet, or a private key.
    """
    for path, what in open_values(manifest.body):
        raise RenderError(f"{manifest} can't be rendered: {path} is {what}")
    if holds_private_key(manifest.body):
        raise RenderError(f"{manifest} can't be rendered: a private key is in it")


def stages(found: Sequence[Manifest]) -> list[Stage]:
    """Return the manifests by stages, which are numbered and named after what declares them."""
    depths = sorted({each.depth for each in found})
    made = []
    for number, depth in enumerate(depths):
        together = tuple(each for each in found if each.depth == depth)
        names = "-".join(sorted({each.component for each in together}))
        ordered = sorted(together, key=lambda each: (str(each.kind), each.namespace, each.name))
        made.append(Stage(f"{number:02d}-{names[:_LONGEST].rstrip('-._')}", tuple(ordered)))
    return made


def needs_definition(kind: Kind) -> bool:
    """Say whether a kind is there only once an operator, or somebody, has defined it."""
    return "." in kind.group and not kind.group.endswith(".k8s.io")
