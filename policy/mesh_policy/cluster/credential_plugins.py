"""Plugins that get credentials: programs that a kubeconfig names, run within limits."""

import base64
import json
import os
import selectors
import signal
import subprocess
from collections.abc import Iterable, Mapping
from pathlib import Path
from time import monotonic
from typing import Any, Final

from mesh_policy.escaping import printable

ENDS_WITHIN: Final = 60.0
"""Seconds for a plugin; a person may have to log in."""
_MOST: Final = 1 << 20
"""Bytes that a plugin may print."""
_LONGEST: Final = 200
_SHORTEST_SECRET: Final = 4


class PluginError(Exception):
    """A plugin gave no credentials; the message names it, and quotes no secret."""


def credentials(plugin: Mapping[str, Any], folder: Path) -> dict[str, str]:
    """Run a plugin that gets credentials; return them as the fields of a user.

    `folder` is the kubeconfig's, from which a command with a path in it is looked for.

    Raises:
        PluginError: it can't be started, fails, takes too long, or gives none.
    """
    command, arguments, environment = _called(plugin)
    name = printable(Path(command).name)
    # A path is one from the kubeconfig's folder, a name is looked for on PATH.
    program = str(folder / command) if os.sep in command else command
    version = plugin.get("apiVersion")
    request = {"apiVersion": version, "kind": "ExecCredential", "spec": {"interactive": False}}
    asked = {**os.environ, **environment, "KUBERNETES_EXEC_INFO": json.dumps(request)}
    try:
        code, out, err = _run([program, *arguments], asked)
    except FileNotFoundError:
        hint = plugin.get("installHint")
        if not isinstance(hint, str) or not hint:
            hint = "install it, or see that it is on PATH"
        raise PluginError(f"its plugin {name} is not there: {_short(hint)}") from None
    except OSError as error:
        why = error.strerror or type(error).__name__
        raise PluginError(f"its plugin {name} can't be started: {why}") from None
    except ValueError:
        raise PluginError(f"its plugin {name} can't be called with its args and env") from None
    except subprocess.TimeoutExpired:
        raise PluginError(f"its plugin {name} does not end within {ENDS_WITHIN:.0f} s") from None
    if len(out) > _MOST or len(err) > _MOST:
        raise PluginError(f"its plugin {name} prints too much for an ExecCredential")
    if code:
        raise PluginError(f"its plugin {name} exited with {code}: {_last_line(err, plugin)}")
    try:
        return _found(dict(json.loads(out)["status"]), name)
    except (ValueError, KeyError, TypeError, RecursionError):
        raise PluginError(f"its plugin {name} printed no ExecCredential") from None


def _called(plugin: Mapping[str, Any]) -> tuple[str, list[str], dict[str, str]]:
    command, arguments = plugin.get("command"), plugin.get("args") or []
    if not isinstance(command, str) or not command:
        raise PluginError("its plugin has no command")
    if not isinstance(arguments, list) or not all(isinstance(each, str) for each in arguments):
        raise PluginError("its plugin's args are no list of texts")
    try:
        environment = {item["name"]: item["value"] for item in plugin.get("env") or ()}
    except (TypeError, KeyError):
        environment = {"": None}
    if not all(isinstance(each, str) for each in (*environment, *environment.values())):
        raise PluginError("its plugin's env is no list of names and values")
    return command, arguments, environment


def _run(command: list[str], environment: Mapping[str, str]) -> tuple[int, bytes, bytes]:
    """Run a program; return its code and what it prints. What hangs ends with all it started.

    Raises:
        OSError, ValueError: it can't be started.
        subprocess.TimeoutExpired: it does not end in time.
    """
    ends = monotonic() + ENDS_WITHIN
    with subprocess.Popen(
        command,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        process_group=0,
    ) as process:
        try:
            out, err = _printed(process, ends)
            return process.wait(max(ends - monotonic(), 0.0)), out, err
        except BaseException:
            _end(process)
            raise


def _printed(process: subprocess.Popen[bytes], ends: float) -> tuple[bytes, bytes]:
    said = {process.stdout: bytearray(), process.stderr: bytearray()}
    with selectors.DefaultSelector() as waiting:
        for stream in said:
            assert stream is not None, "both are pipes"
            waiting.register(stream, selectors.EVENT_READ)
        while waiting.get_map():
            ready = waiting.select(max(ends - monotonic(), 0.0))
            if not ready:
                raise subprocess.TimeoutExpired(process.args, ENDS_WITHIN)
            for key, _ in ready:
                chunk = os.read(key.fd, 1 << 16)
                if not chunk:
                    waiting.unregister(key.fileobj)
                    continue
                said[key.fileobj] += chunk  # type: ignore[index]
                if len(said[key.fileobj]) > _MOST:  # type: ignore[index]
                    _end(process)
                    waiting.unregister(key.fileobj)
    out, err = said.values()
    return bytes(out), bytes(err)


def _end(process: subprocess.Popen[bytes]) -> None:
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        # All of it is gone.
        return


def _found(status: Mapping[str, Any], name: str) -> dict[str, str]:
    token, certificate, key = (
        status.get(field) for field in ("token", "clientCertificateData", "clientKeyData")
    )
    if not all(part is None or isinstance(part, str) for part in (token, certificate, key)):
        raise TypeError
    if not token and not (certificate and key):
        # Whoever went on would ask as nobody in particular.
        raise PluginError(
            f"its plugin {name} gave neither a token nor a client certificate with its key: log in "
            "by it, then try again"
        )
    given = {
        "token": token,
        "client-certificate-data": _encoded(certificate),
        "client-key-data": _encoded(key),
    }
    return {field: value for field, value in given.items() if value}


def _encoded(pem: str | None) -> str | None:
    return base64.b64encode(pem.encode("utf-8", "replace")).decode() if pem else None


def _last_line(err: bytes, plugin: Mapping[str, Any]) -> str:
    """Return the last line of what a plugin says, without what the kubeconfig gave it."""
    said = [line for line in err.decode("utf-8", "replace").splitlines() if line.strip()]
    if not said:
        return "it said nothing"
    line = said[-1].strip()
    for given in sorted(_given(plugin), key=len, reverse=True):
        line = line.replace(given, "…")
    return _short(line)


def _given(plugin: Mapping[str, Any]) -> Iterable[str]:
    command, arguments, environment = _called(plugin)
    values = {part for each in arguments for part in (each, each.partition("=")[2])}
    return {
        value
        for value in values | set(environment.values())
        if len(value) >= _SHORTEST_SECRET and value != command
    }


def _short(text: str) -> str:
    line = printable(" ".join(text.split()))
    return line if len(line) <= _LONGEST else f"{line[:_LONGEST]}…"
