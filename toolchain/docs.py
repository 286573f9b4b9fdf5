"""Write what is generated from the code: `make docs`."""

from collections.abc import Callable
from typing import Any, Final

from mesh_policy.printing import printed
from mesh_policy.rule import Result, Rule
from mesh_policy.rules import RULES
from serverless_mesh.cli import rule_reference, settings_reference
from serverless_mesh.cli.graph.mermaid import as_mermaid
from serverless_mesh.cli.graph.svg import as_svg
from serverless_mesh.cli.rule_reference import Examples
from tests import pictures
from tests.policy.cases import Case, cases
from toolchain.decisions import index
from toolchain.paths import ROOT
from toolchain.symptoms import with_symptoms

_PROJECT: Final = ROOT / "Pulumi.yaml"
_TROUBLESHOOTING: Final = ROOT / "docs" / "troubleshooting.md"
_BEST: Final = "documented"
"""The name of the fixture that is shown as good, where there is one."""
_SERVICE_MESH_3: Final = "service-mesh-3"
"""What is in the names of fixtures of that mesh."""


def main() -> None:
    """Write every generated file; a test holds each to the code."""
    for path, made in GENERATED.items():
        (ROOT / path).parent.mkdir(exist_ok=True)
        (ROOT / path).write_text(made(), encoding="utf-8")


def examples() -> dict[str, Examples]:
    """Return a good and a bad fixture of each rule: the shortest, and the documented one first."""
    return {rule.id: _examples(rule) for rule in RULES}


def _examples(rule: Rule) -> Examples:
    known = sorted(cases(rule.id), key=_order)
    good = next(case for case in known if case.good and case.shows)
    bad = next(case for case in known if case.bad and case.shows)
    found = [printed(Result(rule, finding))[0] for finding in bad.findings(rule)]
    return Examples(_text(good), _text(bad), tuple(dict.fromkeys(found)))


def _order(case: Case) -> tuple[bool, bool, int]:
    """Put first what shows a rule best; most clusters have Service Mesh 2 yet."""
    name, length = case.path.stem, len(case.path.read_text("utf-8"))
    return name != _BEST, _SERVICE_MESH_3 in name, length


def _picture(objects: list[Any]) -> str:
    return as_svg(pictures.as_documented(objects))


def _mermaid(objects: list[Any]) -> str:
    return as_mermaid(pictures.as_documented(objects))


def _text(case: Case) -> str:
    """Return the fixture without what it expects."""
    header, _, declared = case.path.read_text("utf-8").partition("\n---\n")
    kept: list[str] = []
    expectation = False
    for line in header.splitlines():
        if not line.startswith((" ", "-")):
            expectation = line.startswith(("expect:", "complete:", "#"))
        if not expectation:
            kept.append(line)
    return "\n---\n".join(filter(None, ["\n".join(kept).strip(), declared.strip()]))


GENERATED: Final[dict[str, Callable[[], str]]] = {
    "Pulumi.yaml": lambda: settings_reference.project_file(_PROJECT.read_text("utf-8")),
    "docs/configuration.md": settings_reference.reference,
    "docs/stack-file.schema.json": settings_reference.stack_file_schema,
    "docs/rules.md": lambda: rule_reference.reference(RULES, examples()),
    "docs/images/service-mesh-2.svg": lambda: _picture(pictures.service_mesh_2()),
    "docs/images/service-mesh-3.svg": lambda: _picture(pictures.service_mesh_3()),
    "docs/images/findings.svg": lambda: as_svg(pictures.faulty()),
    "tests/data/pictures/service-mesh-2.mmd": lambda: _mermaid(pictures.service_mesh_2()),
    "tests/data/pictures/service-mesh-3.mmd": lambda: _mermaid(pictures.service_mesh_3()),
    "tests/data/pictures/findings.mmd": lambda: as_mermaid(pictures.faulty()),
    "docs/troubleshooting.md": lambda: with_symptoms(_TROUBLESHOOTING.read_text("utf-8"), RULES),
    "docs/adr/index.md": index,
}
"""What makes each generated file, by its path."""


if __name__ == "__main__":
    main()
