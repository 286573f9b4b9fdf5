"""The command `render`."""

from pathlib import Path, PurePosixPath
from typing import Annotated, Final

import typer

from mesh_policy.escaping import printable
from mesh_policy.reading.files import FileError
from serverless_mesh.cli import console
from serverless_mesh.cli.console import WRONG, note, stop
from serverless_mesh.cli.help_texts import epilog
from serverless_mesh.cli.render.errors import RenderError
from serverless_mesh.cli.render.folder import LIST, Difference, Folder
from serverless_mesh.cli.render.preview import COMMAND, declared
from serverless_mesh.cli.render.rendering import Choices, Rendered, rendered
from serverless_mesh.cli.render.secrets import Secrets, Store, remote_key
from serverless_mesh.cli.render.targets import For, Source

_LARGEST: Final = 64 << 20
"""Bytes of a preview."""
EPILOG: Final = epilog(
    "render preview.json --to manifests",
    "render preview.json --to manifests --for flux --check",
    codes="0 written, or up to date, 1 not up to date (--check), 2 could not",
)


def render(
    preview: Annotated[
        str, typer.Argument(help="What `pulumi preview --json` printed: a file, or - for stdin.")
    ],
    to: Annotated[Path, typer.Option(help="The folder to write, made when absent.")],
    target: Annotated[For, typer.Option("--for", help="Who applies the folder.")] = For.ARGOCD,
    secrets: Annotated[
        Secrets, typer.Option(help="What is written in the place of a Secret; never its data.")
    ] = Secrets.NONE,
    store: Annotated[
        str | None, typer.Option(help="The store's name, with --secrets external-secrets.")
    ] = None,
    store_kind: Annotated[
        str, typer.Option(help="ClusterSecretStore or SecretStore.")
    ] = "ClusterSecretStore",
    check: Annotated[
        bool, typer.Option("--check", help="Write nothing; end with 1 when it is not up to date.")
    ] = False,
    flux_source: Annotated[
        str, typer.Option(help="With --for flux, the GitRepository that has the folder.")
    ] = "flux-system",
    flux_namespace: Annotated[
        str, typer.Option(help="With --for flux, the namespace of Flux's own objects.")
    ] = "flux-system",
    flux_path: Annotated[
        str | None,
        typer.Option(
            help="With --for flux, the folder's path there, where it is not that of --to."
        ),
    ] = None,
) -> None:
    """Write what a stack declares as manifests for Argo CD or Flux, in their order.

    PREVIEW is made by `pulumi preview --json --show-sames`. It asks no cluster where the stack file
    has kubernetes:renderYamlToDirectory. Docs: docs/guides/gitops.md.
    """
    try:
        choices = _choices(secrets, store, store_kind)
        if target is For.FLUX:
            source = Source(flux_source, flux_namespace, _path(flux_path, to))
            choices = choices._replace(source=source)
        found = rendered(declared(_read(preview)), choices)
        folder = Folder(to)
        difference = folder.difference(found.files) if check else folder.write(found.files)
    except RenderError as error:
        raise stop(str(error)) from None
    _note_secrets(found)
    if check:
        _report(to, difference)
        raise typer.Exit(WRONG if difference else 0)
    typer.echo(
        f"files: {len(found.files)}, written: {len(difference.changed)}, "
        f"removed: {len(difference.stale)}, secrets left out: {len(found.left_out)}"
    )


def _choices(secrets: Secrets, store: str | None, kind: str) -> Choices:
    if (store is None) == (secrets is Secrets.EXTERNAL):
        raise RenderError("--secrets external-secrets and --store go together: give both, or none")
    if kind not in ("ClusterSecretStore", "SecretStore"):
        raise RenderError(f"--store-kind {kind} is neither ClusterSecretStore nor SecretStore")
    return Choices(store=None if store is None else Store(kind, store))


def _path(given: str | None, to: Path) -> PurePosixPath:
    path = PurePosixPath(given if given is not None else to.as_posix())
    if path.is_absolute() or ".." in path.parts:
        raise RenderError(f"--flux-path is needed: {path} is no path inside of a repository")
    return path


def _read(preview: str) -> str:
    try:
        return console.read(Path(preview), _LARGEST)
    except FileError as error:
        raise RenderError(
            f"the preview can't be read: {error}. It is made by `{COMMAND}`"
        ) from None


def _note_secrets(found: Rendered) -> None:
    for each in found.left_out:
        note(
            f"note: {each} is left out, for what it holds is secret: bring it into the cluster "
            "otherwise, let cert-manager issue the certificate (certificate.from: "
            "cert-manager), or render a reference to a store (--secrets external-secrets, "
            f"where its key is {remote_key(each)})"
        )


def _report(folder: Path, difference: Difference) -> None:
    for path in difference.changed:
        typer.echo(printable(f"{folder / path}: not as rendered"))
    for path in difference.stale:
        typer.echo(printable(f"{folder / path}: not rendered any more"))
    if difference.unlisted and not (difference.changed or difference.stale):
        typer.echo(printable(f"{folder / LIST}: not as rendered"))
    if not difference:
        typer.echo(printable(f"{folder}: up to date"))
