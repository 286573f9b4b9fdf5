"""Runs the real engine on a stack of its own, as a user would: through the command line."""

import json
import os
import shutil
import subprocess
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from compileall import compile_dir
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Protocol

import yaml
from kubernetes import client, utils

from toolchain.cluster import Cluster
from toolchain.environment import pulumi_environment
from toolchain.operators.running import running_operators
from toolchain.paths import BIN, ROOT

PAUSE = 0.1
"""Seconds between two questions about what can't be watched."""
PROGRAM_FILES = ("Pulumi.yaml", "__main__.py", "components", "preflight")


@dataclass(frozen=True)
class Run:
    """What a command printed (both streams, in order) and how it ended."""

    output: str
    code: int


@dataclass(frozen=True)
class PulumiStack:
    """One stack of one project, with its own state; every call is a real `pulumi` process."""

    project: Path
    name: str
    env: Mapping[str, str]

    def run(
        self,
        *arguments: str,
        env: Mapping[str, str] | None = None,
        stdin: IO[str] | int = subprocess.DEVNULL,
    ) -> Run:
        """Run `pulumi` with the arguments, whatever it says."""
        done = subprocess.run(
            self.command(*arguments),
            cwd=self.project,
            env={**self.env, **(env or {})},
            stdin=stdin,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        return Run(done.stdout, done.returncode)

    def command(self, *arguments: str) -> list[str]:
        return [str(BIN / "pulumi"), *arguments, "--non-interactive", "--color=never"]

    def start(self, *arguments: str) -> "subprocess.Popen[str]":
        """Start `pulumi` and leave it running; the caller waits for its end."""
        return subprocess.Popen(
            self.command(*arguments),
            cwd=self.project,
            env=dict(self.env),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def succeed(self, *arguments: str) -> str:
        run = self.run(*arguments)
        assert run.code == 0, run.output
        return run.output

    def fail(self, *arguments: str) -> str:
        run = self.run(*arguments)
        assert run.code != 0, run.output
        return run.output

    def up(self, *arguments: str) -> str:
        """Update at once; previews are asked for by name, since they take as long again."""
        return self.succeed("up", "--yes", "--skip-preview", *arguments)

    def preview(self, *arguments: str) -> str:
        return self.succeed("preview", "--diff", *arguments)

    def refresh(self, *arguments: str) -> str:
        return self.succeed("refresh", "--yes", "--skip-preview", "--diff", *arguments)

    def destroy(self, *arguments: str) -> str:
        return self.succeed("destroy", "--yes", "--skip-preview", *arguments)

    def configure(self, values: Mapping[str, object] | None = None, **more: object) -> None:
        """Set config values of the project, by keys such as `mesh.namespace`; lists as such."""
        given: list[str] = []
        for key, value in {**(values or {}), **more}.items():
            if isinstance(value, list):
                self.remove(key)
                given += (f"{key}[{index}]={item}" for index, item in enumerate(value))
            else:
                given.append(f"{key}={str(value).lower() if isinstance(value, bool) else value}")
        # At once, since each start of `pulumi` takes its time.
        pairs = (part for each in given for part in ("--plaintext", each))
        self.succeed("config", "set-all", "--path", *pairs)

    def remove(self, key: str) -> None:
        """Remove a config value, or a section; that it is not there is no error."""
        self.run("config", "rm", "--path", key)

    def outputs(self) -> dict[str, Any]:
        return dict(json.loads(self.succeed("stack", "output", "--json", "--show-secrets")))

    def state(self) -> str:
        """Return the state file's text as it lies on disk (secrets encrypted)."""
        files = Path(self.env["PULUMI_BACKEND_URL"].removeprefix("file://"))
        (file,) = (files / ".pulumi" / "stacks").rglob(f"{self.name}.json")
        return file.read_text("utf-8")

    def resources(self) -> list[dict[str, Any]]:
        exported = json.loads(self.succeed("stack", "export"))
        return list(exported["deployment"].get("resources", []))


def roles(*files: str) -> Iterator[dict[str, Any]]:
    """Return the objects in files of `deploy/`."""
    for file in files:
        yield from yaml.safe_load_all((ROOT / "deploy" / f"{file}.yaml").read_text("utf-8"))


def grant(api: client.ApiClient, documents: Iterable[dict[str, Any]]) -> None:
    """Create roles, their bindings and namespaces, where they are not there yet."""
    for each in documents:
        try:
            utils.create_from_dict(api, each)
        except utils.FailToCreateError as error:
            if any(cause.status != 409 for cause in error.api_exceptions):
                raise


CERTIFICATES: Any = {
    "apiVersion": "apiextensions.k8s.io/v1",
    "kind": "CustomResourceDefinition",
    "metadata": {"name": "certificates.cert-manager.io"},
    "spec": {
        "group": "cert-manager.io",
        "scope": "Namespaced",
        "names": {"kind": "Certificate", "plural": "certificates"},
        "versions": [
            {
                "name": "v1",
                "served": True,
                "storage": True,
                "schema": {
                    "openAPIV3Schema": {
                        "type": "object",
                        "x-kubernetes-preserve-unknown-fields": True,
                    }
                },
            }
        ],
    },
}
"""A definition of the tests' own: cert-manager's real one is not among the modules."""


def played_cert_manager(objects: client.CustomObjectsApi, running: Any) -> dict[str, Any]:
    """Make the certificate Ready as soon as it is there."""
    place = ("cert-manager.io", "v1", "istio-system", "certificates", "wildcard-certs")
    while running.poll() is None:
        try:
            found: Any = objects.get_namespaced_custom_object(*place)
        except client.ApiException as error:
            if error.status != 404:
                raise
            time.sleep(PAUSE)
            continue
        ready = {"status": {"conditions": [{"type": "Ready", "status": "True"}]}}
        objects.patch_namespaced_custom_object(*place, ready)
        return dict(found)
    raise AssertionError(running.communicate()[0])


def example(name: str) -> Path:
    """Return a stack file of `examples/`."""
    return ROOT / "examples" / f"Pulumi.{name}.yaml"


class StackFactory(Protocol):
    """Makes a stack of the program text given, or of this project's own program."""

    def __call__(self, program: str | None = None, name: str = "test") -> PulumiStack: ...


@contextmanager
def playing_operators(cluster: Cluster) -> Iterator[None]:
    """Run the operators' stand-in, which sets the Ready conditions that a stack waits for."""
    log = cluster.folder / "log" / "operators.log"
    with running_operators(cluster.kubeconfig, log) as process:
        yield
        assert process.poll() is None, "the operators' stand-in ended by itself"


def until(condition: Callable[[], bool], within: float) -> None:
    """Ask again until it is so, for what can't be watched; `within` is in seconds."""
    deadline = time.monotonic() + within
    while not condition():
        assert time.monotonic() < deadline, f"not so after {within} s"
        time.sleep(PAUSE)


def make_stack(
    folder: Path,
    kubeconfig: Path,
    *,
    program: str | None = None,
    stack_file: Path | None = None,
    name: str = "test",
) -> PulumiStack:
    """Make a stack of a one-file program, or (without one) of this project's own program.

    A `stack_file` is copied before the stack is made, as a user does it.
    """
    project = folder / "project"
    project.mkdir(parents=True)
    if program is None:
        for file in PROGRAM_FILES:
            if (ROOT / file).is_dir():
                # With what Python makes of it, so that no stack's first run does that again.
                compile_dir(ROOT / file, quiet=1)
                unfinished = shutil.ignore_patterns("*.pyc.*")
                shutil.copytree(ROOT / file, project / file, ignore=unfinished)
            elif (ROOT / file).exists():
                shutil.copyfile(ROOT / file, project / file)
    else:
        (project / "Pulumi.yaml").write_text("name: trial\nruntime: python\n", "utf-8")
        (project / "__main__.py").write_text(program, "utf-8")
    passphrase = folder / "passphrase"
    passphrase.write_text("only for this test", "utf-8")
    env = pulumi_environment(folder / "state", passphrase)
    # The project's copy, not the installed one, is what the program imports.
    stack = PulumiStack(
        project, name, {**env, "PYTHONPATH": str(project), "HOME": os.environ["HOME"]}
    )
    place = {}
    if stack_file is not None:
        shutil.copyfile(stack_file, project / f"Pulumi.{name}.yaml")
        place = {"kubernetes:context": yaml.safe_load(kubeconfig.read_text())["current-context"]}
    stack.succeed("stack", "init", name)
    # So that tests can destroy what they made; `test_ownership.py` has the default.
    unprotected = {"protect": False} if program is None else {}
    stack.configure({"kubernetes:kubeconfig": kubeconfig, **place, **unprotected})
    return stack
