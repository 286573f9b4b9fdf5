"""A program that is downloaded from its vendor, or else built from its Go module."""

from toolchain.downloads import NotDownloadedError, Release, Vendors
from toolchain.gomodules import Program
from toolchain.log import Log
from toolchain.steps import Step, ToBuild


def provided(vendors: Vendors, release: Release, program: Program) -> Step:
    """Provide a program at its place."""

    def provide(log: Log) -> str | ToBuild:
        try:
            folder = vendors.fetch(release, log)
        except NotDownloadedError as error:
            return ToBuild(str(error))
        program.target.parent.mkdir(parents=True, exist_ok=True)
        program.target.unlink(missing_ok=True)
        program.target.symlink_to(folder / program.target.name)
        return f"downloaded from {release.site}"

    inputs = (*program.inputs, repr(release))
    return Step(program.target.name, (program.target,), inputs, provide, program)
