"""From a kubeconfig, in any form that Pulumi's Kubernetes provider takes, to a connection.

The Kubernetes client for Python can do this too. Its import takes longer than the engine's whole
preview of an empty program, it leaves keys in temporary files when the process is killed, and it
goes on without credentials where a plugin fails.
"""

import base64
import binascii
import os
import ssl
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, NoReturn, TypeVar
from urllib.parse import SplitResult, urlsplit
from urllib.request import getproxies, proxy_bypass

import urllib3

from mesh_policy.cluster import credential_plugins as plugins
from mesh_policy.escaping import printable
from mesh_policy.reading.documents import DocumentError, parse
from mesh_policy.reading.files import FileError, read, read_text

AT_ONCE: Final = 8
"""How much is asked of a cluster side by side, and so over how many connections."""
_LARGEST: Final = 16 << 20
"""Bytes of a kubeconfig, and of each file that it names."""
_LONGEST_LABEL: Final = 63
_Fields = Mapping[str, Any]
_T = TypeVar("_T")


class KubeconfigError(Exception):
    """The kubeconfig can't be used; the message says why, and quotes nothing of what is in it."""


@dataclass(frozen=True)
class Connection:
    """How to reach an API server: its URL, the connections to it, and headers that say who asks."""

    server: str
    pool: urllib3.PoolManager
    headers: Mapping[str, str]


def is_path(kubeconfig: str) -> bool:
    """Tell the path of a kubeconfig from the content of one."""
    content = kubeconfig.lstrip().startswith(("{", "[")) or ": " in kubeconfig
    return not content and "\n" not in kubeconfig


def connect(kubeconfig: str | None, context: str | None) -> Connection:
    """Connect; `kubeconfig` is a path, a file's content or None for the user's own.

    The user's own are the files of KUBECONFIG, or `~/.kube/config`.

    Raises:
        KubeconfigError: it can't be used.
    """
    with _shaped():
        return _connection(_Merged(list(_contents(kubeconfig))), context)


def current_context(kubeconfig: str | None) -> str:
    """Return the name of the context that counts where none is named; empty: there is none.

    Raises:
        KubeconfigError: the kubeconfig can't be used.
    """
    with _shaped():
        return _Merged(list(_contents(kubeconfig))).current()


@contextmanager
def _shaped() -> Iterator[None]:
    try:
        yield
    except plugins.PluginError as error:
        raise KubeconfigError(str(error)) from None
    except (AttributeError, TypeError, KeyError, ValueError, RecursionError, OSError):
        # The shape of a kubeconfig is taken for granted; Python's own words would quote it.
        raise KubeconfigError("it has not the shape of one") from None


class _Merged:
    """Contents of kubeconfigs as one: of two entries with one name, the first counts."""

    def __init__(self, contents: list[tuple[_Fields, Path]]) -> None:
        self._contents = contents

    def current(self) -> str:
        found = (_text(content, "current-context") for content, _ in self._contents)
        return next(filter(None, found), "")

    def entry(self, kind: str, name: str) -> tuple[_Fields, Path] | None:
        """Return the entry of a kind (`cluster`, `user`, `context`) and its file's folder."""
        for content, folder in self._contents:
            for entry in content.get(f"{kind}s") or ():
                if entry["name"] == name:
                    return entry.get(kind) or {}, folder
        return None


def _contents(kubeconfig: str | None) -> Iterator[tuple[_Fields, Path]]:
    if kubeconfig is not None and not is_path(kubeconfig):
        yield _parsed(kubeconfig), Path.cwd()
        return
    given = kubeconfig or os.environ.get("KUBECONFIG") or "~/.kube/config"
    paths = [given] if kubeconfig else given.split(os.pathsep)
    files = [_expanded(path) for path in paths if path]
    # As for kubectl: of several files, one that is not there is no error.
    there = files if len(files) == 1 else [file for file in files if file.exists()]
    if not there:
        raise KubeconfigError(f"none of {printable(given)} is there")
    for file in there:
        # Somebody may have given the content, or a token, where a path belongs.
        name = "" if kubeconfig else f"{printable(str(file))}: "
        try:
            content = read_text(file, _LARGEST)
        except FileError as error:
            raise KubeconfigError(f"{name}the file can't be read: {error}") from None
        yield _parsed(content, name), file.parent


def _expanded(path: str) -> Path:
    try:
        return Path(path).expanduser()
    except RuntimeError:
        # `~somebody`, who has no home here.
        return Path(path)


def _parsed(text: str, name: str = "") -> _Fields:
    try:
        content = parse(text)
    except DocumentError as error:
        raise KubeconfigError(f"{name}{error}") from None
    if not isinstance(content, Mapping):
        raise KubeconfigError(f"{name}it has not the shape of one")
    return content


def _connection(merged: _Merged, context: str | None) -> Connection:
    name = context or merged.current()
    if not name:
        raise KubeconfigError("it has no current context, and none is chosen")
    chosen = merged.entry("context", name)
    said = f"the context {printable(context)!r}" if context else "its current context"
    if chosen is None:
        _refuse(f"it has no context {printable(context)!r}" if context else f"it has not {said}")
    found = merged.entry("cluster", _text(chosen[0], "cluster"))
    if found is None:
        raise KubeconfigError(f"it has no cluster for {said}")
    cluster, folder = found
    # Without a user, or one that is not there, nobody in particular asks.
    user, users_folder = merged.entry("user", _text(chosen[0], "user")) or ({}, Path.cwd())
    server = _text(cluster, "server").rstrip("/")
    address = _address(server, "its server")
    if address.username is not None:
        raise KubeconfigError("its server has a user in its URL, whom no API server takes")
    headers = {"Accept": "application/json"}
    if (plugin := user.get("exec")) is not None:
        user = {**user, **plugins.credentials(plugin, users_folder)}
    if authorization := _authorization(user, users_folder):
        headers["Authorization"] = authorization
    tls = _tls(cluster, folder, user, users_folder) if address.scheme == "https" else None
    return Connection(server, _pool(address, cluster, tls), headers)


def _refuse(why: str) -> NoReturn:
    raise KubeconfigError(why)


def _text(fields: _Fields, name: str) -> str:
    """Return the text of a field, an empty one where there is none."""
    value = fields.get(name)
    if value is None:
        return ""
    return value if isinstance(value, str) else _refuse(f"its {name} is no text")


def _address(url: str, what: str) -> SplitResult:
    """Take a URL apart that leads to a server."""
    try:
        address = urlsplit(url)
        host, port = address.hostname or "", address.port
    except ValueError:
        host, port, address = "", None, urlsplit("")
    labels = host.removesuffix(".").split(".")
    good = (
        address.scheme in ("http", "https")
        and url.isascii()
        and url.isprintable()
        and " " not in url
        and all(0 < len(label) <= _LONGEST_LABEL for label in labels)
        and port != 0
    )
    if not good:
        _refuse(f"{what} is no URL such as https://api.example.com:6443")
    return address


def _pool(server: SplitResult, cluster: _Fields, tls: ssl.SSLContext | None) -> urllib3.PoolManager:
    # A server that asks for retries is an answer, and waiting for it is the caller's to limit.
    retries = urllib3.Retry(1, respect_retry_after_header=False)
    options: dict[str, Any] = {"maxsize": AT_ONCE, "retries": retries, "ssl_context": tls}
    if expected := _text(cluster, "tls-server-name"):
        if not _address(f"https://{expected}", "its tls-server-name").hostname:
            _refuse("its tls-server-name is no name")
        options |= {"server_hostname": expected, "assert_hostname": expected}
    proxy = _text(cluster, "proxy-url")
    if not proxy and not proxy_bypass(server.hostname or ""):
        proxy = getproxies().get(server.scheme, "")
    if not proxy:
        return urllib3.PoolManager(**options)
    _address(proxy, "the proxy")
    return urllib3.ProxyManager(proxy, **options)


def _tls(cluster: _Fields, folder: Path, user: _Fields, users_folder: Path) -> ssl.SSLContext:
    trusted = _bytes(cluster, "certificate-authority", folder)
    try:
        context = ssl.create_default_context(cadata=trusted.decode("ascii") if trusted else None)
    except (ssl.SSLError, ValueError):
        raise KubeconfigError("its certificate-authority is no certificate in PEM") from None
    # Python asks for more of a certificate authority than others do, and kubeadm's lacks it.
    context.verify_flags &= ~getattr(ssl, "VERIFY_X509_STRICT", 0)
    if cluster.get("insecure-skip-tls-verify"):
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    certificate = _bytes(user, "client-certificate", users_folder)
    key = _bytes(user, "client-key", users_folder)
    if bool(certificate) != bool(key):
        there, absent = ("client-certificate", "client-key")[:: 1 if certificate else -1]
        raise KubeconfigError(f"it has a {there} without its {absent}")
    if certificate:
        _load_pair(context, certificate, key)
    return context


def _load_pair(context: ssl.SSLContext, certificate: bytes, key: bytes) -> None:
    """Load a client's certificate and key, which Python reads from files only.

    These never have a name: whatever ends the process, nothing of them is left.
    """
    with tempfile.TemporaryFile() as chain, tempfile.TemporaryFile() as private:
        for file, content in ((chain, certificate), (private, key)):
            file.write(content)
            file.seek(0)
        certfile, keyfile = (f"/dev/fd/{file.fileno()}" for file in (chain, private))
        try:
            context.load_cert_chain(certfile, keyfile, _no_password)
        except (OSError, ValueError):
            raise KubeconfigError(
                "its client-certificate and client-key are no pair in PEM"
            ) from None


def _no_password() -> str:
    # Without this, OpenSSL would ask the terminal for one, and wait.
    raise KubeconfigError("its client-key is encrypted")


def _bytes(fields: _Fields, name: str, folder: Path) -> bytes:
    """Return what stands in `name`-data, or in the file `name`, if either is given."""
    if data := _text(fields, f"{name}-data"):
        try:
            return base64.b64decode("".join(data.split()), validate=True)
        except (binascii.Error, ValueError):
            raise KubeconfigError(f"its {name}-data is no base64") from None
    return _file(fields, name, folder, read) or b""


def _file(
    fields: _Fields, name: str, folder: Path, reading: Callable[[Path, int], _T]
) -> _T | None:
    """Return what the file holds that a field names, None where it names none."""
    path = _text(fields, name)
    if not path:
        return None
    try:
        return reading(folder / _expanded(path), _LARGEST)
    except FileError as error:
        raise KubeconfigError(f"the file of its {name} can't be read: {error}") from None


def _authorization(user: _Fields, folder: Path) -> str:
    token = _text(user, "token") or (_file(user, "tokenFile", folder, read_text) or "").strip()
    provider = user.get("auth-provider")
    if not token and provider is not None:
        provided = provider.get("config") or {}
        token = _text(provided, "id-token") or _text(provided, "access-token")
        if not token:
            # Whoever went on would ask as nobody in particular.
            raise KubeconfigError("its auth-provider has no token: log in by it, then try again")
    if token:
        if not (token.isascii() and token.isprintable()):
            raise KubeconfigError("its token has characters that no token has")
        return f"Bearer {token}"
    if name := _text(user, "username"):
        pair = f"{name}:{_text(user, 'password')}".encode("utf-8", "replace")
        return f"Basic {base64.b64encode(pair).decode()}"
    return ""
