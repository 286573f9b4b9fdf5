"""`serverless-mesh graph`: read what there is, and draw it."""

import enum
from pathlib import Path
from typing import Annotated, Final

import typer

from mesh_policy.documented.kinds import AUTHORIZATION_POLICY, Kind
from mesh_policy.escaping import printable
from mesh_policy.rule import Result, by_finding, evaluate
from mesh_policy.rules import RULES
from mesh_policy.world import World
from serverless_mesh.cli import sources
from serverless_mesh.cli.completeness import DUMPED, Dump, read_by
from serverless_mesh.cli.failures import COULD_NOT, Output
from serverless_mesh.cli.graph.build import build, is_empty
from serverless_mesh.cli.graph.mermaid import as_mermaid
from serverless_mesh.cli.graph.svg import as_svg
from serverless_mesh.cli.hidden import reworded
from serverless_mesh.cli.live import ClusterError, over_cluster
from serverless_mesh.cli.manifests import ManifestError
from serverless_mesh.cli.progress import working

ALSO_READ: Final[frozenset[Kind]] = frozenset({AUTHORIZATION_POLICY})
"""What a picture shows beside what rules read."""
_RULES: Final = tuple(rule for rule in RULES if not rule.of_updates)
_GAPS_SHOWN: Final = 4
_STDOUT: Final = "-"
err = Output(stderr=True, highlight=False, soft_wrap=True)


class Format(enum.StrEnum):
    """How the picture is written."""

    MERMAID = "mermaid"
    SVG = "svg"


_SUFFIXES: Final = {".svg": Format.SVG, ".mmd": Format.MERMAID, ".mermaid": Format.MERMAID}


def graph(
    files: Annotated[
        list[Path] | None,
        typer.Option(
            "--file", "-f", help="A manifest, a folder of them, or - for stdin (repeatable)."
        ),
    ] = None,
    context: Annotated[
        str | None, typer.Option(help="Draw the live cluster of this kubeconfig context.")
    ] = None,
    kubeconfig: Annotated[
        Path | None, typer.Option(help="The kubeconfig, instead of your own; draws its cluster.")
    ] = None,
    mesh: Annotated[
        str | None, typer.Option(help="Namespace of the Serverless mesh, where it is not known.")
    ] = None,
    complete: Annotated[
        bool,
        typer.Option(
            "--complete", help="The files are a whole cluster: what they lack does not exist."
        ),
    ] = False,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="The file to write, instead of stdout.")
    ] = None,
    written: Annotated[
        Format | None,
        typer.Option("--format", help="By default what the name of --output ends in, or mermaid."),
    ] = None,
) -> None:
    """Draw Serverless in its mesh: of a live cluster, of manifests, or of both together.

    What the rules find is marked on the picture, with what to do below it. No secret's content is
    in it, only the names and the dates of the certificate that the gateway serves.
    """
    format_ = written or _by_suffix(output)
    live = context is not None or kubeconfig is not None
    if not files and not live:
        raise _stop("nothing to draw: name manifests (-f) or a cluster (--context, --kubeconfig)")
    if complete and (live or not files):
        raise _stop("--complete is said of files (-f); a live cluster is complete by itself")
    try:
        with working("reading files"):
            found = sources.read(files or [], read_by(_RULES) | ALSO_READ, complete)
    except ManifestError as error:
        raise _stop(str(error)) from None
    if complete:
        dump = Dump.of(found.given, _RULES, mesh, inspected=bool(found.dumps))
        world, results = dump.world, list(dump.evaluate(_RULES))
    elif live:
        try:
            world = over_cluster(found.given, _RULES, kubeconfig, context, mesh, ALSO_READ)
        except ClusterError as error:
            raise _stop(str(error)) from None
        results = list(evaluate(_RULES, world))
    else:
        world = World.of(found.given, mesh=mesh)
        results = list(evaluate(_RULES, world))
    for each in () if complete else found.dumps:
        err.print(printable(f"note: {each} {DUMPED}"), markup=False)
    gaps = [*found.unchecked, *(f"{each.source}: {each.why}" for each in world.malformed)]
    gaps += _unread(world, results)
    for line in gaps:
        err.print(printable(f"not read: {line}"), markup=False)
    if is_empty(world):
        why = "nothing was found of a mesh, of Gateways or of Serverless"
        raise _stop(f"nothing to draw: {why}{', as not all could be read' if gaps else ''}")
    text = _drawn(format_, world, results, _of(files or [], live, context), gaps)
    if output is None or str(output) == _STDOUT:
        typer.echo(text, nl=False)
    else:
        try:
            output.write_text(text, "utf-8")
        except OSError as error:
            raise _stop(f"--output {output} can't be written: {error.strerror}") from None
    if gaps:
        raise typer.Exit(COULD_NOT)


def _drawn(format_: Format, world: World, results: list[Result], of: str, gaps: list[str]) -> str:
    notes = [f"Not read: {line}" for line in gaps[:_GAPS_SHOWN]]
    if more := len(gaps) - len(notes):
        notes.append(f"Not read: {more} more")
    picture = build(world, map(reworded, results), of=of, notes=notes)
    return as_svg(picture) if format_ is Format.SVG else as_mermaid(picture)


def _unread(world: World, results: list[Result]) -> list[str]:
    """List what could not be read, each once."""
    lines = {str(finding) for finding in by_finding(results)}
    lines |= {f"{kind.name}: {world.unread[kind]}" for kind in ALSO_READ & world.unread.keys()}
    return sorted(lines)


def _by_suffix(output: Path | None) -> Format:
    if output is None or str(output) == _STDOUT:
        return Format.MERMAID
    found = _SUFFIXES.get(output.suffix.lower())
    if found is None:
        known = ", ".join(_SUFFIXES)
        raise _stop(f"--output {output} ends in none of {known}: give --format mermaid or svg")
    return found


def _of(files: list[Path], live: bool, context: str | None) -> str:
    """Say of what the picture is."""
    names = ", ".join("standard input" if str(file) == "-" else file.name for file in files)
    cluster = f"the cluster of context {context}" if context else "the cluster"
    if not live:
        return f"as it is in {names}"
    return f"as it would be in {cluster} with {names}" if files else f"as it is in {cluster}"


def _stop(message: str) -> typer.Exit:
    err.print("[red]error:[/] ", end="")
    err.print(printable(message), markup=False)
    return typer.Exit(COULD_NOT)
