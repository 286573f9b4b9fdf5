"""docs/guides/environments.md: what it shows works as it stands there."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from tests.policy.cases import certificate, private_key, private_pem
from toolchain.environment import pulumi_environment
from toolchain.paths import BIN, ROOT

pytestmark = pytest.mark.e2e

GUIDE = (ROOT / "docs" / "guides" / "environments.md").read_text("utf-8")
ROOT_KEY = private_key("root", 2048, False)


def environment(home: Path) -> dict[str, str]:
    """Return the engine's environment without what the guide's commands set themselves."""
    passphrase = home / "serverless-mesh-passphrase"
    passphrase.write_text("only for this test", "utf-8")
    env = pulumi_environment(home / "unused", passphrase)
    del env["PULUMI_BACKEND_URL"], env["PULUMI_CONFIG_PASSPHRASE_FILE"]
    return {**env, "HOME": str(home)}


def run(script: str, folder: Path, env: dict[str, str]) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        ["sh", "-euc", script], cwd=folder, env=env, capture_output=True, text=True, check=False
    )


@pytest.fixture
def project(tmp_path: Path) -> Path:
    folder = tmp_path / "project"
    folder.mkdir()
    shutil.copyfile(ROOT / "Pulumi.yaml", folder / "Pulumi.yaml")
    shutil.copytree(ROOT / "examples", folder / "examples", symlinks=True)
    return folder


def test_from_an_example_to_a_stack(project: Path, tmp_path: Path) -> None:
    authority = certificate("root", ROOT_KEY, "root", ROOT_KEY, [], (-1, 3650), "authority")
    (project / "ca.crt").write_text(authority, "utf-8")
    (project / "ca.key").write_text(private_pem(ROOT_KEY), "utf-8")
    shown = re.findall(r"```sh\n(.*?)```", GUIDE, re.DOTALL)
    (script,) = (each for each in shown if "pulumi stack init" in each)
    done = run(script, project, environment(tmp_path))
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Pulumi.production.yaml: the settings are good" in done.stdout
    text = (project / "Pulumi.production.yaml").read_text("utf-8")
    found = yaml.safe_load(text)
    given = found["config"]["serverless-mesh:certificate"]["caCertificate"]
    assert given.strip() == authority.strip()
    assert found["config"]["serverless-mesh:privateKey"]["secure"].startswith("v1:")
    assert found["encryptionsalt"]
    # The engine keeps the comments, and the line by which an editor finds the schema.
    assert text.startswith("# yaml-language-server: $schema=docs/stack-file.schema.json\n")
    assert "# With the port that your clients use" in text
    assert (tmp_path / "serverless-mesh-state" / ".pulumi").is_dir()


def test_the_engine_takes_the_address_of_an_s3_compatible_server(
    project: Path, tmp_path: Path
) -> None:
    (shown,) = re.findall(r"`(s3://[^`]*s3ForcePathStyle[^`]*)`", GUIDE)
    address = shown.replace("s3.example.com", "127.0.0.1:1") + "&disableSSL=true"
    env = environment(tmp_path) | {"AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b"}
    done = run(f"pulumi login '{address}'", project, env)
    # Nothing listens there; but it is asked for the bucket, in its path.
    assert "http://127.0.0.1:1/my-bucket/.pulumi/meta.yaml" in done.stderr


def test_the_secrets_providers_are_those_of_the_engine() -> None:
    done = subprocess.run(
        [BIN / "pulumi", "stack", "init", "--help"],
        env={**os.environ, "PULUMI_SKIP_UPDATE_CHECK": "true"},
        capture_output=True,
        text=True,
        check=True,
    )
    for scheme in re.findall(r'`"([a-z]+)://', GUIDE):
        assert f'--secrets-provider="{scheme}://' in done.stdout
