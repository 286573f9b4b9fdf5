"""`python -m toolchain`: the commands behind the Makefile."""

import shlex
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, Final

import typer
from rich.console import Console

from toolchain import daemon, dev, gitops, linters
from toolchain.downloads import Vendors
from toolchain.errors import LocalEnvironmentError
from toolchain.mesh import programs
from toolchain.paths import CLUSTER, ROOT
from toolchain.setup import base, perform_all

app = typer.Typer(
    help="The local environment: real engine, real API server, on this machine only.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
console = Console(soft_wrap=True)
_CA_CERTIFICATE: Final = str(dev.CA_CERTIFICATE.relative_to(ROOT))
StackName = Annotated[
    str | None,
    typer.Option("--stack", help="By the stack file's name; else the one that is there, or dev."),
]


@contextmanager
def _reported() -> Iterator[None]:
    """Turn what went wrong into one message and exit code 2: it could not run."""
    try:
        yield
    except LocalEnvironmentError as error:
        console.print(f"[red]error:[/] {error}")
        raise typer.Exit(2) from None
    except subprocess.CalledProcessError as error:
        said = f"{error.stderr or ''}{error.stdout or ''}".strip()
        console.print(f"[red]error:[/] {shlex.join(error.cmd)}:\n{said}")
        raise typer.Exit(2) from None


def _ready(stack: str | None = None) -> dev.Stack:
    with _reported():
        chosen = dev.chosen(stack)
        perform_all(base(Vendors()))
        if daemon.Running.read() is None:
            console.print("local cluster: starting ...")
        running = daemon.start()
        console.print(f"local cluster: {running.url}")
        chosen.prepare()
    return chosen


@app.command()
def setup(mesh: bool = False, bench: bool = False) -> None:
    """Provide every part that is not there yet; with --mesh, --bench those of either, too."""
    vendors = Vendors()
    steps = list(base(vendors))
    if mesh:
        steps += (
            *programs.steps(vendors),
            programs.traffic(),
            linters.actionlint(),
            gitops.files(),
        )
    if bench:
        steps.append(programs.istioctl(vendors))
    with _reported():
        perform_all(steps)


@app.command()
def parts() -> None:
    """Show each part of the local environment: its version and where it came from."""
    # The plugins are asked through the SDK, which is slow to import.
    from toolchain.parts import everything

    for part in everything():
        console.print(f"{part.name:<29}{part.version:<38}{part.provenance}", highlight=False)


@app.command()
def up(stack: StackName = None) -> None:
    """Set up, start the local cluster and bring the stack up."""
    chosen = _ready(stack)
    if code := chosen.pulumi("up", "--yes", *dev.PACK):
        raise typer.Exit(code)
    with _reported():
        _summary(chosen)


@app.command()
def preview(stack: StackName = None) -> None:
    """Show what `up` would change."""
    raise typer.Exit(_ready(stack).pulumi("preview", "--diff", *dev.PACK))


@app.command()
def down(stack: StackName = None) -> None:
    """Destroy the stack, stop the local cluster and remove its data."""
    with _reported():
        chosen = dev.chosen(stack)
    if chosen.exists():
        if code := _ready(chosen.name).pulumi("destroy", "--yes"):
            raise typer.Exit(code)
        dev.forget()
    daemon.stop()
    shutil.rmtree(CLUSTER, ignore_errors=True)
    console.print("The stack is destroyed; the local cluster is stopped, its data removed.")


@app.command()
def start() -> None:
    """Start the local cluster in the background."""
    _ready()


@app.command()
def stop() -> None:
    """Stop the local cluster; its data stay for the next start."""
    console.print("stopped" if daemon.stop() else "it was not running")


@app.command()
def mesh(stack: StackName = None) -> None:
    """Start the mesh on the local cluster (anew, when it runs without) and ask each service."""
    # The Kubernetes client, which the other commands do without, is slow to import.
    from toolchain.mesh import page

    with _reported():
        dev.chosen(stack)
        vendors = Vendors()
        perform_all((*base(vendors), *programs.steps(vendors)))
        console.print("local cluster with the mesh: starting ...")
        running = daemon.start(mesh=True)
    assert running.router is not None
    pages = page.pages(CLUSTER / "kubeconfig", _CA_CERTIFICATE, running.router)
    if not pages:
        console.print("The mesh runs. There is no Knative Service to ask.")
    for asked in pages:
        console.print(f"$ {shlex.join(asked.command)}")
        answer = asked.answer()
        if answer is None:
            console.print(f"[red]error:[/] {asked.url} does not answer")
            raise typer.Exit(1)
        console.print(answer)


@app.command()
def verify(stack: StackName = None) -> None:
    """Run `serverless-mesh verify` on the stack's own service, through the mesh; its exit code."""
    # The Kubernetes client, which the other commands do without, is slow to import.
    from toolchain.mesh import page

    with _reported():
        running = daemon.Running.read()
        if running is None or running.router is None:
            raise LocalEnvironmentError("the mesh does not run. Start it: make mesh")
        chosen = dev.chosen(stack)
        outputs = chosen.outputs() if chosen.exists() else {}
        if "verificationUrl" not in outputs:
            raise LocalEnvironmentError(
                "the stack has no service to ask. Set serverless-mesh:verification.image in "
                f"{chosen.settings.name}, then: make up"
            )
    dev.keep_ca_certificate(outputs)
    command = page.verification(outputs["verificationUrl"], _CA_CERTIFICATE, running.router)
    console.print(f"$ {shlex.join(command)}", highlight=False)
    raise typer.Exit(subprocess.run(command, cwd=ROOT, check=False).returncode)


@app.command(hidden=True)
def serve(mesh: bool = False) -> None:
    """Run the local cluster in the foreground."""
    with _reported():
        daemon.serve(mesh=mesh)


@app.command()
def env() -> None:
    """Print shell lines for using `pulumi` by hand: eval "$(make -s env)"."""
    for name, value in dev.environment().items():
        if name == "PATH" or name.startswith("PULUMI_"):
            typer.echo(f"export {name}={shlex.quote(value)}")
    typer.echo(f"export KUBECONFIG={shlex.quote(str(CLUSTER / 'kubeconfig'))}")


def _summary(stack: dev.Stack) -> None:
    outputs = stack.outputs()
    dev.keep_ca_certificate(outputs)
    resources = stack.resources()
    made = [resource for resource in resources if not resource["type"].startswith("pulumi:")]
    objects = sorted(
        (resource["type"].split(":")[-1], resource["id"])
        for resource in made
        if resource["type"].startswith("kubernetes:")
    )
    console.print(f"\n[bold]{len(made)} resources[/], of them in the cluster:")
    for kind, name in objects:
        console.print(f"  {kind:<24}{name}")
    stand_ins = [step.name for step in base(Vendors()) if "STAND-IN" in (step.outcome() or "")]
    if stand_ins:
        console.print(
            f"\nPlayed by stand-ins: {', '.join(stand_ins)} and the operators.", highlight=False
        )
    console.print(
        f"\nThe CA certificate: {_CA_CERTIFICATE}"
        f"\nNext: `make preview` after a change of {stack.settings.name}, `make down` to take all"
        "\n      of it away, `make mesh`, then `make verify`, to send a request through it,"
        '\n      eval "$(make -s env)" to use pulumi and kubectl by hand.',
    )


if __name__ == "__main__":
    app()
