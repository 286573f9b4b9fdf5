"""`serverless-mesh graph`: read what there is, and draw it."""

import enum
from pathlib import Path
from typing import Annotated, Final

import typer

from mesh_policy.documented.kinds import AUTHORIZATION_POLICY, Kind
from mesh_policy.rule import Result, by_finding
from mesh_policy.rules import RULES
from mesh_policy.world import World
from serverless_mesh.cli.console import STANDARD, note, stop, write
from serverless_mesh.cli.failures import COULD_NOT
from serverless_mesh.cli.help_texts import epilog
from serverless_mesh.cli.looking import (
    Asked,
    Complete,
    Context,
    Files,
    Kubeconfig,
    look,
)
from serverless_mesh.cli.options import MeshNamespace, OutputFile

EPILOG: Final = epilog(
    "graph --context production --output production.svg",
    "graph --file manifests/ --output review.mmd",
    codes="0 drawn, whatever was found, 2 could not read, or not everything",
)
ALSO_READ: Final[frozenset[Kind]] = frozenset({AUTHORIZATION_POLICY})
"""What a picture shows beside what rules read."""
_RULES: Final = tuple(rule for rule in RULES if not rule.of_updates)
_GAPS_SHOWN: Final = 4


class Format(enum.StrEnum):
    """How the picture is written."""

    MERMAID = "mermaid"
    SVG = "svg"


_SUFFIXES: Final = {".svg": Format.SVG, ".mmd": Format.MERMAID, ".mermaid": Format.MERMAID}


def graph(
    files: Files = None,
    context: Context = None,
    kubeconfig: Kubeconfig = None,
    mesh: MeshNamespace = None,
    complete: Complete = False,
    output: OutputFile = None,
    written: Annotated[
        Format | None,
        typer.Option("--format", help="By default what the name of --output ends in, or mermaid."),
    ] = None,
) -> None:
    """Draw Serverless in its mesh: of a live cluster, of manifests, or of both together.

    What the rules find is marked on the picture, with what to do below it. No secret's content is
    in it, only the names and the dates of the certificate that the gateway serves.
    """
    # What draws is imported by nobody else.
    from serverless_mesh.cli.graph.build import is_empty

    format_ = written or _by_suffix(output)
    asked = Asked(files or [], context, kubeconfig, mesh, complete)
    seen = look(asked, _RULES, "draw", ALSO_READ)
    world, results = seen.world, seen.results
    gaps = [*seen.unread, *_unread(world, results)]
    for line in gaps:
        note(f"not read: {line}")
    if is_empty(world):
        why = "nothing was found of a mesh, of Gateways or of Serverless"
        raise stop(f"nothing to draw: {why}{', as not all could be read' if gaps else ''}")
    write(_drawn(format_, world, results, _of(asked), gaps), output)
    if gaps:
        raise typer.Exit(COULD_NOT)


def _drawn(format_: Format, world: World, results: list[Result], of: str, gaps: list[str]) -> str:
    from serverless_mesh.cli.graph.build import build
    from serverless_mesh.cli.graph.mermaid import as_mermaid
    from serverless_mesh.cli.graph.svg import as_svg

    notes = [f"Not read: {line}" for line in gaps[:_GAPS_SHOWN]]
    if more := len(gaps) - len(notes):
        notes.append(f"Not read: {more} more")
    picture = build(world, results, of=of, notes=notes)
    return as_svg(picture) if format_ is Format.SVG else as_mermaid(picture)


def _unread(world: World, results: list[Result]) -> list[str]:
    """List what could not be read, each once."""
    lines = {str(finding) for finding in by_finding(results)}
    lines |= {f"{kind.name}: {world.unread[kind]}" for kind in ALSO_READ & world.unread.keys()}
    return sorted(lines)


def _by_suffix(output: Path | None) -> Format:
    if output is None or str(output) == STANDARD:
        return Format.MERMAID
    found = _SUFFIXES.get(output.suffix.lower())
    if found is None:
        known = ", ".join(_SUFFIXES)
        raise stop(f"--output {output} ends in none of {known}: give --format mermaid or svg")
    return found


def _of(asked: Asked) -> str:
    """Say of what the picture is."""
    files = asked.files
    names = ", ".join("standard input" if str(file) == STANDARD else file.name for file in files)
    cluster = f"the cluster of context {asked.context}" if asked.context else "the cluster"
    if not asked.live:
        return f"as it is in {names}"
    return f"as it would be in {cluster} with {names}" if files else f"as it is in {cluster}"
