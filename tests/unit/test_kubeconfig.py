"""A kubeconfig in its forms: where it leads, as whom, and what is said where it leads nowhere."""

import base64
import json
import os
import ssl
from pathlib import Path
from typing import Any

import pytest
import yaml
from cryptography.hazmat.primitives import serialization

from mesh_policy.cluster.kubeconfig import KubeconfigError, connect, current_context
from toolchain.pki import LocalAuthority


def content(user: dict[str, Any] | None = None, **cluster: Any) -> dict[str, Any]:
    return {
        "clusters": [{"name": "c", "cluster": {"server": "https://api.example:6443/"} | cluster}],
        "users": [{"name": "u", "user": user or {}}],
        "contexts": [
            {"name": "x", "context": {"cluster": "c", "user": "u"}},
            {"name": "nobody", "context": {"cluster": "c"}},
            {"name": "astray", "context": {"cluster": "gone", "user": "u"}},
        ],
        "current-context": "x",
    }


def text(user: dict[str, Any] | None = None, **cluster: Any) -> str:
    return yaml.safe_dump(content(user, **cluster))


def authorization(kubeconfig: str | None, context: str | None = None) -> str | None:
    return connect(kubeconfig, context).headers.get("Authorization")


def plugin(folder: Path, script: str, **more: Any) -> dict[str, Any]:
    file = folder / "plugin"
    file.write_text(f"#!/bin/sh\n{script}\n", "utf-8")
    file.chmod(0o755)
    return {"exec": {"apiVersion": "client.authentication.k8s.io/v1", "command": str(file), **more}}


def test_a_path_a_content_and_a_json_are_read_alike(tmp_path: Path) -> None:
    file = tmp_path / "kubeconfig"
    file.write_text(text({"token": "t"}), "utf-8")
    for given in (str(file), text({"token": "t"}), json.dumps(content({"token": "t"}))):
        found = connect(given, None)
        assert found.server == "https://api.example:6443"
        assert found.headers["Authorization"] == "Bearer t"


def test_the_users_own_are_merged_and_the_first_counts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "one").write_text(text({"token": "first"}), "utf-8")
    second = {**content({"token": "second"}), "current-context": "nobody"}
    second["users"].append({"name": "other", "user": {"tokenFile": "token"}})
    second["contexts"].append({"name": "other", "context": {"cluster": "c", "user": "other"}})
    (tmp_path / "two").write_text(yaml.safe_dump(second), "utf-8")
    (tmp_path / "token").write_text("from a file\n", "utf-8")
    monkeypatch.setenv("KUBECONFIG", f"{tmp_path}/one:{tmp_path}/gone:{tmp_path}/two")
    assert authorization(None) == "Bearer first"
    assert current_context(None) == "x"
    assert authorization(None, "nobody") is None
    assert authorization(None, "other") == "Bearer from a file"


@pytest.mark.parametrize(
    ("user", "expected"),
    [
        ({"username": "a", "password": "b"}, "Basic " + base64.b64encode(b"a:b").decode()),
        ({"auth-provider": {"name": "oidc", "config": {"id-token": "i"}}}, "Bearer i"),
        ({}, None),
    ],
)
def test_who_asks(user: dict[str, Any], expected: str | None) -> None:
    headers = connect(text(user), None).headers
    assert (headers.get("Authorization") or headers.get("authorization")) == expected


def test_a_client_certificate_is_loaded_and_left_nowhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    authority = LocalAuthority(tmp_path / "pki")
    pair = authority.client("somebody")
    (tmp_path / "tmp").mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "tmp"))
    loaded: list[str] = []
    load = ssl.SSLContext.load_cert_chain

    def noted(self: ssl.SSLContext, chain: str, key: str, password: Any) -> None:
        load(self, chain, key, password)
        loaded.append(Path(key).read_text("utf-8"))
        # Even a process that is killed right now leaves nothing behind.
        assert not list((tmp_path / "tmp").iterdir())

    monkeypatch.setattr(ssl.SSLContext, "load_cert_chain", noted)
    trusted = base64.b64encode(authority.pair.certificate.read_bytes()).decode()
    data = {
        "client-certificate-data": base64.b64encode(pair.certificate.read_bytes()).decode(),
        "client-key-data": base64.b64encode(pair.key.read_bytes()).decode(),
    }
    connect(text(data, **{"certificate-authority-data": trusted}), None)
    files = {"client-certificate": str(pair.certificate), "client-key": str(pair.key)}
    connect(text(files), None)
    assert [each.count("PRIVATE KEY") for each in loaded] == [2, 2]
    with pytest.raises(KubeconfigError, match="no pair"):
        connect(text({**data, "client-key-data": trusted}), None)
    assert not list((tmp_path / "tmp").iterdir())


def test_a_plugin_is_asked(tmp_path: Path) -> None:
    answer = json.dumps({"status": {"token": "$WHO"}}).replace('"', '\\"')
    user = plugin(
        tmp_path,
        f'test -n "$KUBERNETES_EXEC_INFO" && test "$1" = get && echo "{answer}"',
        args=["get"],
        env=[{"name": "WHO", "value": "me"}],
    )
    assert authorization(text(user)) == "Bearer me"


@pytest.mark.parametrize(
    ("script", "said"),
    [
        ("echo expired >&2; exit 3", "exited with 3: expired"),
        ("exit 1", "exited with 1: it said nothing"),
        ("echo hello", "printed no ExecCredential"),
        ("echo '{\"status\": null}'", "printed no ExecCredential"),
    ],
)
def test_a_plugin_that_fails_is_an_error_and_not_anonymous(
    tmp_path: Path, script: str, said: str
) -> None:
    with pytest.raises(KubeconfigError, match=said):
        connect(text(plugin(tmp_path, script)), None)


def test_a_plugin_that_hangs_is_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mesh_policy.cluster.credential_plugins.ENDS_WITHIN", 0.2)
    with pytest.raises(KubeconfigError, match="does not end within"):
        connect(text(plugin(tmp_path, "exec sleep 60")), None)


@pytest.mark.parametrize(
    ("given", "context", "said"),
    [
        ("/gone/kubeconfig", None, "No such file"),
        (text(), "gone", "it has no context 'gone'"),
        (text(), "astray", "it has no cluster for the context 'astray'"),
        (yaml.safe_dump({**content(), "current-context": ""}), None, "no current context"),
        ("[]\n", None, "has not the shape of one"),
        ("contexts: 7\ncurrent-context: x\n", None, "has not the shape of one"),
        (text({"client-certificate-data": "?", "client-key-data": "?"}), None, "base64"),
        (text({"exec": {"command": "no-such-plugin"}}), None, "no-such-plugin is not there"),
    ],
)
def test_one_that_leads_nowhere_is_an_error(given: str, context: str | None, said: str) -> None:
    with pytest.raises(KubeconfigError, match=said):
        connect(given, context)


TOKEN = "sk-7c1f0d"


def broken() -> dict[str, str]:
    """Return kubeconfigs that can't be used, each with a token where it may be quoted."""
    context = {"name": "x", "context": {"cluster": TOKEN, "user": TOKEN}}
    files = dict.fromkeys(("client-certificate", "client-key"), f"/gone/{TOKEN}")
    return {
        "no YAML": f"users:\n- token: 'a {TOKEN}\n: x: [",
        "one line": f"users: [{{token: {TOKEN}",
        "a token alone": TOKEN,
        "a tag that lies": f"users:\n- token: !!int {TOKEN}\n",
        "a date that is none": f"users:\n- token: !!timestamp {TOKEN}\n",
        "a key twice": f"token: {TOKEN}\ntoken: {TOKEN}\n",
        "a text": f"- {TOKEN}\n- {TOKEN}\n",
        "users as a text": yaml.safe_dump({**content(), "users": TOKEN}),
        "a user as a text": yaml.safe_dump({**content(), "users": [TOKEN]}),
        "a current context": yaml.safe_dump({**content(), "current-context": TOKEN}),
        "a context": yaml.safe_dump({**content(), "contexts": [context]}),
        "a list": text({"token": [TOKEN]}),
        "line breaks": text({"token": f"{TOKEN}\n{TOKEN}"}),
        "no header": text({"token": f"{TOKEN}\u20ac"}),
        "no base64": text({"client-certificate-data": TOKEN, "client-key-data": f"?{TOKEN}"}),
        "base64 of what is no key": text(
            dict.fromkeys(
                ("client-certificate-data", "client-key-data"),
                base64.b64encode(TOKEN.encode()).decode(),
            )
        ),
        "files": text(files),
        "a token's file": text({"tokenFile": f"/gone/{TOKEN}"}),
        "half a pair": text({"client-key-data": base64.b64encode(TOKEN.encode()).decode()}),
        "no authority": yaml.safe_dump(content(None, **{"certificate-authority-data": TOKEN})),
        "a server": text(server=f"nowhere {TOKEN}"),
        "a user of a server": text(server=f"https://{TOKEN}@api.example"),
        "a server's port": text(server=f"https://api.example:{TOKEN}"),
        "half an address": text(server=f"https://[::1{TOKEN}"),
        "a label that is too long": text(server=f"https://{TOKEN}{'a' * 64}.example"),
        "a proxy": yaml.safe_dump(content(None, **{"proxy-url": f"socks5://{TOKEN}"})),
        "a plugin's arguments": text({"exec": {"command": "x", "args": TOKEN}}),
        "a plugin that tells": text(
            {"exec": {"command": "sh", "args": ["-c", f"echo {TOKEN} >&2; exit 1", TOKEN]}}
        ),
        "a plugin that tells its environment": text(
            {
                "exec": {
                    "command": "sh",
                    "args": ["-c", "echo no $SECRET >&2; exit 1"],
                    "env": [{"name": "SECRET", "value": TOKEN}],
                }
            }
        ),
        "nothing of a provider": text({"auth-provider": {"config": {"secret": TOKEN}}}),
    }


@pytest.mark.parametrize("kind", broken())
def test_an_error_quotes_nothing_of_the_kubeconfig(kind: str) -> None:
    with pytest.raises(KubeconfigError) as caught:
        connect(broken()[kind], None)
    assert str(caught.value)
    assert TOKEN not in str(caught.value)
    assert caught.value.__suppress_context__ or caught.value.__context__ is None


@pytest.mark.parametrize("answer", ["{}", '{"token": ""}', '{"clientKeyData": "k"}'])
def test_a_plugin_that_gives_nothing_is_an_error_and_not_anonymous(
    tmp_path: Path, answer: str
) -> None:
    user = plugin(tmp_path, f"echo '{{\"status\": {answer}}}'")
    with pytest.raises(KubeconfigError, match="gave neither a token nor a client certificate"):
        connect(text(user), None)


def test_a_plugin_that_can_not_be_started_is_named(tmp_path: Path) -> None:
    user = plugin(tmp_path, "echo")
    (tmp_path / "plugin").chmod(0o644)
    with pytest.raises(KubeconfigError, match="plugin can't be started: Permission denied"):
        connect(text(user), None)


def test_a_plugin_that_never_stops_printing_is_ended(tmp_path: Path) -> None:
    with pytest.raises(KubeconfigError, match="prints too much"):
        connect(text(plugin(tmp_path, "exec yes")), None)


def test_what_a_plugin_that_hangs_has_started_ends_with_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mesh_policy.cluster.credential_plugins.ENDS_WITHIN", 0.5)
    # It holds the pipe open for as long as it lives.
    os.mkfifo(tmp_path / "alive")
    user = plugin(tmp_path, f"sh -c 'exec sleep 600 > {tmp_path}/alive' & wait")
    alive = os.open(tmp_path / "alive", os.O_RDONLY | os.O_NONBLOCK)
    with pytest.raises(KubeconfigError, match="does not end within"):
        connect(text(user), None)
    os.set_blocking(alive, True)
    assert os.read(alive, 1) == b""
    os.close(alive)


def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for given in (str(tmp_path / "pipe"), "/dev/zero", str(tmp_path)):
        with pytest.raises(KubeconfigError, match=r"not a file|Is a directory"):
            connect(given, None)
    with pytest.raises(KubeconfigError, match="the file of its tokenFile can't be read"):
        connect(text({"tokenFile": str(tmp_path / "pipe")}), None)


def test_a_key_with_a_password_asks_nobody(tmp_path: Path) -> None:
    pair = LocalAuthority(tmp_path / "pki").client("somebody")
    key = serialization.load_pem_private_key(pair.key.read_bytes(), None).private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.BestAvailableEncryption(b"secret"),
    )
    user = {
        "client-certificate": str(pair.certificate),
        "client-key-data": base64.b64encode(key).decode(),
    }
    with pytest.raises(KubeconfigError, match="client-key is encrypted"):
        connect(text(user), None)
