"""What `check` and `graph` look at: manifests, a live cluster, or the one over the other."""

from collections.abc import Sequence, Set
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from mesh_policy.documented.kinds import Kind
from mesh_policy.rule import Result, Rule, evaluate
from mesh_policy.world import World
from serverless_mesh.cli import sources
from serverless_mesh.cli.completeness import DUMPED, Dump, read_by
from serverless_mesh.cli.console import note, stop
from serverless_mesh.cli.hidden import reworded
from serverless_mesh.cli.live import ClusterError, over_cluster
from serverless_mesh.cli.manifests import ManifestError
from serverless_mesh.cli.progress import working

Files = Annotated[
    list[Path] | None,
    typer.Option("--file", "-f", help="A manifest, a folder of them, or - for stdin (repeatable)."),
]
Context = Annotated[str | None, typer.Option(help="The live cluster of this kubeconfig context.")]
Kubeconfig = Annotated[
    Path | None, typer.Option(help="The kubeconfig, instead of your own; its cluster is read.")
]
Complete = Annotated[
    bool,
    typer.Option(
        "--complete", help="The files are a whole cluster: what they lack does not exist."
    ),
]


@dataclass(frozen=True)
class Asked:
    """What a command is asked to look at, as its options have it."""

    files: Sequence[Path]
    context: str | None
    kubeconfig: Path | None
    mesh: str | None
    complete: bool

    @property
    def live(self) -> bool:
        """Say whether a live cluster is read."""
        return self.context is not None or self.kubeconfig is not None


@dataclass(frozen=True)
class Seen:
    """What was there, and what the rules find in it."""

    world: World
    results: list[Result]
    dumps: Sequence[Path]
    """The folders that are dumps of a cluster."""
    unchecked: list[str]
    """What of the files could not be read, or not as it is; a line each."""

    @property
    def unread(self) -> list[str]:
        """List what could not be read, with what is no object."""
        malformed = (f"{each.source}: {each.why}" for each in self.world.malformed)
        return [*self.unchecked, *malformed]


def look(
    asked: Asked, rules: tuple[Rule, ...], purpose: str, also: Set[Kind] = frozenset()
) -> Seen:
    """Read what is asked for, and hold it against the rules.

    What the rules read is read, and all objects of the kinds in `also`. `purpose` says what is done
    with it ("check", "draw").

    Raises:
        typer.Exit: there is nothing to look at, or it can't be read, which was said.
    """
    if not asked.files and not asked.live:
        raise stop(
            f"nothing to {purpose}: name manifests (-f) or a cluster (--context, --kubeconfig)"
        )
    if asked.complete and (asked.live or not asked.files):
        raise stop("--complete is said of files (-f); a live cluster is complete by itself")
    try:
        with working("reading files"):
            found = sources.read(asked.files, read_by(rules) | also, asked.complete)
    except ManifestError as error:
        raise stop(str(error)) from None
    if asked.complete:
        dump = Dump.of(found.given, rules, asked.mesh, inspected=bool(found.dumps))
        world, results = dump.world, list(dump.evaluate(rules))
    elif asked.live:
        try:
            with working("reading the cluster"):
                world = over_cluster(
                    found.given, rules, asked.kubeconfig, asked.context, asked.mesh, also
                )
        except ClusterError as error:
            raise stop(str(error)) from None
        results = list(evaluate(rules, world))
    else:
        world = World.of(found.given, mesh=asked.mesh)
        results = list(evaluate(rules, world))
    for each in () if asked.complete else found.dumps:
        note(f"note: {each} {DUMPED}")
    return Seen(world, list(map(reworded, results)), found.dumps, found.unchecked)
