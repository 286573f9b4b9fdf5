"""Pulumi's command line, its Python language host and the provider plugins.

The vendor's are used wherever they can be had: on PATH, in the user's PULUMI_HOME or from the
vendor's download site. Otherwise the command line, the language host and the provider plugin
`kubernetes` are built from the vendor's Go modules, and `random` and `tls`, which no package
registry carries, are played by the stand-ins in `toolchain/providers/`.
"""

import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Final

from toolchain import releases
from toolchain.downloads import NotDownloadedError, Vendors
from toolchain.gomodules import Embedded, Module, Program
from toolchain.log import Log
from toolchain.paths import BIN, LOCK, PULUMI_HOME, ROOT, VENV
from toolchain.steps import Step, ToBuild

OLDEST_ENGINE: Final = (3, 220, 0)
"""The oldest engine that the project was tested with; an older one on PATH is passed over."""
PROGRAMS: Final = releases.PULUMI.programs
SDK: Final = Module(
    "github.com/pulumi/pulumi/sdk/v3",
    "v3.220.0",
    "h1:TtdlW2VfvBWhFZSvaDN9lSUlSS4gGSdNWdca3RGPsBQ=",
)
LANGUAGE_HOST_SDK: Final = "v3.60.0"
"""The newest version of the SDK's module that has the language host in it, and is served."""
KUBERNETES: Final = Module(
    "github.com/pulumi/pulumi-kubernetes/provider/v4",
    "v4.0.0-20260115033456-f47bc2d6f199",
    "h1:j2bphCf7c2YhnBrhwht2f3TNRRgcMImltUlAgzxr9H4=",
)
"""The vendor's commit of 2026-01-15, between the plugin's releases 4.24 and 4.26."""
PROVIDERS: Final = ("kubernetes", "random", "tls")

_VERSION_VARIABLE: Final = f"{SDK.path}/go/common/version.Version"
_ENGINE: Final = Program(
    BIN / "pulumi",
    "base",
    "github.com/pulumi/pulumi/pkg/v3/cmd/pulumi",
    ((_VERSION_VARIABLE, SDK.version),),
)
_LANGUAGE_HOST: Final = Program(
    BIN / "pulumi-language-python",
    "pulumi-language-python",
    f"{SDK.path}/python/cmd/pulumi-language-python",
    ((_VERSION_VARIABLE, LANGUAGE_HOST_SDK),),
)
_HELPERS: Final = (
    "python/cmd/pulumi-language-python-exec",
    "python/dist/pulumi-analyzer-policy-python",
)
"""The language host starts Python through these; they are files of the SDK's Go module."""


def cli(vendors: Vendors) -> tuple[Step, Step]:
    """Provide `pulumi` and its Python language host in the working folder's bin, as a pair."""

    def engine(log: Log) -> str | ToBuild:
        return _linked(vendors, ("pulumi",), log)

    def language_host(log: Log) -> str | ToBuild:
        said = _linked(vendors, PROGRAMS[1:], log)
        if isinstance(said, ToBuild):
            module = SDK.fetch(log)
            for helper in _HELPERS:
                target = BIN / Path(helper).name
                shutil.copyfile(module / helper, target)
                target.chmod(0o755)
        return said

    return (
        Step(
            "pulumi",
            (BIN / "pulumi",),
            (*_ENGINE.inputs, repr(releases.PULUMI)),
            engine,
            _ENGINE,
        ),
        Step(
            "pulumi-language-python",
            tuple(BIN / name for name in PROGRAMS[1:]),
            (*_LANGUAGE_HOST.inputs, repr(SDK), repr(releases.PULUMI)),
            language_host,
            _LANGUAGE_HOST,
        ),
    )


def _linked(vendors: Vendors, names: tuple[str, ...], log: Log) -> str | ToBuild:
    """Link programs to those on PATH, or else to the vendor's release."""
    BIN.mkdir(parents=True, exist_ok=True)
    for name in names:
        (BIN / name).unlink(missing_ok=True)
    if (folder := _on_path()) is not None:
        said = f"found in {folder}"
    else:
        try:
            folder = vendors.fetch(releases.PULUMI, log)
        except NotDownloadedError as error:
            return ToBuild(str(error))
        said = f"downloaded from {releases.PULUMI.site}"
    for name in names:
        (BIN / name).symlink_to(folder / name)
    return said


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


def plugin(vendors: Vendors, name: str) -> Step:
    """Provide the provider plugin `name` where the engine looks for the version of the SDK."""
    version = _sdk_version(name)
    release = releases.PLUGINS[name]
    folder = PULUMI_HOME / "plugins" / f"resource-{name}-v{version}"
    executable = folder / release.name
    program = _kubernetes(executable) if name == "kubernetes" else None

    def provide(log: Log) -> str | ToBuild:
        remove(folder)
        users = Path(os.environ.get("PULUMI_HOME", Path.home() / ".pulumi"))
        installed = users / "plugins" / folder.name
        if installed.resolve() != folder and (installed / executable.name).exists():
            folder.parent.mkdir(parents=True, exist_ok=True)
            folder.symlink_to(installed)
            return f"found in {installed}"
        folder.mkdir(parents=True)
        try:
            executable.symlink_to(vendors.fetch(release, log) / executable.name)
        except NotDownloadedError as error:
            if program is not None:
                return ToBuild(str(error))
        else:
            return f"downloaded from {release.site}"
        executable.write_text(
            "#!/bin/sh\n"
            f"# Stand-in for the official {executable.name} {version}, which can't be had here.\n"
            f'PYTHONPATH="{ROOT}" PULUMI_PLUGIN_VERSION="{version}" '
            f'exec "{VENV}/bin/python" -m toolchain.providers.{name} "$@"\n',
            encoding="utf-8",
        )
        executable.chmod(0o755)
        return f"STAND-IN for the official {version}, which can't be had here"

    inputs = (version, str(ROOT), repr(release), *(program.inputs if program else ()))
    return Step(executable.name, (executable,), inputs, provide, program)


def _kubernetes(target: Path) -> Program:
    package = "pulumi-resource-kubernetes"
    return Program(
        target,
        "base",
        f"toolchain/base/{package}",
        ((f"{KUBERNETES.path}/pkg/version.Version", KUBERNETES.version),),
        f"{KUBERNETES.path}, without the Go types of the kinds",
        tuple(
            Embedded(name, KUBERNETES, f"cmd/{package}/{name}")
            for name in ("schema.json", "terraform-mapping.json")
        ),
    )


def remove(folder: Path) -> None:
    """Remove a plugin's folder, or the link to one of the user's."""
    if folder.is_symlink():
        folder.unlink()
    else:
        shutil.rmtree(folder, ignore_errors=True)


def _sdk_version(name: str) -> str:
    # From the lock, since the set-up runs before the SDK is installed from it.
    found = re.search(rf"^pulumi-{name}==(\S+)", LOCK.read_text(encoding="utf-8"), re.MULTILINE)
    assert found is not None
    return found.group(1)


def plugins(vendors: Vendors) -> tuple[Step, ...]:
    """Provide the three provider plugins of the program."""
    return tuple(plugin(vendors, name) for name in PROVIDERS)
