"""`serverless-mesh`: everything that is not Pulumi's own.

Exit codes: 0 all well, 1 something is wrong with what was looked at, 2 could not look.
"""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Final

import typer
import yaml
from rich.console import Console

from cli import config
from cli.verification import DEFAULT_TIMEOUT, Check, Target, TargetError, verify
from settings import PROJECT, SettingsError, parse

WRONG: Final = 1
COULD_NOT: Final = 2

app = typer.Typer(
    help="OpenShift Serverless inside OpenShift Service Mesh: check, verify, describe.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
settings_app = typer.Typer(help="The settings of a stack file.", no_args_is_help=True)
app.add_typer(settings_app, name="config")
out = Console(highlight=False, soft_wrap=True)
err = Console(stderr=True, highlight=False, soft_wrap=True)


def _stop(message: str) -> typer.Exit:
    err.print(f"[red]error:[/] {message}", markup=True)
    return typer.Exit(COULD_NOT)


@settings_app.command("check")
def check_settings(
    stack_file: Annotated[Path, typer.Argument(help="For example Pulumi.dev.yaml.")],
) -> None:
    """Judge a stack file without an engine or a cluster: every error at once."""
    try:
        content = yaml.safe_load(stack_file.read_text("utf-8")) or {}
        given = content.get("config") or {}
        values = {key.removeprefix(f"{PROJECT}:"): value for key, value in given.items()}
    except (OSError, yaml.YAMLError, AttributeError) as error:
        raise _stop(f"{stack_file} can't be read: {error}") from None
    # Keys of providers keep their prefix and are theirs to judge.
    ours = {key: value for key, value in values.items() if ":" not in key}
    try:
        parse(ours, stack_file.name)
    except SettingsError as error:
        err.print(str(error), markup=False)
        raise typer.Exit(WRONG) from None
    out.print(f"{stack_file}: the settings are good")


@settings_app.command("schema")
def schema(
    markdown: Annotated[bool, typer.Option(help="The reference, instead of a schema.")] = False,
) -> None:
    """Print the schema of the settings as in Pulumi.yaml, or their reference."""
    text = config.reference() if markdown else yaml.safe_dump(config.project_config(), width=96)
    typer.echo(text, nl=False)


@app.command("verify")
def verify_url(
    url: Annotated[str, typer.Argument(help="The service's URL, https://…")],
    ca: Annotated[Path, typer.Option(help="The CA certificate, the only one that is trusted.")],
    connect: Annotated[
        str | None,
        typer.Option(help="HOST:PORT to connect to instead, where DNS does not know the host."),
    ] = None,
    status: Annotated[int, typer.Option(help="The status to expect.")] = 200,
    body: Annotated[str, typer.Option(help="A text that the answer must contain.")] = "",
    timeout: Annotated[float, typer.Option(min=0.1, help="Seconds.")] = DEFAULT_TIMEOUT,
    as_json: Annotated[bool, typer.Option("--json", help="Print the links as JSON.")] = False,
) -> None:
    """Do what the documentation's curl does, and name the broken link when it fails."""
    try:
        target = Target(url, ca.read_text("ascii"), _address(connect), status, body, timeout)
        checks = verify(target)
    except (OSError, UnicodeDecodeError, TargetError) as error:
        raise _stop(str(error)) from None
    if as_json:
        typer.echo(json.dumps([asdict(check) for check in checks], indent=2))
    else:
        for check in checks:
            _show(check)
    if not checks[-1].holds:
        raise typer.Exit(WRONG)


def _address(text: str | None) -> tuple[str, int] | None:
    if text is None:
        return None
    host, _, port = text.rpartition(":")
    if not host or not port.isdigit():
        raise TargetError(f"--connect takes HOST:PORT, found {text!r}")
    return host.strip("[]"), int(port)


def _show(check: Check) -> None:
    mark = "[green]✓[/]" if check.holds else "[red]✗[/]"
    out.print(f"{mark} {check.link:<12}", end="", markup=True)
    out.print(check.found, markup=False)
    if check.remedy:
        out.print(f"  {'what to do':<12}{check.remedy}", markup=False)


if __name__ == "__main__":
    app()
