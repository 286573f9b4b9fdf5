"""Manifests from files, folders and standard input, each with the line that it begins on."""

import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any, Final

import yaml
from yaml.nodes import MappingNode, ScalarNode, SequenceNode

from policy.world import Given

try:
    # Written in C and some ten times as fast, but not in every build of PyYAML.
    from yaml import CSafeLoader as SafeLoader
except ImportError:
    from yaml import SafeLoader  # type: ignore[assignment]

SUFFIXES: Final = frozenset({".yaml", ".yml", ".json"})
_TEXT: Final = "tag:yaml.org,2002:str"
_MAPPING: Final = "tag:yaml.org,2002:map"
_SEQUENCE: Final = "tag:yaml.org,2002:seq"


class ManifestError(Exception):
    """A file can't be read as manifests; the message names it and the place."""


def load(path: Path) -> Iterator[Given]:
    """Read a file, every manifest below a folder, or standard input (`-`).

    Raises:
        ManifestError: nothing is there, a file is no YAML, or a folder has no manifest.
    """
    if str(path) == "-":
        yield from _documents(sys.stdin.read(), "standard input")
    elif path.is_dir():
        files = [file for file in sorted(path.rglob("*")) if file.suffix in SUFFIXES]
        if not files:
            raise ManifestError(f"{path} has no file that ends in {', '.join(sorted(SUFFIXES))}")
        for file in files:
            yield from _file(file)
    else:
        yield from _file(path)


def _file(path: Path) -> Iterator[Given]:
    try:
        text = path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ManifestError(f"{path} can't be read: {error}") from None
    yield from _documents(text, str(path))


class _Loader(SafeLoader):
    """PyYAML's safe loader, faster: manifests repeat their scalars, and few of them have tags."""

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
        """Return the value of a node without aliases in it."""
        kind, tag = type(node), node.tag
        if kind is ScalarNode:
            return node.value if tag == _TEXT else self._scalar(node)
        if kind is MappingNode and tag == _MAPPING:
            found = {}
            for key, value in node.value:
                if key.tag != _TEXT or type(key) is not ScalarNode:
                    return self.construct_object(node, deep=True)
                found[key.value] = self.plain(value)
            return found
        if kind is SequenceNode and tag == _SEQUENCE:
            return [self.plain(item) for item in node.value]
        return self.construct_object(node, deep=True)

    def _scalar(self, node: yaml.Node) -> Any:
        known = (node.tag, node.value)
        if known not in self._scalars:
            self._scalars[known] = self.construct_object(node)
        return self._scalars[known]


def _documents(text: str, name: str) -> Iterator[Given]:
    loader = _Loader(text)
    # What an alias names is shared, not written out; a node that is a part of itself is refused.
    construct = partial(loader.construct_object, deep=True) if "&" in text else loader.plain
    try:
        while loader.check_node():
            node = loader.get_node()
            assert node is not None, "there is one, as was just asked"
            document = construct(node)
            if document is not None:
                yield Given(document, f"{name}:{node.start_mark.line + 1}")
    except (yaml.YAMLError, ValueError) as error:
        raise ManifestError(f"{name} is not YAML: {error}") from None
    except RecursionError:
        raise ManifestError(f"{name} nests too deeply") from None
    finally:
        loader.dispose()
