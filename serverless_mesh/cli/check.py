"""`serverless-mesh check`: what the rules find in manifests, in a live cluster, or in both."""

import difflib
import enum
import gc
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, Final

import typer

from mesh_policy.findings import Severity, Undetermined, Unread
from mesh_policy.rule import Result, Rule, by_finding
from mesh_policy.rules import RULES
from serverless_mesh.cli import check_output
from serverless_mesh.cli.completeness import NOTHING, is_integrated
from serverless_mesh.cli.console import WRONG, note, stop, write
from serverless_mesh.cli.failures import COULD_NOT
from serverless_mesh.cli.help_texts import epilog
from serverless_mesh.cli.looking import (
    Asked,
    Complete,
    Context,
    Files,
    Kubeconfig,
    look,
)
from serverless_mesh.cli.options import MeshNamespace, OutputFile

EPILOG: Final = epilog(
    "check --file manifests/",
    "check --context production",
    "check --file manifests/ --context production --format sarif --output findings.sarif",
    "check --file must-gather.local.1/ --complete",
    "check --rule strict-mtls --fail-on warning --context production",
    codes="0 no violation, 1 violations, 2 could not check, or not everything",
)


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


@_without_collector()
def check(
    files: Files = None,
    context: Context = None,
    kubeconfig: Kubeconfig = None,
    rule: Annotated[
        list[str] | None, typer.Option(help="Check by this rule only (repeatable).")
    ] = None,
    mesh: MeshNamespace = None,
    complete: Complete = False,
    output: Annotated[Format, typer.Option("--format", help="How to print.")] = Format.TEXT,
    write_to: OutputFile = None,
    fail_on: Annotated[
        Severity, typer.Option(help="The least severity of a violation that ends with 1.")
    ] = Severity.ERROR,
) -> None:
    """Check manifests, a live cluster, or manifests as they would be on a live cluster.

    Warnings are no violations, unless --fail-on says so.
    """
    rules = _chosen(rule or [])
    seen = look(Asked(files or [], context, kubeconfig, mesh, complete), rules, "check")
    world, results, unchecked = seen.world, seen.results, seen.unread
    if complete and seen.dumps and not is_integrated(world):
        unchecked += [f"{each}: {NOTHING}" for each in seen.dumps]
    for line in unchecked:
        note(f"not checked: {line}")
    if files and not any(item.declared or complete for item in world.by_key.values()):
        if seen.unchecked:
            raise typer.Exit(COULD_NOT)
        raise stop("nothing to check: no Kubernetes object is in what -f names")
    match output:
        case Format.JSON:
            said = check_output.as_json(results)
        case Format.SARIF:
            said = check_output.as_sarif(results, rules)
        case Format.TEXT:
            said = _as_text(results, len(world.by_key), len(rules))
    write(f"{said}\n", write_to)
    # Who counts on 0 or 1 counts on all having been checked.
    if unchecked or any(isinstance(each.finding, Unread) for each in results):
        raise typer.Exit(COULD_NOT)
    failing = {Severity.ERROR, fail_on}
    if any(each.is_violation and each.severity in failing for each in results):
        raise typer.Exit(WRONG)


def _chosen(ids: list[str]) -> tuple[Rule, ...]:
    known = {rule.id: rule for rule in RULES}
    for name in ids:
        if name not in known:
            near = difflib.get_close_matches(name, known, 1)
            hint = f"; did you mean {near[0]}?" if near else "; `serverless-mesh rules` lists them"
            raise stop(f"--rule {name} is no rule{hint}")
        if known[name].of_updates:
            raise stop(f"--rule {name} checks what an update does: run it by the policy pack")
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
