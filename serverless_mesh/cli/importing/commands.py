"""`serverless-mesh import`: from an integration that was made by hand to a stack that has it.

The engine imports; the commands say what to import, under which settings, and what an update then
changes. None of them writes to the cluster or to a state.
"""

import json
from pathlib import Path
from typing import Annotated

import typer

from mesh_policy.escaping import in_json
from serverless_mesh.cli.console import WRONG, note, stop, write
from serverless_mesh.cli.engine_words import LARGEST
from serverless_mesh.cli.help_texts import epilog
from serverless_mesh.cli.options import CurrentContext, MeshNamespace, OutputFile, OwnKubeconfig
from serverless_mesh.cli.progress import working
from serverless_mesh.errors import ServerlessMeshError

_FolderOption = Annotated[
    Path, typer.Option("--cwd", help="The folder of the Pulumi project.", file_okay=False)
]
_StackOption = Annotated[
    str | None, typer.Option("--stack", "-s", help="The stack, instead of the selected one.")
]

import_app = typer.Typer(
    help=(
        "Take an integration that was made by hand into a stack: docs/guides/import.md. Nothing "
        "is written to the cluster."
    ),
    no_args_is_help=True,
)


@import_app.command(
    "settings",
    epilog=epilog(
        "import settings --context production",
        codes="0 printed, 2 could not look, or not at everything",
    ),
)
def settings(
    context: CurrentContext = None,
    kubeconfig: OwnKubeconfig = None,
    mesh: MeshNamespace = None,
    output: OutputFile = None,
) -> None:
    """Print the stack file whose settings come nearest to what is in the cluster."""
    from mesh_policy.observe import ObserveError, observe
    from mesh_policy.world import World
    from serverless_mesh.cli.importing.nearest import READ, NothingToImportError, nearest
    from serverless_mesh.cli.importing.stack_file import written

    try:
        with working("reading the cluster"):
            seen = observe(READ, str(kubeconfig) if kubeconfig else None, context)
    except ObserveError as error:
        raise stop(str(error)) from None
    if seen.unread:
        raise stop("\n".join(f"not read: {why}" for why in seen.unread.values()))
    try:
        found = nearest(World.of(observed=seen.objects, complete=True, mesh=mesh))
    except NothingToImportError as error:
        raise stop(str(error)) from None
    provider = {
        **({"kubeconfig": str(kubeconfig.resolve())} if kubeconfig else {}),
        **({"context": context} if context else {}),
    }
    write(written(found.settings, found.notes, provider), output)


@import_app.command(
    "objects",
    epilog=epilog("import objects --stack production", codes="0 printed, 2 could not look"),
)
def objects(
    stack: _StackOption = None, cwd: _FolderOption = Path(), output: OutputFile = None
) -> None:
    """Print the file for `pulumi import --file`: what the stack declares and the cluster has.

    The program says which they are, in a preview that stops at them. What is used as it is
    (namespaces, memberships in a mesh of others, the operators' group) is not among them.
    """
    from serverless_mesh.cli.importing.engine import found_there

    try:
        with working("previewing the stack"):
            found = found_there(cwd, stack)
    except ServerlessMeshError as error:
        raise stop(str(error)) from None
    resources = found["resources"] if found else []
    write(json.dumps(found or {"resources": []}, indent=2) + "\n", output)
    if not resources:
        note("nothing to import: no object is in the way of the stack")
        return
    note(
        f"{len(resources)} objects. Next: pulumi import --file import.json --generate-code=false "
        "--protect=false"
    )


@import_app.command(
    "differences",
    epilog=epilog(
        "import differences --stack production",
        "import differences --preview preview.json",
        codes="0 nothing changes, or each change has a reason, 1 something is lost, replaced or "
        "has no reason, 2 could not look",
    ),
)
def differences(
    stack: _StackOption = None,
    cwd: _FolderOption = Path(),
    preview: Annotated[
        Path | None,
        typer.Option(help="What `pulumi preview --json` printed, instead of running it."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the differences as JSON.")] = False,
) -> None:
    """Say what the first update after the import changes in each object, and why."""
    from mesh_policy.reading.files import FileError, read_text
    from serverless_mesh.cli.importing import engine
    from serverless_mesh.cli.importing.differences import update
    from serverless_mesh.cli.importing.printing import as_data, as_text, is_explained

    try:
        if preview is None:
            with working("previewing the stack"):
                found = engine.preview(cwd, stack)
        else:
            found = engine.read_preview(read_text(preview, LARGEST)) or {}
    except ServerlessMeshError as error:
        raise stop(str(error)) from None
    except FileError as error:
        raise stop(f"--preview {preview} can't be read: {error}") from None
    if "steps" not in found:
        raise stop(f"--preview {preview} is nothing that `pulumi preview --json` printed")
    result = update(found)
    typer.echo(in_json(json.dumps(as_data(result), indent=2)) if as_json else as_text(result))
    if not is_explained(result):
        raise typer.Exit(WRONG)
