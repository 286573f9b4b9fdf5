"""Put a report where it is read: a comment of a pull request, a note of a merge request, an issue.

The one that is there already, which begins with the same marker, is updated; otherwise one is made.
It is run by the Python of the project's .venv:

    comment.py github-comment report.md   GITHUB_TOKEN, GITHUB_REPOSITORY, PULL_REQUEST
    comment.py github-issue report.md     GITHUB_TOKEN, GITHUB_REPOSITORY
    comment.py github-issue report.md --resolved   closes it
    comment.py gitlab-note report.md      GITLAB_TOKEN, CI_PROJECT_ID, CI_MERGE_REQUEST_IID
    comment.py gitlab-issue report.md     GITLAB_TOKEN, CI_PROJECT_ID; --resolved closes it

GITHUB_API_URL and CI_API_V4_URL say where the API is, as the runners do. COMMENT_AUTHOR is who the
token belongs to (default: github-actions[bot]; GitLab is asked); what others wrote is never taken
for ours.
"""

import os
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import urllib3

PAGE = 100
KINDS = ("github-comment", "github-issue", "gitlab-note", "gitlab-issue")
USAGE = f"comment.py {'|'.join(KINDS)} REPORT [--resolved]"


class CommentError(Exception):
    """It can't be done; the message says why, and nothing of the token."""


@dataclass(frozen=True)
class Place:
    """Where comments of one kind are: their list, one of them, and how each is changed."""

    listed: str
    one: str
    identifier: str
    update: str
    headers: Mapping[str, str]
    author: str
    closing: Mapping[str, str]
    titled: bool


def needed(name: str) -> str:
    """Return a variable of the environment."""
    value = os.environ.get(name)
    if not value:
        raise CommentError(f"the variable {name} is not set")
    if not (value.isascii() and value.isprintable()):
        # In a header it would be refused, by words that quote it.
        raise CommentError(f"the variable {name} has a line break, or what is no ASCII")
    return value


def github(what: str) -> Place:
    """Return where comments of a pull request are, or issues."""
    api = os.environ.get("GITHUB_API_URL", "https://api.github.com")
    repository = f"{api}/repos/{needed('GITHUB_REPOSITORY')}"
    headers = {
        "Authorization": f"Bearer {needed('GITHUB_TOKEN')}",
        "Accept": "application/vnd.github+json",
        "X-GitHub-Api-Version": "2022-11-28",
    }
    author = os.environ.get("COMMENT_AUTHOR") or "github-actions[bot]"
    issues = f"{repository}/issues"
    if what == "github-issue":
        return Place(issues, issues, "number", "PATCH", headers, author, {"state": "closed"}, True)
    listed = f"{issues}/{needed('PULL_REQUEST')}/comments"
    return Place(listed, f"{issues}/comments", "id", "PATCH", headers, author, {}, False)


def gitlab(what: str) -> Place:
    """Return where notes of a merge request are, or issues."""
    api = os.environ.get("CI_API_V4_URL", "https://gitlab.com/api/v4")
    project = f"{api}/projects/{needed('CI_PROJECT_ID')}"
    headers = {"PRIVATE-TOKEN": needed("GITLAB_TOKEN")}
    author = os.environ.get("COMMENT_AUTHOR") or asked(headers, "GET", f"{api}/user")["username"]
    if what == "gitlab-issue":
        issues = f"{project}/issues"
        return Place(issues, issues, "iid", "PUT", headers, author, {"state_event": "close"}, True)
    notes = f"{project}/merge_requests/{needed('CI_MERGE_REQUEST_IID')}/notes"
    return Place(notes, notes, "id", "PUT", headers, author, {}, False)


def asked(
    headers: Mapping[str, str], method: str, url: str, content: Mapping[str, str] | None = None
) -> Any:
    """Ask the API, and return what it answers."""
    # Whoever it leads to, but the same host, gets no token.
    retries = urllib3.Retry(3, remove_headers_on_redirect=headers)
    try:
        answer = urllib3.request(
            method, url, json=content, headers=dict(headers), retries=retries, timeout=30.0
        )
    except urllib3.exceptions.HTTPError as error:
        raise CommentError(f"{url} can't be reached: {type(error).__name__}") from None
    if answer.status >= 300:
        raise CommentError(f"{method} {url} was answered by {answer.status}")
    try:
        return answer.json()
    except ValueError:
        raise CommentError(f"{method} {url} was answered by no JSON: is it the API?") from None


def everything(place: Place) -> Iterator[Any]:
    """List the comments, or the open issues."""
    page = 1
    state = ("&state=opened" if "PRIVATE-TOKEN" in place.headers else "&state=open") * place.titled
    while True:
        found = asked(place.headers, "GET", f"{place.listed}?per_page={PAGE}&page={page}{state}")
        yield from found
        if len(found) < PAGE:
            return
        page += 1


def existing(place: Place, marker: str) -> Any | None:
    """Return the comment that begins with the marker."""
    for each in everything(place):
        text = each.get("body") or each.get("description") or ""
        writer = each.get("user") or each.get("author") or {}
        name = writer.get("login") or writer.get("username")
        if text.startswith(marker) and name == place.author:
            return each[place.identifier]
    return None


def publish(place: Place, report: str, resolved: bool) -> str:
    """Make, update or close it, and say which."""
    marker = report.partition("\n")[0]
    if not marker.startswith("<!-- serverless-mesh report: "):
        raise CommentError("the report does not begin with its marker: is it one?")
    key = "description" if place.titled and "PRIVATE-TOKEN" in place.headers else "body"
    found = existing(place, marker)
    if resolved:
        if found is None:
            return "there is none to close"
        asked(place.headers, place.update, f"{place.one}/{found}", place.closing)
        return "closed"
    if found is not None:
        asked(place.headers, place.update, f"{place.one}/{found}", {key: report})
        return "updated"
    stack = marker.removeprefix("<!-- serverless-mesh report: ").removesuffix(" -->")
    title = {"title": f"Drift of {stack}"} if place.titled else {}
    asked(place.headers, "POST", place.listed, {**title, key: report})
    return "made"


def main(arguments: list[str]) -> int:
    """Run the command."""
    resolved = "--resolved" in arguments
    what, file = [*(each for each in arguments if each != "--resolved"), "", ""][:2]
    try:
        if what not in KINDS or len(arguments) != 2 + resolved:
            raise CommentError(f"it is run as {USAGE}")
        place = github(what) if what.startswith("github-") else gitlab(what)
        done = publish(place, Path(file).read_text("utf-8"), resolved)
    except UnicodeDecodeError:
        sys.stderr.write(f"error: {file} is no text in UTF-8\n")
        return 2
    except (CommentError, OSError) as error:
        sys.stderr.write(f"error: {error}\n")
        return 2
    sys.stderr.write(f"{what}: {done}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
