"""Every command that a document shows is run by a test, or listed with the reason why not."""

import ast
import re
import shlex
import subprocess

import pytest
from typer.testing import CliRunner

from tests.docs.claims import ELSEWHERE, NOT_RUN, RUN, RUN_HERE
from tests.docs.shown import TRANSCRIPT, all_commands, blocks, blocks_of, commands, pages
from toolchain.__main__ import app
from toolchain.paths import ROOT

SHOWN = {each.text for each in all_commands()}
LANGUAGES = {"sh", TRANSCRIPT, "yaml", "json", "text", "python", "mermaid"}


def test_every_command_is_run_or_listed() -> None:
    listed = ELSEWHERE.keys() | NOT_RUN.keys()
    run = {each.text for each in all_commands() if each.page in {*RUN, RUN_HERE}}
    left = [
        str(each) for each in all_commands() if not set(each.text.split(" && ")) <= run | listed
    ]
    assert not left, "run their page, or list them in claims.py:\n" + "\n".join(left)


@pytest.mark.parametrize("text", sorted(ELSEWHERE.keys() | NOT_RUN.keys()))
def test_what_is_listed_is_shown(text: str) -> None:
    assert text in SHOWN, "no document shows it any more"


def test_nothing_is_listed_twice() -> None:
    assert not ELSEWHERE.keys() & NOT_RUN.keys()


@pytest.mark.parametrize("test", sorted(set(ELSEWHERE.values())))
def test_the_test_that_runs_it_exists(test: str) -> None:
    file, _, name = test.partition("::")
    tree = ast.parse((ROOT / file).read_text("utf-8"))
    assert name in {each.name for each in tree.body if isinstance(each, ast.FunctionDef)}


@pytest.mark.parametrize("page", pages())
def test_every_block_says_what_it_is(page: str) -> None:
    for block in blocks(page):
        assert block.language in LANGUAGES, f"{block}: found {block.language or 'no language'}"


def test_what_make_is_told_is_a_target_of_it() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))
    for page in pages():
        text = (ROOT / page).read_text("utf-8")
        found = re.findall(r"`make (?:-s )?([a-z-]+)", text)
        found += [
            match[1] for each in SHOWN if (match := re.match(r"make (?:-s )?([a-z-]+)", each))
        ]
        assert set(found) <= targets, page


@pytest.mark.parametrize("text", sorted(each for each in SHOWN if each.startswith("make ")))
def test_make_runs_a_command_that_is_there(text: str) -> None:
    recipe = subprocess.run(
        [*text.split(), "--dry-run"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout
    for line in re.findall(r"-m toolchain\.bootstrap (.+)", recipe):
        arguments = shlex.split(line.partition(" >")[0])
        done = CliRunner().invoke(app, [*arguments, "--help"])
        assert done.exit_code == 0, done.output


EXAMPLE = """\
```sh
# A comment
first --option \\
  value   # ends with 2
second | third
```

- in a list

  ```console
  $ fourth
  what it prints
  ```

```yaml title="file.yaml"
a: 1
```
"""


def test_commands_are_taken_as_they_are_to_be_typed() -> None:
    sh, console, yaml = blocks_of("page.md", EXAMPLE)
    assert [(c.text, c.code, c.line) for c in commands(sh)] == [
        ("first --option value", 2, 3),
        ("second | third", 0, 5),
    ]
    assert [(c.text, c.line) for c in commands(console)] == [("fourth", 11)]
    assert (yaml.title, yaml.text, list(commands(yaml))) == ("file.yaml", "a: 1\n", [])
