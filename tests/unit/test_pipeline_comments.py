"""The pipelines' comment: made once, then updated; nobody else's is taken for it."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.forge import BOT, TOKEN, Forge, forge

SCRIPT = Path(__file__).resolve().parents[2] / "examples" / "pipelines" / "comment.py"
MARKER = "<!-- serverless-mesh report: serverless-mesh/dev -->"


@pytest.fixture
def host() -> Iterator[Forge]:
    with forge() as found:
        yield found


def run(host: Forge, tmp_path: Path, *arguments: str, body: str = "one", **env: str) -> str:
    report = tmp_path / "report.md"
    report.write_text(f"{MARKER}\n\n{body}\n", "utf-8")
    done = subprocess.run(
        [sys.executable, str(SCRIPT), arguments[0], str(report), *arguments[1:]],
        env={
            "PATH": os.environ["PATH"],
            "GITHUB_API_URL": host.url,
            "GITHUB_REPOSITORY": "o/r",
            "GITHUB_TOKEN": TOKEN,
            "PULL_REQUEST": "7",
            "CI_API_V4_URL": host.url,
            "CI_PROJECT_ID": "1",
            "CI_MERGE_REQUEST_IID": "7",
            "GITLAB_TOKEN": TOKEN,
            **env,
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert TOKEN not in done.stdout + done.stderr
    return f"{done.returncode} {done.stderr}"


@pytest.mark.parametrize("what", ["github-comment", "gitlab-note"])
def test_a_comment_is_made_once_and_then_updated(host: Forge, tmp_path: Path, what: str) -> None:
    host.comment("hello")
    assert run(host, tmp_path, what) == f"0 {what}: made\n"
    assert run(host, tmp_path, what, body="two") == f"0 {what}: updated\n"
    assert [each["body"] for each in host.comments] == ["hello", f"{MARKER}\n\ntwo\n"]


def test_each_stack_has_its_own(host: Forge, tmp_path: Path) -> None:
    host.comment(MARKER.replace("dev", "production") + "\n\nother")
    assert run(host, tmp_path, "github-comment") == "0 github-comment: made\n"


def test_what_somebody_else_wrote_under_the_marker_is_left_alone(
    host: Forge, tmp_path: Path
) -> None:
    host.comment(f"{MARKER}\n\nall is well, merge it", author="mallory")
    assert run(host, tmp_path, "github-comment") == "0 github-comment: made\n"
    assert host.comments[0]["body"].endswith("merge it")
    assert run(host, tmp_path, "github-comment", COMMENT_AUTHOR="mallory").startswith("0")
    assert host.comments[0]["body"].endswith("one\n")


def test_it_is_found_on_a_later_page(host: Forge, tmp_path: Path) -> None:
    for number in range(100):
        host.comment(str(number))
    host.comment(f"{MARKER}\n\nold")
    assert run(host, tmp_path, "github-comment") == "0 github-comment: updated\n"
    assert len(host.comments) == 101


@pytest.mark.parametrize("what", ["github-issue", "gitlab-issue"])
def test_an_issue_is_opened_updated_closed_and_opened_anew(
    host: Forge, tmp_path: Path, what: str
) -> None:
    assert run(host, tmp_path, what, "--resolved") == f"0 {what}: there is none to close\n"
    assert run(host, tmp_path, what) == f"0 {what}: made\n"
    assert run(host, tmp_path, what, body="two") == f"0 {what}: updated\n"
    (issue,) = host.issues
    assert issue["title"] == "Drift of serverless-mesh/dev"
    assert issue["description" if what == "gitlab-issue" else "body"].endswith("two\n")
    assert issue["user"]["login"] == BOT
    assert run(host, tmp_path, what, "--resolved") == f"0 {what}: closed\n"
    assert issue["state"] == "closed"
    assert run(host, tmp_path, what) == f"0 {what}: made\n"


def test_a_refusal_and_a_missing_variable_are_errors_that_name_no_token(
    host: Forge, tmp_path: Path
) -> None:
    said = run(host, tmp_path, "github-comment", GITHUB_TOKEN="wrong")
    assert said.startswith("2 error: GET ")
    assert said.endswith("was answered by 401\n")
    said = run(host, tmp_path, "gitlab-note", CI_MERGE_REQUEST_IID="")
    assert said == "2 error: the variable CI_MERGE_REQUEST_IID is not set\n"
    said = run(host, tmp_path, "github-comment", GITHUB_API_URL="http://127.0.0.1:9")
    assert said.startswith("2 error: http://127.0.0.1:9/")


def test_a_file_that_is_no_report_is_not_published(host: Forge, tmp_path: Path) -> None:
    report = tmp_path / "other.md"
    report.write_text("hello", "utf-8")
    env = {"GITHUB_TOKEN": TOKEN, "GITHUB_REPOSITORY": "o/r", "PULL_REQUEST": "7"}
    command = [sys.executable, str(SCRIPT), "github-comment", str(report)]
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "marker" in done.stderr


@pytest.mark.parametrize("what", ["gitlab-note", "gitlab-issue"])
def test_on_gitlab_too_only_what_the_tokens_user_wrote_is_ours(
    host: Forge, tmp_path: Path, what: str
) -> None:
    host.comment(f"{MARKER}\n\nmine", author="mallory")
    host.issues.append({**host.comments[0], "description": host.comments[0]["body"]})
    assert run(host, tmp_path, what) == f"0 {what}: made\n"


@pytest.mark.parametrize("token", [f"{TOKEN}\n", f"{TOKEN}\u20ac"])
@pytest.mark.parametrize("what", ["github-comment", "gitlab-note"])
def test_a_token_that_no_header_takes_is_not_quoted(
    host: Forge, tmp_path: Path, what: str, token: str
) -> None:
    said = run(host, tmp_path, what, GITHUB_TOKEN=token, GITLAB_TOKEN=token)
    assert said.startswith("2 error: the variable GIT")
    assert host.requests == []


def test_no_token_goes_where_a_redirection_leads(host: Forge, tmp_path: Path) -> None:
    with forge(leads_to=host) as first:
        said = run(first, tmp_path, "gitlab-note")
    assert said.startswith("2 error: GET ")
    assert host.refused


@pytest.mark.parametrize("arguments", [(), ("gitlab-notes", "report.md"), ("github-comment",)])
def test_it_says_how_it_is_run(arguments: tuple[str, ...]) -> None:
    command = [sys.executable, str(SCRIPT), *arguments]
    done = subprocess.run(command, env={}, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr.startswith("error: it is run as comment.py ")


def test_an_answer_of_something_else_is_an_error(host: Forge, tmp_path: Path) -> None:
    host.page = "<p>Log in</p>"
    said = run(host, tmp_path, "github-comment")
    assert said.startswith("2 error: GET ")
    assert "no JSON" in said
