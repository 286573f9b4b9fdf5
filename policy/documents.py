"""One YAML document, in which no key stands twice; errors name the line and quote nothing."""

from collections.abc import Hashable
from typing import Any, Final

import yaml

try:
    # Written in C and some ten times as fast, but not in every build of PyYAML.
    from yaml import CSafeLoader as SafeLoader
except ImportError:
    from yaml import SafeLoader  # type: ignore[assignment]

_TIMESTAMP: Final = "tag:yaml.org,2002:timestamp"
_MERGE: Final = "tag:yaml.org,2002:merge"
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

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        """Construct a mapping."""
        if isinstance(node, yaml.MappingNode):
            refuse_repeated(node)
        return super().construct_mapping(node, deep)


def refuse_repeated(node: yaml.MappingNode) -> None:
    """Refuse a mapping that has a key twice.

    Raises:
        RepeatedKeyError: with the place of the second.
    """
    seen: set[tuple[str, str]] = set()
    for key, _ in node.value:
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
        return yaml.load(text, StrictLoader)  # noqa: S506 - a safe loader
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
