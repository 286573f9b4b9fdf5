"""`serverless-mesh verify`: what the documentation's curl does."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Final

import typer

from mesh_policy.escaping import in_json, printable
from mesh_policy.reading.files import FileError, read_text
from serverless_mesh.cli.console import WRONG, out, stop
from serverless_mesh.cli.help_texts import epilog
from serverless_mesh.cli.verification import (
    DEFAULT_TIMEOUT,
    Check,
    Target,
    TargetError,
    connect_to,
)
from serverless_mesh.cli.verification import verify as asked

_LARGEST: Final = 16 << 20
"""Bytes of a certificate."""
EPILOG: Final = epilog(
    "verify https://hello-default.apps.example.com --ca root.crt",
    "verify https://hello-default.apps.example.com --ca root.crt --connect 192.0.2.10:443",
    codes="0 the service answers as expected, 1 a link is broken, 2 could not ask",
)


def verify(
    url: Annotated[str, typer.Argument(help="The service's URL, https://…")],
    ca: Annotated[Path, typer.Option(help="The CA certificate, the only one that is trusted.")],
    connect: Annotated[
        str | None,
        typer.Option(help="HOST:PORT to connect to instead, where DNS does not know the host."),
    ] = None,
    status: Annotated[int, typer.Option(min=100, max=599, help="The status to expect.")] = 200,
    body: Annotated[str, typer.Option(help="A text that the answer must contain.")] = "",
    timeout: Annotated[
        float, typer.Option(min=0.1, max=3600, help="Seconds for each link.")
    ] = DEFAULT_TIMEOUT,
    as_json: Annotated[bool, typer.Option("--json", help="Print the links as JSON.")] = False,
) -> None:
    """Do what the documentation's curl does, and name the broken link when it fails."""
    try:
        trusted = read_text(ca, _LARGEST)
    except FileError as error:
        raise stop(f"--ca {ca} can't be read: {error}") from None
    try:
        checks = asked(Target(url, trusted, connect_to(connect), status, body, timeout))
    except TargetError as error:
        raise stop(str(error)) from None
    if as_json:
        typer.echo(in_json(json.dumps([asdict(check) for check in checks], indent=2)))
    else:
        for check in checks:
            _show(check)
    if not checks[-1].holds:
        raise typer.Exit(WRONG)


def _show(check: Check) -> None:
    mark = "[green]✓[/]" if check.holds else "[red]✗[/]"
    out.print(f"{mark} {check.link:<12}", end="", markup=True)
    out.print(printable(check.found), markup=False)
    if check.remedy:
        out.print(f"  {'what to do':<12}{printable(check.remedy)}", markup=False)
