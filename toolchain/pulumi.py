"""Pulumi's command line, its Python language host and the provider plugins.

The vendor's are used wherever they can be had: on PATH, in the user's PULUMI_HOME or from the
vendor's download site. Otherwise the command line and the language host are built from the
vendor's Go modules, and so is the provider plugin `kubernetes`; `random` and `tls`, which no
package registry carries, are played by the stand-ins in `toolchain/providers/`. Each step says
which of them it was.
"""

import importlib.util
import json
import os
import platform
import re
import shutil
import subprocess
import tarfile
import urllib.error
import urllib.request
from pathlib import Path
from typing import Final

from toolchain.gomodules import Embedded, Module, Program
from toolchain.paths import BIN, PULUMI_HOME, ROOT, VENV, WORK
from toolchain.steps import Log, Step, StepFailedError

OLDEST_ENGINE: Final = (3, 220, 0)
"""The oldest engine that the project was tested with; an older one on PATH is passed over."""
RELEASE: Final = "3.272.0"
"""The vendor's release that is downloaded where its site can be reached: that of the SDK."""
DOWNLOADS: Final = "https://get.pulumi.com/releases/sdk"
BUILT_VERSION: Final = "v3.220.0"
PROGRAMS: Final = (
    "pulumi",
    "pulumi-language-python",
    "pulumi-language-python-exec",
    "pulumi-analyzer-policy-python",
)
SDK: Final = Module(
    "github.com/pulumi/pulumi/sdk/v3",
    "v3.220.0",
    "h1:TtdlW2VfvBWhFZSvaDN9lSUlSS4gGSdNWdca3RGPsBQ=",
)
KUBERNETES: Final = Module(
    "github.com/pulumi/pulumi-kubernetes/provider/v4",
    "v4.0.0-20260115033456-f47bc2d6f199",
    "h1:j2bphCf7c2YhnBrhwht2f3TNRRgcMImltUlAgzxr9H4=",
)
"""The vendor's commit of 2026-01-15, between the plugin's releases 4.24 and 4.26."""
PROVIDERS: Final = ("kubernetes", "random", "tls")

_CLI = Program(
    "pulumi",
    module="pulumi",
    package="github.com/pulumi/pulumi/pkg/v3/cmd/pulumi",
    variables=(("github.com/pulumi/pulumi/sdk/v3/go/common/version.Version", BUILT_VERSION),),
)
_LANGUAGE_HOST = Program(
    "pulumi-language-python",
    module="pulumi-language-python",
    package="github.com/pulumi/pulumi/sdk/v3/python/cmd/pulumi-language-python",
)
_BUILT_PLUGINS: Final = {
    "kubernetes": Program(
        "pulumi-resource-kubernetes",
        module="pulumi-resource-kubernetes",
        package="toolchain/pulumi-resource-kubernetes",
        variables=((f"{KUBERNETES.path}/pkg/version.Version", KUBERNETES.version),),
        embedded=tuple(
            Embedded(name, KUBERNETES, f"cmd/pulumi-resource-kubernetes/{name}")
            for name in ("schema.json", "terraform-mapping.json")
        ),
    )
}


def cli() -> Step:
    """Provide `pulumi` and its Python language host in the working folder's bin."""
    return Step(
        "pulumi-cli",
        tuple(BIN / program for program in PROGRAMS),
        (RELEASE, *_CLI.inputs, *_LANGUAGE_HOST.inputs),
        _provide_cli,
    )


def _provide_cli(log: Log) -> str:
    BIN.mkdir(parents=True, exist_ok=True)
    if (folder := _on_path()) is not None:
        _link(folder)
        return f"the vendor's, found in {folder}"
    if (folder := _download(log)) is not None:
        _link(folder)
        return f"the vendor's release {RELEASE}, downloaded"
    for name in PROGRAMS:
        (BIN / name).unlink(missing_ok=True)
    for program in (_CLI, _LANGUAGE_HOST):
        program.build(log, BIN / program.name)
    # The language host starts Python through these; they are files of the SDK's Go module.
    helpers = SDK.fetch(log) / "python"
    for source in (
        helpers / "cmd" / "pulumi-language-python-exec",
        helpers / "dist" / "pulumi-analyzer-policy-python",
    ):
        shutil.copyfile(source, BIN / source.name)
        (BIN / source.name).chmod(0o755)
    return f"{BUILT_VERSION}, built from the vendor's Go modules"


def _on_path() -> Path | None:
    """Return the folder of a complete and recent enough installation on PATH."""
    search = os.pathsep.join(
        part for part in os.get_exec_path() if Path(part).resolve() not in (BIN, VENV / "bin")
    )
    found = shutil.which("pulumi", path=search)
    if found is None:
        return None
    folder = Path(found).resolve().parent
    said = subprocess.run([found, "version"], capture_output=True, text=True, check=False).stdout
    version = re.match(r"v(\d+)\.(\d+)\.(\d+)", said)
    recent = version is not None and tuple(map(int, version.groups())) >= OLDEST_ENGINE
    return folder if recent and all((folder / name).exists() for name in PROGRAMS) else None


def _download(log: Log, downloads: str = DOWNLOADS) -> Path | None:
    """Fetch the vendor's release; None (with the reason in the log) where it can't be had."""
    machine = {"x86_64": "x64", "aarch64": "arm64"}.get(platform.machine(), platform.machine())
    url = f"{downloads}/pulumi-v{RELEASE}-{platform.system().lower()}-{machine}.tar.gz"
    target = WORK / f"pulumi-{RELEASE}"
    try:
        with (
            urllib.request.urlopen(url, timeout=10) as answer,  # noqa: S310 - https, or a test's
            tarfile.open(fileobj=answer, mode="r|gz") as archive,
        ):
            archive.extractall(target, filter="data")
    except (urllib.error.URLError, TimeoutError, tarfile.TarError, OSError) as error:
        shutil.rmtree(target, ignore_errors=True)
        with log.path.open("a", encoding="utf-8") as out:
            out.write(f"the vendor's release can't be downloaded: {error}\n")
        return None
    return target / "pulumi"


def _link(folder: Path) -> None:
    for name in PROGRAMS:
        link = BIN / name
        link.unlink(missing_ok=True)
        link.symlink_to(folder / name)


def plugin(name: str) -> Step:
    """Provide the provider plugin `name` at the version that the installed SDK asks for."""
    version = _sdk_version(name)
    folder = PULUMI_HOME / "plugins" / f"resource-{name}-v{version}"
    executable = folder / f"pulumi-resource-{name}"
    program = _BUILT_PLUGINS.get(name)

    def provide(log: Log) -> str:
        remove(folder)
        users = Path(os.environ.get("PULUMI_HOME", Path.home() / ".pulumi"))
        installed = users / "plugins" / folder.name
        if installed.resolve() != folder and (installed / executable.name).exists():
            folder.parent.mkdir(parents=True, exist_ok=True)
            folder.symlink_to(installed)
            return f"the official {version}, found in {installed}"
        try:
            log.run(
                [str(BIN / "pulumi"), "plugin", "install", "resource", name, version],
                env={**os.environ, "PULUMI_HOME": str(PULUMI_HOME)},
            )
        except StepFailedError:
            # A refused download leaves a lock and sometimes an empty folder behind.
            remove(folder)
        else:
            return f"the official {version}, downloaded"
        if program is not None:
            program.build(log, executable)
            return f"{KUBERNETES.version}, built from the vendor's Go module"
        folder.mkdir(parents=True)
        executable.write_text(
            "#!/bin/sh\n"
            f"# Stand-in for the official {executable.name} {version}, which can't be had here.\n"
            f'PYTHONPATH="{ROOT}" PULUMI_PLUGIN_VERSION="{version}" '
            f'exec "{VENV}/bin/python" -m toolchain.providers.{name} "$@"\n',
            encoding="utf-8",
        )
        executable.chmod(0o755)
        return f"STAND-IN for the official {version}, which can't be had here"

    inputs = (version, *(program.inputs if program else (str(ROOT),)))
    return Step(f"pulumi-resource-{name}", (executable,), inputs, provide)


def remove(folder: Path) -> None:
    """Remove a plugin's folder, or the link to one of the user's."""
    if folder.is_symlink():
        folder.unlink()
    else:
        shutil.rmtree(folder, ignore_errors=True)


def _sdk_version(name: str) -> str:
    # Found without importing the SDK, which takes longer than all the rest.
    spec = importlib.util.find_spec(f"pulumi_{name}")
    assert spec is not None
    assert spec.origin is not None
    about = Path(spec.origin).with_name("pulumi-plugin.json")
    version = json.loads(about.read_text(encoding="utf-8"))["version"]
    assert isinstance(version, str)
    return version.removeprefix("v")


def plugins() -> tuple[Step, ...]:
    """Provide the three provider plugins of the program."""
    return tuple(plugin(name) for name in PROVIDERS)
