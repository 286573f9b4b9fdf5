"""From a kubeconfig, in any form that Pulumi's Kubernetes provider takes, to a connection.

The Kubernetes client for Python can do this too. Its import takes longer than the engine's whole
preview of an empty program, it leaves keys in temporary files when the process is killed, and it
goes on without credentials where a plugin fails.
"""

import base64
import binascii
import json
import os
import ssl
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import urllib3
import yaml

AT_ONCE: Final = 8
"""How much is asked of a cluster side by side, and so over how many connections."""
_PLUGIN_WITHIN: Final = 60.0
"""Seconds for a plugin that gets credentials; a person may have to log in."""
_Fields = Mapping[str, Any]


class KubeconfigError(Exception):
    """The kubeconfig can't be used; the message says why, and quotes no secret of it."""


@dataclass(frozen=True)
class Connection:
    """How to reach an API server: its URL, the connections to it, and headers that say who asks."""

    server: str
    pool: urllib3.PoolManager
    headers: Mapping[str, str]


def is_path(kubeconfig: str) -> bool:
    """Tell the path of a kubeconfig from the content of one."""
    return "\n" not in kubeconfig and not kubeconfig.lstrip().startswith("{")


def connect(kubeconfig: str | None, context: str | None) -> Connection:
    """Connect; `kubeconfig` is a path, a file's content or None for the user's own.

    The user's own are the files of KUBECONFIG, or `~/.kube/config`.

    Raises:
        KubeconfigError: it can't be used.
    """
    try:
        return _connection(_Merged(list(_contents(kubeconfig))), context)
    except (AttributeError, TypeError, KeyError) as error:
        # The shape of a kubeconfig is taken for granted.
        raise KubeconfigError(f"it has not the shape of one: {error}") from None
    except (OSError, ssl.SSLError, binascii.Error) as error:
        raise KubeconfigError(str(error)) from None


class _Merged:
    """Contents of kubeconfigs as one: of two entries with one name, the first counts."""

    def __init__(self, contents: list[tuple[_Fields, Path]]) -> None:
        self._contents = contents

    def current(self) -> str:
        found = (content.get("current-context") for content, _ in self._contents)
        return next(filter(None, found), "")

    def entry(self, kind: str, name: str, default: _Fields | None = None) -> tuple[_Fields, Path]:
        """Return the entry of a kind (`cluster`, `user`, `context`) and its file's folder."""
        for content, folder in self._contents:
            for entry in content.get(f"{kind}s") or ():
                if entry["name"] == name:
                    return entry.get(kind) or {}, folder
        if default is not None:
            return default, Path.cwd()
        raise KubeconfigError(f"it has no {kind} {name!r}")


def _contents(kubeconfig: str | None) -> Iterator[tuple[_Fields, Path]]:
    if kubeconfig is not None and not is_path(kubeconfig):
        yield _parsed(kubeconfig, "the kubeconfig"), Path.cwd()
        return
    given = kubeconfig or os.environ.get("KUBECONFIG") or "~/.kube/config"
    paths = [given] if kubeconfig else given.split(os.pathsep)
    files = [Path(path).expanduser() for path in paths if path]
    # As for kubectl: of several files, one that is not there is no error.
    there = files if len(files) == 1 else [file for file in files if file.exists()]
    if not there:
        raise KubeconfigError(f"none of {given} is there")
    for file in there:
        yield _parsed(file.read_text("utf-8"), str(file)), file.parent


def _parsed(text: str, place: str) -> _Fields:
    try:
        content = yaml.load(text, getattr(yaml, "CSafeLoader", yaml.SafeLoader))  # noqa: S506
    except yaml.YAMLError as error:
        # The error quotes the line, which may be a token.
        line = getattr(getattr(error, "problem_mark", None), "line", None)
        where = "" if line is None else f", line {line + 1}"
        raise KubeconfigError(f"{place} is no YAML{where}") from None
    if not isinstance(content, Mapping):
        raise KubeconfigError(f"{place} has not the shape of one")
    return content


def _connection(merged: _Merged, context: str | None) -> Connection:
    name = context or merged.current()
    if not name:
        raise KubeconfigError("it has no current context, and none is chosen")
    chosen, _ = merged.entry("context", name)
    cluster, folder = merged.entry("cluster", chosen.get("cluster", ""))
    # Without a user, or one that is not there, nobody in particular asks.
    user, users_folder = merged.entry("user", chosen.get("user", ""), {})
    server = str(cluster["server"]).rstrip("/")
    headers = {"Accept": "application/json"}
    if (plugin := user.get("exec")) is not None:
        user = {**user, **_asked(plugin, users_folder)}
    if token := _token(user, users_folder):
        headers["Authorization"] = f"Bearer {token}"
    elif user.get("username"):
        headers |= urllib3.make_headers(basic_auth=f"{user['username']}:{user.get('password', '')}")
    tls = _tls(cluster, folder, user, users_folder) if server.startswith("https:") else None
    return Connection(server, _pool(server, cluster, tls), headers)


def _pool(server: str, cluster: _Fields, tls: ssl.SSLContext | None) -> urllib3.PoolManager:
    # A server that asks for patience is an answer, and waiting for it is the caller's to limit.
    retries = urllib3.Retry(1, respect_retry_after_header=False)
    options: dict[str, Any] = {"maxsize": AT_ONCE, "retries": retries, "ssl_context": tls}
    if expected := cluster.get("tls-server-name"):
        options |= {"server_hostname": expected, "assert_hostname": expected}
    address = urlsplit(server)
    proxy = cluster.get("proxy-url")
    if not proxy and not proxy_bypass(address.hostname or ""):
        proxy = getproxies().get(address.scheme)
    return urllib3.ProxyManager(proxy, **options) if proxy else urllib3.PoolManager(**options)


def _tls(cluster: _Fields, folder: Path, user: _Fields, users_folder: Path) -> ssl.SSLContext:
    trusted = _bytes(cluster, "certificate-authority", folder)
    context = ssl.create_default_context(cadata=trusted.decode() if trusted else None)
    # Python asks for more of a certificate authority than others do, and kubeadm's lacks it.
    context.verify_flags &= ~getattr(ssl, "VERIFY_X509_STRICT", 0)
    if cluster.get("insecure-skip-tls-verify"):
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    certificate = _bytes(user, "client-certificate", users_folder)
    key = _bytes(user, "client-key", users_folder)
    if certificate and key:
        # Python reads them from a file only; it is gone before anything is asked.
        with tempfile.NamedTemporaryFile(prefix="client-", suffix=".pem") as file:
            file.write(certificate + b"\n" + key)
            file.flush()
            context.load_cert_chain(file.name)
    return context


def _bytes(fields: _Fields, name: str, folder: Path) -> bytes:
    """Return what stands in `name`-data, or in the file `name`, if either is given."""
    if data := fields.get(f"{name}-data"):
        return base64.b64decode(data, validate=True)
    return (folder / Path(fields[name]).expanduser()).read_bytes() if fields.get(name) else b""


def _token(user: _Fields, folder: Path) -> str:
    if user.get("token"):
        return str(user["token"])
    if user.get("tokenFile"):
        return (folder / Path(user["tokenFile"]).expanduser()).read_text("utf-8").strip()
    provided = (user.get("auth-provider") or {}).get("config") or {}
    return str(provided.get("id-token") or provided.get("access-token") or "")


def _asked(plugin: _Fields, folder: Path) -> dict[str, str]:
    """Run a plugin that gets credentials; return them as the fields of a user."""
    version = plugin.get("apiVersion")
    command = str(plugin["command"])
    # A path is one from the kubeconfig's folder, a name is looked for on PATH.
    program = str(folder / command) if os.sep in command else command
    request = {"apiVersion": version, "kind": "ExecCredential", "spec": {"interactive": False}}
    given = {item["name"]: item["value"] for item in plugin.get("env") or ()}
    try:
        done = subprocess.run(
            [program, *map(str, plugin.get("args") or ())],
            env={**os.environ, **given, "KUBERNETES_EXEC_INFO": json.dumps(request)},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=_PLUGIN_WITHIN,
            check=False,
        )
    except FileNotFoundError:
        hint = plugin.get("installHint") or "install it, or see that it is on PATH"
        raise KubeconfigError(f"its plugin {command} is not there: {hint}") from None
    except subprocess.TimeoutExpired:
        limit = f"{_PLUGIN_WITHIN:.0f} s"
        raise KubeconfigError(f"its plugin {command} does not end within {limit}") from None
    if done.returncode:
        said = done.stderr.strip().splitlines()[-1:] or ["it said nothing"]
        raise KubeconfigError(f"its plugin {command} exited with {done.returncode}: {said[0]}")
    try:
        status = dict(json.loads(done.stdout)["status"])
    except (ValueError, KeyError, TypeError):
        raise KubeconfigError(f"its plugin {command} printed no ExecCredential") from None
    found = {
        "token": status.get("token"),
        "client-certificate-data": _encoded(status.get("clientCertificateData")),
        "client-key-data": _encoded(status.get("clientKeyData")),
    }
    return {name: value for name, value in found.items() if value}


def _encoded(pem: str | None) -> str | None:
    return base64.b64encode(pem.encode()).decode() if pem else None
