"""A GitHub and a GitLab that remember comments and issues, as far as the pipelines ask them."""

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tests.serving import serving

TOKEN = "only-for-this-test"
BOT = "github-actions[bot]"


@dataclass
class Forge:
    """What was written to it: comments, and issues."""

    url: str = ""
    comments: list[dict[str, Any]] = field(default_factory=list)
    issues: list[dict[str, Any]] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)
    refused: int = 0
    """How many requests had no token."""
    page: str = ""
    """What is answered instead, as by a proxy."""

    def comment(self, body: str, author: str = BOT) -> None:
        """Write a comment, as somebody."""
        self.comments.append(self._made(self.comments, author, body=body))

    def _made(self, among: list[dict[str, Any]], author: str, **told: Any) -> dict[str, Any]:
        number = len(among) + 1
        names = {"user": {"login": author}, "author": {"username": author}}
        return {"id": number, "number": number, "iid": number, "state": "open", **names, **told}

    def answer(self, method: str, target: str, authorized: bool, content: Any) -> tuple[int, Any]:
        """Answer a request."""
        self.requests.append(f"{method} {target}")
        parts = urlsplit(target)
        if not authorized:
            self.refused += 1
            return 401, {"message": "Bad credentials"}
        if parts.path == "/user":
            return 200, {"username": BOT}
        comments = re.fullmatch(
            r"/repos/o/r/issues/(?:7/)?comments(?:/(\d+))?|/projects/1/merge_requests/7/notes(?:/(\d+))?",
            parts.path,
        )
        issues = re.fullmatch(r"/(?:repos/o/r|projects/1)/issues(?:/(\d+))?", parts.path)
        matched = comments or issues
        if matched is None:
            return 404, {"message": "Not Found"}
        among = self.comments if comments else self.issues
        number = next((each for each in matched.groups() if each), None)
        if method == "GET":
            asked = {key: values[0] for key, values in parse_qs(parts.query).items()}
            size, page = int(asked["per_page"]), int(asked["page"])
            shown = [each for each in among if not asked.get("state") or each["state"] == "open"]
            return 200, shown[(page - 1) * size : page * size]
        if method == "POST":
            among.append(self._made(among, BOT, **content))
            return 201, among[-1]
        (one,) = (each for each in among if str(each["id"]) == number)
        one.update(content)
        if content.get("state_event") == "close":
            one["state"] = "closed"
        return 200, one


@contextmanager
def forge(leads_to: Forge | None = None) -> Iterator[Forge]:
    """Serve one on loopback, or what leads to another under another name."""
    remembered = Forge()

    class Handler(BaseHTTPRequestHandler):
        def _handle(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            content = json.loads(self.rfile.read(length) or "null")
            given = self.headers.get("Authorization") or self.headers.get("PRIVATE-TOKEN") or ""
            authorized = given.removeprefix("Bearer ") == TOKEN
            status, answer = remembered.answer(self.command, self.path, authorized, content)
            body = (remembered.page or json.dumps(answer)).encode()
            self.send_response(302 if leads_to else status)
            if leads_to:
                elsewhere = leads_to.url.replace("127.0.0.1", "localhost")
                self.send_header("Location", f"{elsewhere}{self.path}")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_GET = do_POST = do_PATCH = do_PUT = _handle  # noqa: N815

        def log_message(self, *_: Any) -> None:
            """Be silent."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        remembered.url = f"http://127.0.0.1:{server.server_port}"
        with serving(server):
            yield remembered
