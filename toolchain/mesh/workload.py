"""The application in a pod, and the ports that the pod has."""

import threading
from collections.abc import Iterable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Final

GREETING: Final = "Hello Openshift!\n"
HELD_PATH: Final = "/held"


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing: a client that went away is no error here."""


class Application:
    """An HTTP server that greets; a request for `/held` is answered only after `release`."""

    def __init__(self) -> None:
        """Listen nowhere yet."""
        self.held = threading.Semaphore(0)
        """Counts the requests that arrived at `/held`."""
        self.release = threading.Event()
        self._servers: list[ThreadingHTTPServer] = []

    def listen(self, address: str, port: int = 0) -> int:
        """Listen on one more address; return the port (the one given, or a free one)."""
        application = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            # The content is written after the headers, and must not wait until those are confirmed.
            disable_nagle_algorithm = True

            def do_GET(self) -> None:
                if self.path == HELD_PATH:
                    application.held.release()
                    application.release.wait(60)
                content = GREETING.encode()
                self.send_response(200)
                self.send_header("Content-Type", "text/plain")
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002
                """Say nothing."""

        server = _Server((address, port), Handler)
        # It looks this often whether it is to end; half a second for each adds up.
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        self._servers.append(server)
        return int(server.server_port)

    def stop(self) -> None:
        """Answer what is held and stop listening."""
        self.release.set()
        for server in self._servers:
            server.shutdown()
            server.server_close()
        self._servers.clear()


def split(ports: Iterable[int], excluded: Iterable[int]) -> tuple[set[int], set[int]]:
    """Split a pod's ports into those that its sidecar takes and those that pass it by."""
    passing = set(ports) & set(excluded)
    return set(ports) - passing, passing
