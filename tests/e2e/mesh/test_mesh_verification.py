"""`serverless-mesh verify` against real traffic: it names the link that is really broken."""

import subprocess
from pathlib import Path

import pytest
from typer.testing import CliRunner

from mesh.conftest import Keep
from mesh.installation import BOTH, GREETING, Installation
from mesh.issuer import Issuer
from serverless_mesh.cli.verification import Check, Link, Target, verify
from toolchain import daemon
from toolchain.__main__ import app
from toolchain.mesh.page import verification
from toolchain.mesh.router import Address
from toolchain.paths import ROOT

pytestmark = [pytest.mark.e2e, pytest.mark.mesh]


def checks(
    installation: Installation,
    *,
    url: str | None = None,
    root: Path | None = None,
    through: Address | None = None,
) -> list[Check]:
    return verify(
        Target(
            url=url or installation.url,
            ca_pem=(root or installation.root).read_text("utf-8"),
            connect=through or ("127.0.0.1", installation.mesh.services.router.port),
            body=GREETING,
        )
    )


@BOTH
def test_every_link_holds(installation: Installation) -> None:
    assert installation.url == installation.stack.outputs()["verificationUrl"]
    found = checks(installation)
    assert [check.link for check in found if check.holds] == list(Link), found


def test_another_authority_is_a_broken_certificate(
    installation: Installation, tmp_path: Path
) -> None:
    last = checks(installation, root=Issuer(tmp_path, "other").root)[-1]
    assert (last.link, last.holds) == (Link.CERTIFICATE, False), last


def test_a_host_that_nobody_serves_is_a_broken_gateway(installation: Installation) -> None:
    url = f"https://nobody-default.{installation.domain}"
    last = checks(installation, url=url, through=installation.gateway)[-1]
    assert (last.link, last.holds) == (Link.GATEWAY, False), last


@BOTH
def test_a_missing_secret_is_a_broken_gateway(installation: Installation, keep: Keep) -> None:
    settings = installation.settings
    secret = keep("v1", "Secret", settings.certificate.secret, settings.mesh.ingress.namespace)
    installation.mesh.objects.delete(secret)
    # The running gateway keeps what it has; the next one has nothing and takes no connection.
    for pod in installation.gateway_pods:
        assert pod.sidecar is not None
        pod.sidecar.stop()
    installation.until(
        lambda: all(pod.sidecar and pod.sidecar.ready() for pod in installation.gateway_pods),
        "the next gateway",
    )
    last = checks(installation)[-1]
    assert (last.link, last.holds) == (Link.GATEWAY, False), last


def test_a_pod_that_is_gone_is_no_broken_certificate(installation: Installation) -> None:
    installation.sidecar.stop()
    last = checks(installation)[-1]
    assert last.link in {Link.GATEWAY, Link.SERVICE}
    assert not last.holds
    assert "503" in last.found
    installation.until(installation.answers, "the next sidecar answers")


@pytest.mark.parametrize(
    ("authority", "code", "said"),
    [
        ("ours", 0, "✓ service"),
        ("another", 1, "✗ certificate"),
        ("none", 2, "No such file"),
    ],
)
def test_the_command_of_make_verify_has_three_ends(
    installation: Installation, tmp_path: Path, authority: str, code: int, said: str
) -> None:
    roots = {"ours": installation.root, "none": tmp_path / "absent.crt"}
    root = roots.get(authority) or Issuer(tmp_path, "other").root
    router = installation.mesh.services.router.port
    command = verification(installation.url, str(root), router)
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == code
    assert said in done.stdout + done.stderr


@pytest.mark.parametrize("running", [None, daemon.Running(1, "1", "https://127.0.0.1:1")])
def test_without_a_mesh_make_verify_says_what_to_run(
    monkeypatch: pytest.MonkeyPatch, running: daemon.Running | None
) -> None:
    monkeypatch.setattr(daemon.Running, "read", lambda: running)
    done = CliRunner().invoke(app, ["verify"])
    assert done.exit_code == 2
    assert "make mesh" in done.output
