"""Whatever a command meets, it ends with 0, 1 or 2 and a message: no traceback, no waiting."""

import json
import os
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import typer
import yaml
from typer.testing import CliRunner, Result

from mesh_policy.documented.kinds import Kind
from mesh_policy.escaping import in_json, printable
from mesh_policy.findings import Ref, Undetermined, Violation
from mesh_policy.reading import x509
from serverless_mesh.cli import sources
from serverless_mesh.cli.main import app
from tests.policy.cases import private_key, private_pem
from tests.policy.integration import documented

ROOT = Path(__file__).resolve().parents[2]
LIST = {"apiVersion": "v1", "kind": "List", "items": 7}
SERVICE = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "a", "namespace": "b"}}


def run(*arguments: str | Path, stdin: str | bytes | None = None) -> Result:
    done = CliRunner().invoke(app, [*map(str, arguments)], input=stdin)
    assert isinstance(done.exception, SystemExit | None), done.exception
    assert "Traceback" not in done.output
    return done


def refused(*arguments: str | Path, stdin: str | bytes | None = None) -> str:
    done = run(*arguments, stdin=stdin)
    assert done.exit_code == 2, done.output
    assert done.stderr.strip()
    return " ".join(done.stderr.split())


def test_a_fault_of_our_own_is_exit_code_2_in_one_line(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fail(*_: Any) -> None:
        raise LookupError("sk-7c1f0d\nmore")

    monkeypatch.setattr(sources, "read", fail)
    done = run("check", "-f", "x")
    assert done.exit_code == 2
    (line,) = done.stderr.splitlines()
    assert "a fault of serverless-mesh itself, LookupError in looking.py:" in line
    assert "Please report" in line
    assert "sk-7c1f0d" not in line


@pytest.mark.parametrize("error", [RecursionError, MemoryError])
def test_too_much_is_no_fault_of_ours(
    monkeypatch: pytest.MonkeyPatch, error: type[Exception]
) -> None:
    def fail(*_: Any) -> None:
        raise error

    monkeypatch.setattr(sources, "read", fail)
    assert "there is too much to read" in refused("check", "-f", "x")


def test_nothing_but_a_command_says_1(monkeypatch: pytest.MonkeyPatch) -> None:
    def stop(*_: Any) -> None:
        raise typer.Abort

    monkeypatch.setattr(sources, "read", stop)
    assert "stopped before it was done" in refused("check", "-f", "x")
    for arguments in ([], ["nothing"], ["check", "--nothing"], ["verify", "https://a"]):
        assert run(*arguments).exit_code == 2


def process(*arguments: str, **options: Any) -> subprocess.CompletedProcess[str]:
    code = "import sys; from serverless_mesh.cli.main import app; app(sys.argv[1:])"
    return subprocess.run(
        [sys.executable, "-c", code, *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        **options,
    )


def test_standard_input_may_be_closed() -> None:
    done = process("check", "-f", "-", preexec_fn=lambda: os.close(0))
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.strip() == "error: standard input can't be read: it is closed"


def test_standard_output_may_be_closed_and_speak_no_unicode() -> None:
    done = process("rules", env={"PYTHONIOENCODING": "ascii", "PATH": os.environ["PATH"]})
    assert done.returncode == 0
    done = process("config", "check", "Pulumi.\udcff.yaml", env={**os.environ, "LC_ALL": "C"})
    assert done.returncode == 2
    reads, writes = os.pipe()
    os.close(reads)
    code = "from serverless_mesh.cli.main import app; app(['rules'])"
    ended = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        stdout=writes,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
    )
    os.close(writes)
    assert (ended.returncode, ended.stderr) == (2, "")


@pytest.mark.parametrize("place", ["/dev/zero", "pipe", "folder", "https://[::1", "x" * 300])
@pytest.mark.parametrize("command", ["check", "kubeconfig", "config", "ca"])
def test_what_is_no_file_is_not_waited_for(tmp_path: Path, place: str, command: str) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "folder" / "pipe.yaml")
    named = place if place.startswith("/") else f"{tmp_path}/{place}"
    commands = {
        "check": ["check", "-f", named],
        "kubeconfig": ["check", "--kubeconfig", named],
        "config": ["config", "check", named],
        "ca": ["verify", "https://a.example", "--ca", named],
    }
    assert "can't be" in refused(*commands[command])


def test_a_file_that_is_too_large_is_not_read(tmp_path: Path) -> None:
    with (tmp_path / "large.yaml").open("wb") as file:
        file.truncate(1 << 40)
    for command in (["check", "-f"], ["config", "check"], ["check", "--kubeconfig"]):
        assert "larger than" in refused(*command, tmp_path / "large.yaml")


@pytest.mark.parametrize(
    ("content", "code"),
    [
        ("config:\n  serverless-mesh:projects: 2026-11-25\n", 1),
        ("config:\n  serverless-mesh:certificate: {organization: 2026-11-25}\n", 0),
        ("config:\n  serverless-mesh:caDays: !!timestamp x\n", 2),
        ("config:\n  serverless-mesh:caDays: 0x" + "f" * 9000, 1),
        ("config:\n  serverless-mesh:caDays: " + "9" * 9000, 2),
        ("config:\n  serverless-mesh:caDays: .nan\n", 1),
        ("config:\n  serverless-mesh:certificate: {caDays: !!set {a, b}}\n", 1),
        ("config:\n  serverless-mesh:projects: &a [*a]\n", 2),
        ("config:\n  serverless-mesh:projects: " + "[" * 300 + "]" * 300, 2),
        ("config:\n  serverless-mesh:projects: " + "[" * 9000 + "]" * 9000, 2),
        ('config:\n  serverless-mesh:certificate: {organization: "\\uD800"}\n', 2),
        ("config:\n  7: 8\n", 2),
        ("config: 7\n", 2),
        ("7\n", 2),
        ("config:\n  a: 1\n  a: 2\n", 2),
        ("config:\n  [a, b]: 1\n", 2),
        ("", 0),
        ("config:\n", 0),
    ],
)
def test_stack_files_of_any_shape(tmp_path: Path, content: str, code: int) -> None:
    file = tmp_path / "Pulumi.test.yaml"
    file.write_text(content, "utf-8")
    done = run("config", "check", file)
    assert done.exit_code == code, done.output
    assert done.output.strip()


@pytest.mark.parametrize(
    "url",
    [
        "https://x:99999",
        "https://x:0",
        "https://[::1",
        "https://" + "a" * 64 + ".example",
        "https://a..example",
        "https://user@a.example",
        "https://a.example/\n",
        "https://a.example/é",
        "https://",
        "http://a.example",
        "",
        "::error::x",
        "https://a\x00.example",
    ],
)
def test_urls_that_are_none(tmp_path: Path, url: str) -> None:
    (tmp_path / "ca").write_text("", "ascii")
    said = refused("verify", "--ca", tmp_path / "ca", "--", url)
    assert "is not an https URL with a host" in said


@pytest.mark.parametrize("address", ["a", ":443", "a:", "a:0", "a:99999", "a:٤", "[::1", "a b:1"])
def test_addresses_that_are_none(tmp_path: Path, address: str) -> None:
    (tmp_path / "ca").write_text("", "ascii")
    said = refused("verify", "https://a", "--ca", tmp_path / "ca", "--connect", address)
    assert "--connect takes HOST:PORT" in said


@pytest.mark.parametrize("option", [["--timeout", "nan"], ["--timeout", "1e9"], ["--status", "7"]])
def test_limits_that_are_none(tmp_path: Path, option: list[str]) -> None:
    (tmp_path / "ca").write_text("", "ascii")
    refused("verify", "https://a", "--ca", tmp_path / "ca", *option)


def test_a_key_that_stands_twice_is_said_with_its_place() -> None:
    text = "apiVersion: v1\nkind: Service\nmetadata: {name: a}\nspec:\n  type: A\n  type: B\n"
    assert "standard input:6:3 is not YAML: a key stands twice" in refused(
        "check", "-f", "-", stdin=text
    )
    merged = "a: &a {x: 1, x: 2}\nb:\n  <<: *a\n"
    assert "a key stands twice" in refused("check", "-f", "-", stdin=merged)
    in_json = '{"apiVersion": "v1",\n "kind": "Service", "kind": "Pod"}'
    assert "standard input:2:21 is not YAML: a key stands twice" in refused(
        "check", "-f", "-", stdin=in_json
    )


def test_what_was_not_judged_is_never_exit_code_0(tmp_path: Path) -> None:
    (tmp_path / "good.yaml").write_text(yaml.safe_dump(SERVICE), "utf-8")
    assert run("check", "-f", tmp_path).exit_code == 0
    for other in ({"values": 1}, {"kind": "List"}, LIST, "text", {**SERVICE, "metadata": {}}):
        (tmp_path / "other.yaml").write_text(yaml.safe_dump(other), "utf-8")
        assert "not checked: " in refused("check", "-f", tmp_path)


EVIL = "x\n::error::forged\r\n##[error]forged\x1b[2J\u2028y"


def test_names_forge_nothing(tmp_path: Path) -> None:
    bodies = [
        {
            "apiVersion": "networking.istio.io/v1",
            "kind": "Gateway",
            "metadata": {"name": f"{name}{EVIL}", "namespace": f"::{EVIL}"},
            "spec": {
                "selector": {"istio": "ingressgateway"},
                "servers": [
                    {"port": {"number": 443, "protocol": "HTTPS", "name": "x"}, "hosts": ["*"]}
                ],
            },
        }
        for name in ("a", "b")
    ]
    secrets = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": EVIL},
        "data": {EVIL: private_pem(private_key("leaf", 2048, True))},
    }
    file = tmp_path / "a.yaml"
    file.write_text(yaml.safe_dump_all([*bodies, secrets, {"kind": EVIL}]), "utf-8")
    for form in ("text", "json", "sarif"):
        done = run("check", "-f", file, "--format", form)
        assert done.exit_code == 2, "not everything was checked"
        for line in done.output.splitlines():
            assert line.isprintable()
            assert not line.lstrip().startswith("::")
            assert "##[" not in line
    json.loads(run("check", "-f", file, "--format", "json").stdout)


def test_the_pack_prints_names_on_one_line() -> None:
    ref = Ref(Kind("", f"Pod{EVIL}"), EVIL, EVIL)
    for finding in (Violation(ref, EVIL, EVIL, "x"), Undetermined(ref, EVIL, EVIL)):
        assert str(finding).isprintable()
        assert "##[" not in str(finding)


def test_what_can_be_printed_is_left_alone() -> None:
    for text in ("Gateway shop/é (a.yaml:3)", "urn:pulumi:a::b::c", "fd00::5", "# comment"):
        assert printable(text) == text
    assert printable("::error::x") == r"\x3a\x3aerror::x"
    assert printable("a ##vso[x") == r"a \x23\x23vso[x"
    assert json.loads(in_json(json.dumps("##[a]"))) == "##[a]"


def version_2() -> str:
    """Return a certificate that says it is of X.509 version 2."""
    import base64

    from tests.policy.cases import certificate

    key = private_key("leaf", 2048, True)
    pem = certificate("leaf", key, "leaf", key, ["*.a.example"], (-1, 90), "server")
    der = base64.b64decode("".join(pem.splitlines()[1:-1]))
    # The version is an explicit tag with an integer in it: 2 for version 3.
    spoiled = der.replace(b"\xa0\x03\x02\x01\x02", b"\xa0\x03\x02\x01\x01", 1)
    assert spoiled != der
    body = base64.encodebytes(spoiled).decode()
    return f"-----BEGIN CERTIFICATE-----\n{body}-----END CERTIFICATE-----\n"


def test_a_certificate_of_version_2_is_a_finding(tmp_path: Path) -> None:
    import base64

    now = datetime.now(UTC)
    (problem,) = x509.problems(version_2(), "", None, now)
    assert isinstance(problem, x509.Problem)
    assert problem.found == "a certificate of an X.509 version other than 3"
    (problem,) = x509.authority_problems(version_2(), "", now)
    assert "version other than 3" in problem.found
    assert x509.names(version_2()) == []
    coded = base64.b64encode(version_2().encode()).decode()
    bodies = [
        {**body, "data": {"tls.crt": coded, "tls.key": ""}} if body["kind"] == "Secret" else body
        for body in documented()
    ]
    (tmp_path / "a.yaml").write_text(yaml.safe_dump_all(bodies), "utf-8")
    done = run("check", "-f", tmp_path / "a.yaml", "--rule", "wildcard-certificate")
    assert done.exit_code == 1
    assert "version other than 3" in done.stdout


def test_an_integer_key_in_a_domain_is_no_crash(tmp_path: Path) -> None:
    bodies = documented()
    for body in bodies:
        if body["kind"] == "KnativeServing":
            body.setdefault("spec", {}).setdefault("config", {})["domain"] = {7: "", None: ""}
    bodies = [body for body in bodies if body["kind"] != "Ingress"]
    (tmp_path / "a.yaml").write_text(yaml.safe_dump_all(bodies), "utf-8")
    run("check", "-f", tmp_path / "a.yaml")
