"""The ready pipelines are what their systems take: actionlint, a schema, and structure.

No schema of Tekton's can be had here; what is checked of its files is what a mistake would break.
"""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.workflows import PIPELINES
from toolchain.linters import ACTIONLINT
from toolchain.paths import ROOT

WORKFLOWS = sorted((PIPELINES / "github").glob("*.yml"))
_USED = re.compile(r"\$\((\w[^)]*)\)")
UP = PIPELINES / "up.sh"
SCRIPTS = sorted(PIPELINES.glob("*.sh"))
GITLAB_FILE = PIPELINES / "gitlab" / ".gitlab-ci.yml"
GITLAB = yaml.safe_load(GITLAB_FILE.read_text("utf-8"))


def documents(file: str) -> list[dict[str, Any]]:
    return list(yaml.safe_load_all((PIPELINES / "tekton" / file).read_text("utf-8")))


TASKS = {each["metadata"]["name"]: each["spec"] for each in documents("tasks.yaml")}
TEKTON_PIPELINES = documents("pipeline.yaml")
STEPS = [(name, step) for name, task in TASKS.items() for step in task["steps"]]


def texts(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for child in value.values():
            yield from texts(child)
    elif isinstance(value, list):
        for child in value:
            yield from texts(child)
    elif isinstance(value, str):
        yield value


def test_actionlint_finds_nothing_wrong_with_the_workflows() -> None:
    if not ACTIONLINT.exists():
        pytest.fail("not set up: run `make test`, or `python -m toolchain setup --mesh`")
    done = subprocess.run(
        [str(ACTIONLINT), "-no-color", *map(str, WORKFLOWS)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (0, "")


@pytest.mark.parametrize("file", WORKFLOWS, ids=lambda file: file.name)
def test_actions_are_pinned_and_no_expression_becomes_code(file: Path) -> None:
    text = file.read_text("utf-8")
    used = re.findall(r"uses: (\S+)", text)
    assert used
    assert all(re.fullmatch(r"(actions|pulumi)/[\w-]+@[0-9a-f]{40}", each) for each in used)
    (job,) = yaml.safe_load(text)["jobs"].values()
    assert all("${{" not in step.get("run", "") for step in job["steps"])


@pytest.mark.parametrize("file", SCRIPTS, ids=lambda file: file.name)
def test_scripts_are_bash_and_stop_at_the_first_error(file: Path) -> None:
    subprocess.run(["bash", "-n", str(file)], check=True)
    sourced = file.name == "common.sh"
    assert os.access(file, os.X_OK) != sourced
    if not sourced:
        lines = file.read_text("utf-8").splitlines()
        assert lines[0] == "#!/usr/bin/env bash"
        assert "set -euo pipefail" in lines


def test_a_script_without_a_stack_says_so(tmp_path: Path) -> None:
    env = {"PATH": os.environ["PATH"]}
    done = subprocess.run(
        [str(PIPELINES / "up.sh")],
        cwd=tmp_path,
        env=env,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode != 0
    assert "names no stack" in done.stderr


def test_what_the_pipelines_call_is_there() -> None:
    workflows = [yaml.safe_load(file.read_text("utf-8")) for file in WORKFLOWS]
    told = [*texts(workflows), *texts(GITLAB), *texts(TASKS)]
    called = {found for text in told for found in re.findall(r"examples/pipelines/\S+", text)}
    assert {Path(each).name for each in called} == {
        *("preview.sh", "drift.sh", "up.sh", "install.sh", "comment.py"),
    }
    assert all((ROOT / each).exists() for each in called)


def test_gitlabs_file_is_valid_by_its_schema() -> None:
    done = subprocess.run(
        [
            *(sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.gitlab-ci"),
            *("--data-transform", "gitlab-ci", str(GITLAB_FILE)),
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout


def test_gitlabs_jobs_belong_together() -> None:
    jobs = {name: job for name, job in GITLAB.items() if name not in ("stages", "default")}
    for name, job in jobs.items():
        assert job.get("extends", ".job") in jobs
        assert set(job.get("needs", ())) <= jobs.keys()
        whole = {**jobs[".job"], **jobs.get(job.get("extends", ""), {}), **job}
        if not name.startswith("."):
            assert whole["stage"] in GITLAB["stages"]
            assert whole["script"]
            assert whole["rules"]
            assert "STACK" in str(whole.get("variables", whole.get("parallel")))


@pytest.mark.parametrize(("name", "task"), TASKS.items())
def test_a_task_of_tekton_uses_what_it_declares(name: str, task: dict[str, Any]) -> None:
    declared = {
        "params": {each["name"] for each in task["params"]},
        "workspaces": {each["name"] for each in task["workspaces"]},
        "steps": {f"step-{each['name']}" for each in task["steps"]},
    }
    used = [
        found for text in texts(task["steps"]) for found in re.findall(r"\$\((\w[^)]*)\)", text)
    ]
    variables = [each.split(".") for each in used if each.partition(".")[0] in declared]
    assert variables
    for group, variable, *_ in variables:
        assert variable in declared[group], (name, group, variable)


@pytest.mark.parametrize(("name", "step"), STEPS)
def test_a_step_of_tekton_is_a_script_without_parameters_in_it(
    name: str, step: dict[str, Any]
) -> None:
    assert step["image"] == "$(params.image)"
    assert step["script"].startswith("#!/usr/bin/env bash\n")
    assert not re.search(r"\$\((params|workspaces|steps)\.", step["script"]), name
    subprocess.run(["bash", "-n", "-c", step["script"]], check=True)


@pytest.mark.parametrize("pipeline", TEKTON_PIPELINES, ids=lambda each: each["metadata"]["name"])
def test_a_pipeline_of_tekton_gives_its_tasks_what_they_need(pipeline: dict[str, Any]) -> None:
    spec = pipeline["spec"]
    given = {each["name"] for each in spec["params"]}
    shared = {each["name"]: each.get("optional", False) for each in spec["workspaces"]}
    names = [each["name"] for each in spec["tasks"]]
    for task in spec["tasks"]:
        needs = TASKS[task["taskRef"]["name"]]
        passed = {each["name"]: each["value"] for each in task["params"]}
        required = {each["name"] for each in needs["params"] if "default" not in each}
        assert required <= passed.keys() <= {each["name"] for each in needs["params"]}
        assert {each.removeprefix("$(params.").rstrip(")") for each in passed.values()} <= given
        bound = {each["name"]: each["workspace"] for each in task["workspaces"]}
        assert bound.keys() == {each["name"] for each in needs["workspaces"]}
        for each in needs["workspaces"]:
            assert shared[bound[each["name"]]] == each.get("optional", False)
        assert set(task.get("runAfter", ())) <= set(names)


def test_tekton_fetches_a_revision(tmp_path: Path) -> None:
    origin, source = tmp_path / "origin", tmp_path / "source"
    source.mkdir()
    git = ("git", "-c", "user.name=a", "-c", "user.email=a@example.com", "-C", str(origin))
    subprocess.run(["git", "init", "--quiet", str(origin)], check=True)
    (origin / "file").write_text("one", "utf-8")
    subprocess.run([*git, "add", "."], check=True)
    subprocess.run([*git, "commit", "--quiet", "-m", "one"], check=True)
    said = subprocess.run(
        [*git, "rev-parse", "HEAD"], check=True, capture_output=True, text=True
    ).stdout.strip()
    (step,) = TASKS["serverless-mesh-fetch"]["steps"]
    env = {**os.environ, "URL": origin.as_uri(), "REVISION": said}
    subprocess.run(["bash", "-c", step["script"]], cwd=source, env=env, check=True)
    assert (source / "file").read_text("utf-8") == "one"


@pytest.mark.parametrize("code", [0, 1, 2])
def test_tekton_ends_as_the_preview_did(code: int, tmp_path: Path) -> None:
    file = tmp_path / "exitCode"
    file.write_text(f"{code}", "utf-8")
    step = TASKS["serverless-mesh-preview"]["steps"][-1]
    env = {"PATH": os.environ["PATH"], "EXIT_CODE": str(file)}
    done = subprocess.run(["bash", "-c", step["script"]], env=env, check=False)
    assert done.returncode == code
