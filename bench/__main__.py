"""`python -m bench`: measure."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated

import typer
from rich.console import Console

from bench import check, dumps, injection, istioctl, istiod, mtls, preview, rules
from bench.errors import BenchError
from toolchain.errors import LocalEnvironmentError

app = typer.Typer(
    help="How long the rules take, and whether they are right, beside what else there is.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
console = Console(highlight=False)


@contextmanager
def _reported() -> Iterator[None]:
    try:
        yield
    except (BenchError, LocalEnvironmentError) as error:
        console.print(f"[red]error:[/] {error}")
        raise typer.Exit(2) from None


@app.command("rules")
def rules_alone() -> None:
    """Check up to 100,000 Gateways and 1,000,000 hosts: is it linear?"""
    rules.run(console)


@app.command("check")
def check_of_files() -> None:
    """Check up to 100,000 Gateways in one file and in many: is it linear?"""
    with _reported():
        check.run(console)


@app.command("dumps")
def dumps_of_clusters() -> None:
    """Check dumps of 20,000 objects of which 200 matter."""
    with _reported():
        dumps.run(console)


@app.command("istioctl")
def beside_istioctl(
    gateways: Annotated[
        list[int] | None, typer.Option(help="How many Gateways (repeatable).")
    ] = None,
) -> None:
    """Check files beside `istioctl analyze` (some minutes)."""
    with _reported():
        istioctl.run(console, gateways or istioctl.COUNTS)


@app.command("gateways")
def beside_istiods_merge(
    clusters: Annotated[int, typer.Option(min=1, help="How many clusters.")] = istiod.CLUSTERS,
    seed: Annotated[int, typer.Option(help="The first one's seed.")] = 0,
) -> None:
    """Compare the rule on conflicting Gateways with istiod's own merge (some minutes)."""
    with _reported():
        istiod.run(console, clusters, seed)


@app.command("preview")
def beside_a_flat_program(
    runs: Annotated[int, typer.Option(min=1, help="Runs of each.")] = preview.RUNS,
) -> None:
    """Run `pulumi preview` and `up` of the program, with the pack too, beside a flat one."""
    with _reported():
        preview.run(console, runs)


@app.command("mtls")
def beside_istiod(
    first: Annotated[int, typer.Option(min=0, help="The first seed.")] = 1000,
    meshes: Annotated[int, typer.Option(min=1, help="How many meshes.")] = 500,
) -> None:
    """Compare the rules on mutual TLS with istiod over meshes drawn from seeds."""
    with _reported():
        if mtls.run(console, first, meshes):
            raise typer.Exit(1)


@app.command("injection")
def beside_istio_s_injectors(
    pods: Annotated[int, typer.Option(min=1, help="How many pods.")] = injection.PODS,
    seed: Annotated[int, typer.Option(help="What they are made by.")] = injection.SEED,
) -> None:
    """Create pods through the real API server and Istio's injectors: is it as it is read?"""
    with _reported():
        injection.run(console, pods, seed)


@app.command("all")
def everything() -> None:
    """Measure everything, one after the other."""
    rules_alone()
    check_of_files()
    dumps_of_clusters()
    beside_a_flat_program()
    beside_istioctl()


if __name__ == "__main__":
    app()
