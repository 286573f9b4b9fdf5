"""`serverless-mesh`: everything that is not Pulumi's own.

Exit codes: 0 all well, 1 something is wrong, 2 could not look, or not at everything.
"""

import difflib
import enum
import gc
import json
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any, Final

import typer

import mesh_policy
from mesh_policy.escaping import in_json, printable
from mesh_policy.findings import Severity, Undetermined, Unread
from mesh_policy.reading.documents import DocumentError, parse
from mesh_policy.reading.files import FileError, read_text
from mesh_policy.rule import Result, Rule, by_finding, evaluate
from mesh_policy.rules import RULES
from mesh_policy.world import World
from serverless_mesh.cli import check_output, sources
from serverless_mesh.cli.completeness import DUMPED, NOTHING, Dump, is_integrated, read_by
from serverless_mesh.cli.failures import COULD_NOT, Commands, Output
from serverless_mesh.cli.graph.command import graph
from serverless_mesh.cli.help_texts import epilog
from serverless_mesh.cli.hidden import reworded
from serverless_mesh.cli.importing.commands import import_app
from serverless_mesh.cli.live import ClusterError, over_cluster
from serverless_mesh.cli.manifests import ManifestError
from serverless_mesh.cli.new_stack_file import command as new_stack_file
from serverless_mesh.cli.progress import working
from serverless_mesh.cli.render.command import render
from serverless_mesh.cli.report.command import report
from serverless_mesh.cli.verification import (
    DEFAULT_TIMEOUT,
    Check,
    Target,
    TargetError,
    connect_to,
    verify,
)

# What takes long to import and few commands need, as the models of the settings, is imported where
# it is needed: `check` of files takes less time.

WRONG: Final = 1
_LARGEST: Final = 16 << 20
"""Bytes of a stack file, or of a certificate."""

app = typer.Typer(
    cls=Commands,
    help="OpenShift Serverless inside OpenShift Service Mesh: check, verify, describe.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
settings_app = typer.Typer(help="The settings of a stack file.", no_args_is_help=True)
app.add_typer(settings_app, name="config")
app.command(
    epilog=epilog(
        "report preview.json",
        "report preview.json events.json --stack serverless-mesh/dev --output report.md",
        codes="0 it may go on, 1 violations or a failed preview, 2 no preview could be read",
    )
)(report)
app.command(
    "render",
    epilog=epilog(
        "render preview.json --to manifests",
        "render preview.json --to manifests --for flux --check",
        codes="0 written, or up to date, 1 not up to date (--check), 2 could not",
    ),
)(render)
app.add_typer(import_app, name="import")
out = Output(highlight=False, soft_wrap=True)
err = Output(stderr=True, highlight=False, soft_wrap=True)


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


def _stop(message: str) -> typer.Exit:
    err.print("[red]error:[/] ", end="")
    err.print(printable(message), markup=False)
    return typer.Exit(COULD_NOT)


@settings_app.command(
    "check", epilog=epilog("config check Pulumi.production.yaml", "config check Pulumi.*.yaml")
)
def check_settings(
    stack_files: Annotated[list[Path], typer.Argument(help="For example Pulumi.dev.yaml.")],
) -> None:
    """Check stack files without an engine, a cluster or a passphrase: every error at once.

    Of an encrypted value it counts that it is there. What hangs on the cluster, `pulumi preview`
    finds.
    """
    # A list, so that each is checked whatever the others are.
    if worst := max([_judged(each) for each in stack_files]):
        raise typer.Exit(worst)


def _judged(stack_file: Path) -> int:
    from serverless_mesh import settings
    from serverless_mesh.settings import PROJECT, SettingsError

    try:
        content = _stack_file(stack_file)
    except typer.Exit as stopped:
        return stopped.exit_code
    given = content.pop("config", None) or {}
    # Keys of providers keep their prefix and are theirs to check.
    ours = {
        key.removeprefix(f"{PROJECT}:"): value
        for key, value in given.items()
        if ":" not in key.removeprefix(f"{PROJECT}:")
    }
    try:
        plain = {key: value for key, value in given.items() if not _is_encrypted(value)}
        settings.refuse_plaintext({**content, **plain}, stack_file.name)
        settings.check(ours, stack_file.name)
    except SettingsError as error:
        # Of several lines, each of them is fit to be printed.
        err.print(str(error), markup=False)
        return WRONG
    out.print(f"{printable(str(stack_file))}: the settings are good", markup=False)
    return 0


def _is_encrypted(value: object) -> bool:
    return isinstance(value, dict) and value.keys() == {"secure"}


def _stack_file(file: Path) -> dict[str, Any]:
    try:
        content = parse(read_text(file, _LARGEST))
    except (FileError, DocumentError) as error:
        raise _stop(f"{file} can't be read: {error}") from None
    config = content.get("config") if isinstance(content, dict) else None
    whole = content is None or isinstance(content, dict)
    if not whole or not isinstance(config, dict | None):
        raise _stop(f"{file} is no stack file: it takes config: with a value for each key")
    if not all(isinstance(key, str) for key in config or ()):
        raise _stop(f"{file} is no stack file: a key under config: is no text")
    return content or {}


settings_app.command("new", epilog=new_stack_file.EPILOG)(new_stack_file.new_stack_file)


@settings_app.command(
    "schema",
    epilog=epilog(
        "config schema --output stack-file.schema.json",
        "config schema --markdown --output settings.md",
        codes="0 written, 2 it can't be",
    ),
)
def schema(
    markdown: Annotated[bool, typer.Option(help="The reference, instead of a schema.")] = False,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="The file to write; stdout without it.")
    ] = None,
) -> None:
    """Print the JSON Schema of a stack file, for an editor, or the reference of the settings."""
    from serverless_mesh.cli import settings_reference

    text = settings_reference.reference() if markdown else settings_reference.stack_file_schema()
    _document(text, output)


def _document(text: str, output: Path | None) -> None:
    """Write a document to a file, or to stdout."""
    if output is None:
        typer.echo(text, nl=False)
        return
    try:
        output.write_text(text, "utf-8")
    except OSError as error:
        raise _stop(f"--output {output} can't be written: {error.strerror}") from None


class Format(enum.StrEnum):
    """How findings are printed."""

    TEXT = "text"
    JSON = "json"
    SARIF = "sarif"


@contextmanager
def _without_collector() -> Iterator[None]:
    """Collect no garbage: nearly all that is read lives to the end, and looking through it costs.

    It is a third of the time over ten thousands of objects.
    """
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


@app.command(
    "check",
    epilog=epilog(
        "check --file manifests/",
        "check --context production",
        "check --file manifests/ --context production --format sarif --output findings.sarif",
        "check --file must-gather.local.1/ --complete",
        "check --rule strict-mtls --fail-on warning --context production",
        codes="0 no violation, 1 violations, 2 could not check, or not everything",
    ),
)
@_without_collector()
def check(
    files: Annotated[
        list[Path] | None,
        typer.Option(
            "--file", "-f", help="A manifest, a folder of them, or - for stdin (repeatable)."
        ),
    ] = None,
    context: Annotated[
        str | None, typer.Option(help="Check the live cluster of this kubeconfig context.")
    ] = None,
    kubeconfig: Annotated[
        Path | None, typer.Option(help="The kubeconfig, instead of your own; checks its cluster.")
    ] = None,
    rule: Annotated[
        list[str] | None, typer.Option(help="Check by this rule only (repeatable).")
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
    output: Annotated[Format, typer.Option("--format", help="How to print.")] = Format.TEXT,
    write_to: Annotated[
        Path | None, typer.Option("--output", "-o", help="The file to write; stdout without it.")
    ] = None,
    fail_on: Annotated[
        Severity, typer.Option(help="The least severity of a violation that ends with 1.")
    ] = Severity.ERROR,
) -> None:
    """Check manifests, a live cluster, or manifests as they would be on a live cluster.

    Warnings are no violations, unless --fail-on says so.
    """
    rules = _chosen(rule or [])
    if not files and context is None and kubeconfig is None:
        raise _stop("nothing to check: name manifests (-f) or a cluster (--context, --kubeconfig)")
    live = context is not None or kubeconfig is not None
    if complete and (live or not files):
        raise _stop("--complete is said of files (-f); a live cluster is complete by itself")
    try:
        with working("reading files"):
            found = sources.read(files or [], read_by(rules), complete)
    except ManifestError as error:
        raise _stop(str(error)) from None
    if complete:
        dump = Dump.of(found.given, rules, mesh, inspected=bool(found.dumps))
        world, checked = dump.world, dump.evaluate(rules)
    elif live:
        try:
            world = over_cluster(found.given, rules, kubeconfig, context, mesh)
        except ClusterError as error:
            raise _stop(str(error)) from None
        checked = evaluate(rules, world)
    else:
        world = World.of(found.given, mesh=mesh)
        checked = evaluate(rules, world)
    for each in () if complete else found.dumps:
        err.print(printable(f"note: {each} {DUMPED}"), markup=False)
    if complete and found.dumps and not is_integrated(world):
        found.unchecked += [f"{each}: {NOTHING}" for each in found.dumps]
    unchecked = [*found.unchecked, *(f"{each.source}: {each.why}" for each in world.malformed)]
    for line in unchecked:
        err.print(printable(f"not checked: {line}"), markup=False)
    if files and not any(item.declared or complete for item in world.by_key.values()):
        if found.unchecked:
            raise typer.Exit(COULD_NOT)
        raise _stop("nothing to check: no Kubernetes object is in what -f names")
    results = list(map(reworded, checked))
    match output:
        case Format.JSON:
            said = check_output.as_json(results)
        case Format.SARIF:
            said = check_output.as_sarif(results, rules)
        case Format.TEXT:
            said = _as_text(results, len(world.by_key), len(rules))
    _document(f"{said}\n", write_to)
    # Who counts on 0 or 1 counts on all having been checked.
    if unchecked or any(isinstance(each.finding, Unread) for each in results):
        raise typer.Exit(COULD_NOT)
    failing = {Severity.ERROR, fail_on}
    if any(each.is_violation and each.severity in failing for each in results):
        raise typer.Exit(WRONG)


def _over_cluster(
    declared: list[Given],
    rules: tuple[Rule, ...],
    kubeconfig: Path | None,
    context: str | None,
    mesh: str | None,
) -> World:
    """Return the cluster as it would be with what is declared."""
    from mesh_policy.observe import Observation, ObserveError, followed, observe

    def overlaid(seen: Observation) -> World:
        return World.of(
            declared,
            seen.objects,
            unread=seen.unread,
            unseen=seen.unseen,
            complete=True,
            mesh=mesh,
        )

    kinds = {kind for rule in rules for kind in rule.kinds | rule.check_only}
    try:
        with working("reading the cluster"):
            seen = observe(kinds, str(kubeconfig) if kubeconfig else None, context)
            _, world = followed(rules, seen, overlaid)
    except ObserveError as error:
        which = f"--kubeconfig {kubeconfig}: " if kubeconfig else ""
        raise _stop(f"{which}{error}") from None
    return world


def _chosen(ids: list[str]) -> tuple[Rule, ...]:
    known = {rule.id: rule for rule in RULES}
    for name in ids:
        if name not in known:
            near = difflib.get_close_matches(name, known, 1)
            hint = f"; did you mean {near[0]}?" if near else "; `serverless-mesh rules` lists them"
            raise _stop(f"--rule {name} is no rule{hint}")
        if known[name].of_updates:
            raise _stop(f"--rule {name} checks what an update does: run it by the policy pack")
    return tuple(known[name] for name in ids or known if not known[name].of_updates)


def _as_text(results: list[Result], objects: int, rules: int) -> str:
    blocks = [check_output.as_text(results)] if results else []
    severities = Counter(each.severity for each in results if each.is_violation)
    undetermined = sum(type(each.finding) is Undetermined for each in results)
    exempt = sum(each.exemption is not None for each in results)
    summary = (
        f"objects: {objects}, rules: {rules}, violations: {severities[Severity.ERROR]}, "
        f"warnings: {severities[Severity.WARNING]}, undetermined: {undetermined}, "
        f"not read: {len(by_finding(results))}, exempt: {exempt}"
    )
    return "\n\n".join([*blocks, summary])


@app.command("rules", epilog=epilog("rules", codes="0 listed"))
def list_rules() -> None:
    """List the rules: id, severity, whether each write is gated by it, and what it asks for."""
    for rule in RULES:
        gate = ", gates each write" if rule.harmful else ""
        gate += ", of updates only" if rule.of_updates else ""
        out.print(f"{rule.id}  ({rule.severity}{gate})", markup=False)
        out.print(f"  {rule.title}", markup=False)


@app.command(
    "verify",
    epilog=epilog(
        "verify https://hello-default.apps.example.com --ca root.crt",
        "verify https://hello-default.apps.example.com --ca root.crt --connect 192.0.2.10:443",
        codes="0 the service answers as expected, 1 a link is broken, 2 could not ask",
    ),
)
def verify_url(
    url: Annotated[str, typer.Argument(help="The service's URL, https://…")],
    ca: Annotated[Path, typer.Option(help="The CA certificate, the only one that is trusted.")],
    connect: Annotated[
        str | None,
        typer.Option(help="HOST:PORT to connect to instead, where DNS does not know the host."),
    ] = None,
    status: Annotated[int, typer.Option(min=100, max=599, help="The status to expect.")] = 200,
    body: Annotated[str, typer.Option(help="A text that the answer must contain.")] = "",
    timeout: Annotated[float, typer.Option(min=0.1, max=3600, help="Seconds.")] = DEFAULT_TIMEOUT,
    as_json: Annotated[bool, typer.Option("--json", help="Print the links as JSON.")] = False,
) -> None:
    """Do what the documentation's curl does, and name the broken link when it fails."""
    try:
        trusted = read_text(ca, _LARGEST)
    except FileError as error:
        raise _stop(f"--ca {ca} can't be read: {error}") from None
    try:
        checks = verify(Target(url, trusted, connect_to(connect), status, body, timeout))
    except TargetError as error:
        raise _stop(str(error)) from None
    if as_json:
        typer.echo(in_json(json.dumps([asdict(check) for check in checks], indent=2)))
    else:
        for check in checks:
            _show(check)
    if not checks[-1].holds:
        raise typer.Exit(WRONG)


app.command(
    "graph",
    epilog=epilog(
        "graph --context production --output production.svg",
        "graph --file manifests/ --output review.mmd",
        codes="0 drawn, whatever was found, 2 could not read, or not everything",
    ),
)(graph)


def _show(check: Check) -> None:
    mark = "[green]✓[/]" if check.holds else "[red]✗[/]"
    out.print(f"{mark} {check.link:<12}", end="", markup=True)
    out.print(printable(check.found), markup=False)
    if check.remedy:
        out.print(f"  {'what to do':<12}{printable(check.remedy)}", markup=False)


if __name__ == "__main__":
    app()
