"""The command `serverless-mesh config new`."""

import enum
import os
from pathlib import Path
from typing import Annotated, Final

import typer
import yaml

from serverless_mesh.cli.console import STANDARD, note, stop
from serverless_mesh.cli.help_texts import epilog
from serverless_mesh.cli.options import CurrentContext, OutputFile, OwnKubeconfig
from serverless_mesh.cli.progress import working

EPILOG: Final = epilog(
    "config new --context production --output Pulumi.production.yaml",
    "config new --context production --mesh 3 --issuer corporate",
    "config new --context production --control-plane istio-system/basic",
    codes="0 written, 2 the cluster can't be read or leaves something open, or the file is there",
)


class MeshVersion(enum.StrEnum):
    """The versions of Service Mesh."""

    TWO = "2"
    THREE = "3"


def new_stack_file(
    context: CurrentContext = None,
    kubeconfig: OwnKubeconfig = None,
    mesh: Annotated[
        MeshVersion | None, typer.Option(help="Version of Service Mesh, where both could be.")
    ] = None,
    control_plane: Annotated[
        str, typer.Option(help="The control plane to use, as NAME or NAMESPACE/NAME.")
    ] = "",
    new_mesh: Annotated[
        bool, typer.Option("--new-mesh", help="A mesh of the stack's own, beside what is there.")
    ] = False,
    issuer: Annotated[
        str, typer.Option(help="cert-manager's ClusterIssuer for the wildcard certificate.")
    ] = "",
    output: OutputFile = None,
    force: Annotated[bool, typer.Option("--force", help="Overwrite the file of --output.")] = False,
) -> None:
    """Write a stack file with the settings that fit what a cluster has; the cluster is only read.

    Comments in it say why each setting is so, and what to look at.
    """
    # These take long to import, and few commands need them.
    from mesh_policy.observe import ObserveError
    from serverless_mesh import settings
    from serverless_mesh.cli.new_stack_file import certificate_section
    from serverless_mesh.cli.new_stack_file.found import read
    from serverless_mesh.cli.new_stack_file.mesh_choice import Choices, OpenChoiceError, choose
    from serverless_mesh.cli.new_stack_file.stack_file import remarks, stack_file

    if output is not None and str(output) == STANDARD:
        output = None
    if output is not None and os.path.lexists(output) and not force:
        raise stop(f"{output} is there already: overwrite it by --force, or name another file")
    chosen_by_user = Choices(int(mesh) if mesh else None, control_plane, new_mesh, issuer)
    try:
        with working("reading the cluster"):
            found = read(str(kubeconfig) if kubeconfig else None, context)
            chosen = choose(found, chosen_by_user)
            found = found.following(certificate_section.secret(found, chosen))
        text = stack_file(found, chosen, chosen_by_user)
    except (ObserveError, OpenChoiceError) as error:
        raise stop(str(error)) from None
    prefix = f"{settings.PROJECT}:"
    given = {
        key.removeprefix(prefix): value
        for key, value in yaml.safe_load(text)["config"].items()
        if key.startswith(prefix)
    }
    name = output.name if output else "the stack file"
    try:
        settings.check(given, name)
    except settings.SettingsError as error:
        raise stop(f"the cluster has what no setting takes. {error}") from None
    if output is None:
        typer.echo(text, nl=False)
    else:
        _write(output, text, force)
        note(f"written: {output}")
    for remark in remarks(found, chosen):
        note(f"note: {remark}")


def _write(file: Path, text: str, force: bool) -> None:
    try:
        with file.open("w" if force else "x", encoding="utf-8") as stream:
            stream.write(text)
    except OSError as error:
        raise stop(f"{file} can't be written: {error.strerror}") from None
