"""Of a large text of manifests, the parts in which there is something that rules read.

A cluster has many objects for each one that matters, and reading YAML is what takes the time. What
can be left out is seen by how kubectl writes it; of anything else, all is kept.
"""

import re
from collections.abc import Iterator, Set
from typing import Final, NamedTuple

from mesh_policy.documented.kinds import Kind

_MARK: Final = re.compile(r"\n---(?=[ \t\r\n])")
"""Where a document begins: no value may have this at the beginning of a line."""
_ITEMS: Final = re.compile(r"\nitems:\n( *)(?=- )")
_ELSEWHERE: Final = re.compile(r"\n(?=[^-\s])(?!(?:apiVersion|items|kind|metadata):)")
"""A line that a list has not as kubectl writes it."""
_AFTER: Final = re.compile(r"\n(?=[^\s-])")
_WORD: Final = re.compile(r"[ \t]*([\w./-]+)[ \t\r]*\n")
_LIST: Final = "List"


class Part(NamedTuple):
    """A document of a text that begins on `line`, and of it what matters."""

    whole: str
    kept: str
    line: int


def parts(text: str, kinds: Set[Kind]) -> Iterator[Part]:
    """List the documents of a text in which there may be objects of some kinds."""
    line, start = 1, 0
    for end in (*(mark.start() + 1 for mark in _MARK.finditer(text)), len(text)):
        whole = text[start:end]
        if kept := _kept(whole, kinds):
            yield Part(whole, kept, line)
        line, start = line + whole.count("\n"), end


def _kept(document: str, kinds: Set[Kind]) -> str:
    body = f"\n{document}\n"
    kind = _kind(body, "\n")
    if kind is None or kind in kinds:
        return document
    if not kind.name.endswith(_LIST):
        return ""
    if kind.name != _LIST:
        return document if kind._replace(name=kind.name.removesuffix(_LIST)) in kinds else ""
    return _some(body, kinds) or document


def _kind(body: str, begin: str) -> Kind | None:
    """Return the kind of an object whose keys stand after `begin`, where that is beyond doubt."""
    words = []
    for key in ("apiVersion:", "kind:"):
        first = body.find(begin + key)
        if first < 0 or body.find(begin + key, first + 1) >= 0:
            return None
        if (word := _WORD.match(body, first + len(begin + key))) is None:
            return None
        words.append(word[1])
    version, name = words
    group, slash, _ = version.partition("/")
    return Kind(group if slash else "", name)


def _some(body: str, kinds: Set[Kind]) -> str:
    """Return a list with those items only that matter; nothing where it is not as kubectl's are."""
    start = _ITEMS.search(body)
    if start is None or _ITEMS.search(body, start.end()) or _ELSEWHERE.search(body):
        return ""
    indent = start[1]
    end = _AFTER.search(body, start.end())
    stop = end.start() if end else len(body)
    items = body[start.end() - 1 - len(indent) : stop].split(f"\n{indent}- ")[1:]
    kept = [item for item in items if _matters(f"\n{indent}  {item}\n", f"\n{indent}  ", kinds)]
    middle = "".join(f"\n{indent}- {item}" for item in kept) or " []"
    return f"{body[: start.start()]}\nitems:{middle}{body[stop:]}"


def _matters(item: str, begin: str, kinds: Set[Kind]) -> bool:
    kind = _kind(item, begin)
    return kind is None or kind in kinds
