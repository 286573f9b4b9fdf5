"""STAND-IN for OpenShift's router: TCP by the name that a TLS client asks for (SNI).

Only Routes with the termination `passthrough` are served: for the others the router would need a
certificate of its own.
"""

import contextlib
import socket
import ssl
import threading
from collections.abc import Iterable, Mapping
from typing import Any

Manifest = dict[str, Any]
Address = tuple[str, int]


def table(
    routes: Iterable[Manifest],
    services: Iterable[Manifest],
    pods: Mapping[tuple[str, str], Mapping[str, str]],
) -> dict[str, Address]:
    """Say where each pass-through host leads: Route, Service, pod.

    `pods` are the namespace and address of each pod, with its labels.
    """
    by_name = {
        (service["metadata"]["namespace"], service["metadata"]["name"]): service
        for service in services
    }
    found = {}
    for route in routes:
        spec = route["spec"]
        if (spec.get("tls") or {}).get("termination") != "passthrough":
            continue
        service = by_name.get((route["metadata"]["namespace"], spec["to"]["name"]))
        target = service and endpoint(service, spec["port"]["targetPort"], pods)
        if target:
            found[spec["host"]] = target
    return found


def endpoint(
    service: Manifest, port: str | int, pods: Mapping[tuple[str, str], Mapping[str, str]]
) -> Address | None:
    """Return a pod's address and port behind a Service's port (its name or number)."""
    namespace = service["metadata"]["namespace"]
    selector = (service["spec"].get("selector") or {}).items()
    for (pod_namespace, address), labels in pods.items():
        if pod_namespace == namespace and selector and selector <= labels.items():
            for candidate in service["spec"]["ports"]:
                if port in (candidate.get("name"), candidate["port"]):
                    return address, int(candidate["targetPort"])
    return None


class Router:
    """A listener on 127.0.0.1 that forwards each connection by its SNI through `routes`."""

    def __init__(self) -> None:
        """Listen on a free port."""
        self.routes: Mapping[str, Address] = {}
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        threading.Thread(target=self._accept, daemon=True).start()

    def stop(self) -> None:
        """Stop listening."""
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        with client, contextlib.suppress(OSError):
            client.settimeout(60)
            greeting, name = _server_name(client)
            target = self.routes.get(name or "")
            if target is None:
                return
            with socket.create_connection(target, timeout=60) as server:
                server.sendall(greeting)
                back = threading.Thread(target=_copy, args=(server, client), daemon=True)
                back.start()
                _copy(client, server)
                back.join()


def _server_name(client: socket.socket) -> tuple[bytes, str | None]:
    """Read a ClientHello; return its bytes and the name asked for."""
    names: list[str] = []
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)

    def note(_tls: ssl.SSLObject, name: str | None, _context: ssl.SSLContext) -> int:
        names.append(name or "")
        return ssl.ALERT_DESCRIPTION_HANDSHAKE_FAILURE

    context.sni_callback = note
    incoming = ssl.MemoryBIO()
    tls = context.wrap_bio(incoming, ssl.MemoryBIO(), server_side=True)
    seen = b""
    while not names and (part := client.recv(16384)):
        seen += part
        incoming.write(part)
        try:
            tls.do_handshake()
        except ssl.SSLWantReadError:
            continue
        except ssl.SSLError:
            break
    return seen, names[0] if names else None


def _copy(source: socket.socket, target: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while part := source.recv(65536):
            target.sendall(part)
    with contextlib.suppress(OSError):
        target.shutdown(socket.SHUT_WR)
