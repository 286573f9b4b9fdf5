"""One YAML document, in which no key stands twice; errors name the line and quote nothing."""

from collections.abc import Hashable, Iterable
from itertools import chain
from typing import Any, Final

import yaml

try:
    # Written in C and some ten times as fast, but not in every build of PyYAML.
    from yaml import CSafeLoader as SafeLoader
except ImportError:
    from yaml import SafeLoader  # type: ignore[assignment]

_TIMESTAMP: Final = "tag:yaml.org,2002:timestamp"
_MERGE: Final = "tag:yaml.org,2002:merge"
DEEPEST: Final = 200
"""No object nests as deeply; PyYAML would run out of the stack over some ten thousand levels."""
REPEATED: Final = 1_000_000
"""How many values aliases may repeat in a document: what reads it sees each as if written out."""
RESOLVERS: Final = {
    first: [each for each in resolvers if each[0] != _TIMESTAMP]
    for first, resolvers in SafeLoader.yaml_implicit_resolvers.items()
}
"""How plain scalars get their types. Dates stay texts, as they do where YAML becomes JSON."""


class DocumentError(Exception):
    """A text is no such document; the message quotes nothing of it."""


class RepeatedKeyError(yaml.MarkedYAMLError):
    """A mapping has a key twice."""


class StrictLoader(SafeLoader):
    """PyYAML's safe loader, but a key that stands twice is an error, and dates stay texts."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.yaml_implicit_resolvers = RESOLVERS
        self._depth = 0

    def descend_resolver(self, parent: yaml.Node, index: Any) -> None:  # noqa: ARG002
        """Enter a node."""
        self._depth += 1
        if self._depth > DEEPEST:
            raise RecursionError

    def ascend_resolver(self) -> None:
        """Leave a node."""
        self._depth -= 1

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        """Construct a mapping."""
        if isinstance(node, yaml.MappingNode):
            refuse_repeated(node.value)
        return super().construct_mapping(node, deep)


def refuse_repeated(pairs: Iterable[tuple[yaml.Node, yaml.Node]]) -> None:
    """Refuse a mapping's nodes among which a key is twice.

    Raises:
        RepeatedKeyError: with the place of the second.
    """
    seen: set[tuple[str, str]] = set()
    for key, _ in pairs:
        if not isinstance(key, yaml.ScalarNode) or key.tag == _MERGE:
            continue
        known = (key.tag, key.value)
        if known in seen:
            raise RepeatedKeyError(problem="a key stands twice", problem_mark=key.start_mark)
        seen.add(known)


def parse(text: str) -> Any:
    """Return what a text of one YAML document means.

    Raises:
        DocumentError: it is none.
    """
    try:
        return _constructed(StrictLoader(text))
    except yaml.YAMLError as error:
        line = getattr(getattr(error, "problem_mark", None), "line", None)
        where = "" if line is None else f", line {line + 1}"
        why = ": a key stands twice" if isinstance(error, RepeatedKeyError) else ""
        raise DocumentError(f"it is no YAML{where}{why}") from None
    except RecursionError:
        raise DocumentError("it nests too deeply") from None
    except (ValueError, TypeError, OverflowError, AttributeError, KeyError):
        # A tag that asks for what its value is not: PyYAML lets Python's own error through.
        raise DocumentError("it is no YAML: a value is not what its tag says") from None


def _constructed(loader: StrictLoader) -> Any:
    try:
        node = loader.get_single_node()
        if node is None:
            return None
        if repetitions(node) > REPEATED:
            raise DocumentError("it repeats too much by aliases")
        return loader.construct_document(node)
    finally:
        loader.dispose()


def repetitions(node: yaml.Node) -> int:
    """Count the values that a document would have more if every alias was written out.

    Raises:
        RecursionError: a value is a part of itself.
    """
    sizes: dict[int, int] = {}
    return _size(node, sizes) - len(sizes)


def _size(node: yaml.Node, sizes: dict[int, int]) -> int:
    known = sizes.get(id(node))
    if known == 0:
        raise RecursionError
    if known is None:
        sizes[id(node)] = 0
        children = node.value if isinstance(node, yaml.MappingNode | yaml.SequenceNode) else ()
        nodes = chain.from_iterable(children) if isinstance(node, yaml.MappingNode) else children
        known = sizes[id(node)] = 1 + sum(_size(child, sizes) for child in nodes)
    return known
