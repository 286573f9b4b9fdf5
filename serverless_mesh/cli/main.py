"""`serverless-mesh`: everything that is not Pulumi's own.

Exit codes: 0 all well, 1 something is wrong, 2 could not look, or not at everything.
"""

from typing import Annotated

import typer

import mesh_policy
from serverless_mesh.cli import check, rules, verify
from serverless_mesh.cli.failures import Commands
from serverless_mesh.cli.graph import command as graph
from serverless_mesh.cli.help_texts import epilog
from serverless_mesh.cli.importing.commands import import_app
from serverless_mesh.cli.render import command as render
from serverless_mesh.cli.report import command as report
from serverless_mesh.cli.stack_files import settings_app

# What takes long to import and few commands need, as the models of the settings, commands import
# when they run: `check` of files takes less time.

app = typer.Typer(
    cls=Commands,
    help=(
        "OpenShift Serverless inside OpenShift Service Mesh: check, verify, draw, review, import, "
        "render."
    ),
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
app.command("check", epilog=check.EPILOG)(check.check)
app.command("verify", epilog=verify.EPILOG)(verify.verify)
app.command("rules", epilog=rules.EPILOG)(rules.list_rules)
app.command("graph", epilog=graph.EPILOG)(graph.graph)
app.command("report", epilog=report.EPILOG)(report.report)
app.command("render", epilog=render.EPILOG)(render.render)
app.add_typer(settings_app, name="config")
app.add_typer(import_app, name="import")


def _print_version(asked: bool) -> None:
    if asked:
        typer.echo(f"serverless-mesh {mesh_policy.__version__}")
        raise typer.Exit


@app.callback(
    epilog=epilog(
        "config new --context production --output Pulumi.production.yaml",
        "check --context production",
        "--install-completion",
    )
)
def options(
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_print_version, is_eager=True, help="Print the version, and exit."
        ),
    ] = False,
) -> None:
    """Take what stands before a command."""


if __name__ == "__main__":
    app()
