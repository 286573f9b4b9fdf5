"""A kubeconfig in its forms: where it leads, as whom, and what is said where it leads nowhere."""

import base64
import json
import ssl
from pathlib import Path
from typing import Any

import pytest
import yaml

from policy.kubeconfig import KubeconfigError, connect
from toolchain.pki import LocalAuthority


def content(user: dict[str, Any] | None = None, **cluster: Any) -> dict[str, Any]:
    return {
        "clusters": [{"name": "c", "cluster": {"server": "https://api.example:6443/", **cluster}}],
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

    def noted(self: ssl.SSLContext, file: str) -> None:
        load(self, file)
        loaded.append(Path(file).read_text("utf-8"))

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
    monkeypatch.setattr("policy.kubeconfig._PLUGIN_WITHIN", 0.2)
    with pytest.raises(KubeconfigError, match="does not end within"):
        connect(text(plugin(tmp_path, "exec sleep 60")), None)


@pytest.mark.parametrize(
    ("given", "context", "said"),
    [
        ("/gone/kubeconfig", None, "No such file"),
        (text(), "gone", "it has no context 'gone'"),
        (text(), "astray", "it has no cluster 'gone'"),
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


def test_an_error_in_its_yaml_quotes_no_token() -> None:
    with pytest.raises(KubeconfigError) as caught:
        connect("users:\n- token: 'sec ret\n: x: [", None)
    assert "is no YAML" in str(caught.value)
    assert "sec" not in str(caught.value)
