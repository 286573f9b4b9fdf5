"""Manifests from texts and files, each with the line that it begins on."""

import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import yaml
from yaml.nodes import MappingNode, ScalarNode, SequenceNode

from mesh_policy.reading.documents import (
    DEEPEST,
    REPEATED,
    StrictLoader,
    refuse_repeated,
    repetitions,
)
from mesh_policy.reading.files import FileError, decoded, read_text, within
from mesh_policy.reading.objects import Given

STANDARD_INPUT: Final = "standard input"
"""What it is called."""
_TEXT: Final = "tag:yaml.org,2002:str"
_MAPPING: Final = "tag:yaml.org,2002:map"
_SEQUENCE: Final = "tag:yaml.org,2002:seq"
_JSON: Final = re.compile(r"\s*(?={)")
_LARGEST: Final = 256 << 20
"""Bytes of one file, or of standard input."""


class ManifestError(Exception):
    """A file can't be read as manifests; the message names it and the place."""


def content(path: Path) -> tuple[str, str]:
    """Return what a file, or standard input (`-`), is called and what it holds.

    Raises:
        ManifestError: it can't be read, or is no text.
    """
    standard = str(path) == "-"
    name = STANDARD_INPUT if standard else str(path)
    try:
        return name, decoded(_standard_input()) if standard else read_text(path, _LARGEST)
    except FileError as error:
        raise ManifestError(f"{name} can't be read: {error}") from None


def _standard_input() -> bytes:
    try:
        return within(sys.stdin.buffer.read(_LARGEST + 1), _LARGEST)
    except (OSError, ValueError, AttributeError):
        # Python has none at all where it was closed from the beginning.
        raise FileError("it is closed") from None


class _Loader(StrictLoader):
    """A loader that is faster: manifests repeat their scalars, and few of them have tags."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self._tags: dict[tuple[type[yaml.Node], str, Any], str] = {}
        self._scalars: dict[tuple[str, str], Any] = {}

    def resolve(self, kind: type[yaml.Node], value: str, implicit: Any) -> str:
        """Return the tag of a node that has none."""
        asked = (kind, value, implicit)
        tag = self._tags.get(asked)
        if tag is None:
            tag = str(super().resolve(*asked))  # type: ignore[no-untyped-call]
            self._tags[asked] = tag
        return tag

    def plain(self, node: yaml.Node) -> Any:
        """Return the value of a node; what aliases name is written out."""
        kind, tag = type(node), node.tag
        if kind is ScalarNode:
            return node.value if tag == _TEXT else self._scalar(node)
        if kind is MappingNode and tag == _MAPPING:
            found = {}
            for key, value in node.value:
                if key.tag != _TEXT or type(key) is not ScalarNode:
                    return self.construct_object(node, deep=True)
                found[key.value] = self.plain(value)
            if len(found) < len(node.value):
                refuse_repeated(node.value)
            return found
        if kind is SequenceNode and tag == _SEQUENCE:
            return [self.plain(item) for item in node.value]
        return self.construct_object(node, deep=True)

    def _scalar(self, node: yaml.Node) -> Any:
        known = (node.tag, node.value)
        if known not in self._scalars:
            self._scalars[known] = self.construct_object(node)
        return self._scalars[known]


def documents(text: str, name: str, first: int = 1) -> Iterator[Given]:
    """Read the documents of a text that begins on the line `first` of what is called `name`.

    Raises:
        ManifestError: it is no YAML.
    """
    try:
        if start := _JSON.match(text):
            line = text.count("\n", 0, start.end()) + first
            try:
                document = json.loads(text, object_pairs_hook=_without_repetition)
            except ValueError:
                # A mapping in YAML's flow style, one of several documents, or a key that stands
                # twice: YAML's own reader knows the place.
                pass
            else:
                _bounded(document)
                yield Given(document, f"{name}:{line}")
                return
        yield from _yaml(text, name, first)
    except RecursionError:
        raise ManifestError(f"{name} nests too deeply") from None


def _without_repetition(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError
    return found


def _bounded(document: Any) -> None:
    level = [document]
    for _ in range(DEEPEST):
        level = [
            child
            for value in level
            if isinstance(value, dict | list)
            for child in (value.values() if isinstance(value, dict) else value)
        ]
        if not level:
            return
    raise RecursionError


def _yaml(text: str, name: str, first: int) -> Iterator[Given]:
    loader = _Loader(text)
    try:
        end = 0
        while loader.check_node():
            node = loader.get_node()
            assert node is not None, "there is one, as was just asked"
            place = f"{name}:{node.start_mark.line + first}"
            # Only its own part of the text is looked at: there may be very many documents.
            start, end = end, node.end_mark.index
            repeated = repetitions(node) if text.find("&", start, end) >= 0 else 0
            if repeated > REPEATED:
                raise ManifestError(f"{place} repeats too much by aliases")
            document = loader.plain(node)
            if repeated:
                _bounded(document)
            if document is not None:
                yield Given(document, place)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        place = f"{name}:{mark.line + first}:{mark.column + 1}" if mark else name
        raise ManifestError(f"{place} is not YAML: {error.problem}") from None
    except (yaml.YAMLError, ValueError) as error:
        raise ManifestError(f"{name} is not YAML: {error}") from None
    except (TypeError, AttributeError, KeyError):
        # A tag that asks for what its value is not: PyYAML lets Python's own error through.
        raise ManifestError(f"{name} is not YAML: a value is not what its tag says") from None
    finally:
        loader.dispose()
