"""The documentation's last command, and `serverless-mesh verify`, on the local cluster."""

import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from kubernetes import client, config

from toolchain.mesh.knative_services import SERVICES
from toolchain.mesh.objects import Objects
from toolchain.mesh.workload import GREETING
from toolchain.paths import ROOT, VENV

WITHIN: Final = 120.0
"""Seconds until a Knative Service must answer."""


@dataclass(frozen=True)
class Page:
    """A Knative Service's URL and the command that asks it."""

    url: str
    command: tuple[str, ...]

    def answer(self) -> str | None:
        """Ask until it answers; None when it did not in time."""
        deadline = time.monotonic() + WITHIN
        while time.monotonic() < deadline:
            done = subprocess.run(
                [*self.command[:1], "--fail", "--silent", "--max-time", "5", *self.command[1:]],
                capture_output=True,
                text=True,
                check=False,
            )
            if done.returncode == 0:
                return done.stdout
            time.sleep(0.5)
        return None


def pages(kubeconfig: Path, ca_certificate: str, router: int) -> list[Page]:
    """List the pages; the address of the router on 127.0.0.1 stands for an entry in DNS."""
    configuration = client.Configuration()
    config.load_kube_config(str(kubeconfig), client_configuration=configuration)
    with client.ApiClient(configuration) as api:
        services = Objects(api).list(*SERVICES)
    urls = sorted(url for item in services if (url := (item.get("status") or {}).get("url")))
    return [
        Page(
            url,
            ("curl", "--cacert", ca_certificate, "--connect-to", f"::127.0.0.1:{router}", url),
        )
        for url in urls
    ]


def verification(url: str, ca_certificate: str, router: int) -> tuple[str, ...]:
    """Return the command by which a user verifies the integration, to be run in `ROOT`."""
    return (
        str((VENV / "bin" / "serverless-mesh").relative_to(ROOT)),
        "verify",
        url,
        *("--ca", ca_certificate),
        *("--connect", f"127.0.0.1:{router}"),
        *("--body", GREETING.strip()),
    )
