"""What was said of a preview, in Markdown: why it failed, violations, warnings and the rest."""

from collections.abc import Iterable, Iterator
from typing import Final

from serverless_mesh.cli.report.findings import Findings, Found
from serverless_mesh.cli.report.markdown import block, code, details, link, plain
from serverless_mesh.cli.report.preview import Diagnostic, Preview

_NOISE: Final = ("preview failed", "an unhandled error occurred: program exited with")
"""What the engine says after the reason."""
_MOST: Final = 60
"""Entries of a list."""
_LONGEST: Final = 1500
"""Characters of a text of others."""


def section(title: str, blocks: Iterable[str]) -> Iterator[str]:
    """List blocks under a title; where there are none, nothing."""
    for index, each in enumerate(blocks):
        yield f"#### {title}\n\n{each}" if index == 0 else each


def failures(preview: Preview, found: Findings) -> Iterator[str]:
    """Say why a preview failed, where no violation is the reason."""
    said = [each for each in preview.errors if not each.message.startswith(_NOISE)]
    if not said and preview.errors and not found.violations:
        said = list(preview.errors)
    yield from section("Why it failed", map(_error, said))
    if not preview.finished and not preview.errors:
        yield "The engine did not come to the end of the preview."


def _error(said: Diagnostic) -> str:
    at = f"{code(_name(said.urn))}\n\n" if said.urn else ""
    return at + block(_clipped(said.message).splitlines(), "text")


def violation(found: Found) -> str:
    """Write a violation: what was found and needed, why, what to do, and where that is from."""
    says = found.says
    lines = [f"**{plain(found.rule)}**: {plain(_clipped(says.first))}"]
    lines += [f"- so: {plain(_clipped(each))}" for each in says.consequences[:_MOST]]
    if says.why:
        lines.append(f"- why: {plain(_clipped(says.why))}")
    if says.remedy:
        lines.append(f"- what to do: {plain(_clipped(says.remedy))}")
    if says.section:
        lines.append(f"- see: {link(says.section, says.url)}")
    return "\n".join(lines)


def exempt(found: Found) -> str:
    """Write what is exempt, with the reason."""
    first, reason = plain(_clipped(found.says.first)), plain(_clipped(found.says.exemption))
    return f"- **{plain(found.rule)}**: {first}. The reason: {reason}"


def warned(preview: Preview) -> Iterator[str]:
    """List the engine's warnings, and what the pack has changed."""
    for each in preview.diagnostics:
        if each.severity == "warning":
            yield f"- {plain(_clipped(each.message))}"
    for policy, urn in preview.remediated:
        yield f"- the pack changes what is declared: {code(policy)} in {code(_name(urn))}"


def undetermined(found: Findings) -> Iterator[str]:
    """List what rules can't tell."""
    if found.undetermined:
        lines = [f"- {plain(_clipped(each.says.first))}" for each in found.undetermined[:_MOST]]
        more = len(found.undetermined) - _MOST
        lines += [f"- and {more} more"] if more > 0 else []
        yield details("What rules can't tell before the update", "\n".join(lines))


def _name(urn: str) -> str:
    return urn.rpartition("::")[2]


def _clipped(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"
