"""The programs and files that the mesh is made of, as set-up steps."""

import importlib.util
import shutil
from pathlib import Path
from typing import Final

import yaml

from toolchain import kubernetes, releases
from toolchain.downloads import Vendors
from toolchain.gomodules import Module, Program
from toolchain.log import Log
from toolchain.mesh import kodata
from toolchain.paths import BIN, WORK
from toolchain.provided import provided
from toolchain.steps import Step, ToBuild

FILES: Final = WORK / "mesh"
FOLDER: Final = "mesh"
"""The folder of a cluster's mesh inside of the cluster's own."""
BOOTSTRAP: Final = FILES / "envoy_bootstrap.json"
"""Istio's template of Envoy's bootstrap, filled in by the agent."""
STAGES: Final = FILES / "stages"
"""KWOK's stages: the life of a node and of a pod."""
KODATA: Final = FILES / "kodata"
"""The manifests that the Knative operator installs."""
SHIPPED_GATEWAYS: Final = FILES / "shipped-gateways.yaml"
"""What was taken out of them: see `kodata`."""

SCHEDULER: Final = BIN / "kube-scheduler"
KWOK: Final = BIN / "kwok"
KNATIVE_OPERATOR: Final = BIN / "knative-operator"
ISTIOD: Final = BIN / "pilot-discovery"
AGENT: Final = BIN / "pilot-agent"
CHARTS: Final = BIN / "istio-charts"
"""Renders Istio's own charts."""
ISTIOCTL: Final = BIN / "istioctl"
TRAFFIC: Final = BIN / "istio-traffic"
"""What istiod makes of a world, asked by tests."""

_VENDORS: Final = {vendor.module.path: vendor.module for vendor in kubernetes.VENDORS}
ISTIO_MODULE: Final = _VENDORS["istio.io/istio"]
OPERATOR_MODULE: Final = _VENDORS["knative.dev/operator"]
KWOK_MODULE: Final = Module(
    "sigs.k8s.io/kwok", "v0.8.0", "h1:OTIOTwgROqPMovcTwxICx2eYQ4AwLpSx5EpjbDKF4SQ="
)
_KWOK_VERSION: Final = ((f"{KWOK_MODULE.path}/pkg/consts.Version", KWOK_MODULE.version),)
_ISTIO_VERSION: Final = (("istio.io/istio/pkg/version.buildVersion", ISTIO_MODULE.version),)
_STAGES: Final = ("node/fast", "node/heartbeat", "pod/fast")
SIMULATED: Final = ("knative-eventing", "knative-serving")
"""The namespaces whose pods are simulated: what runs in them is no part of the traffic here."""


def envoy() -> Path:
    """Return Envoy's binary: it ships inside a Python package."""
    spec = importlib.util.find_spec("envoy")
    assert spec is not None
    assert spec.origin is not None
    return Path(spec.origin).parent / "_bin" / "envoy"


def steps(vendors: Vendors) -> tuple[Step, ...]:
    """List what the mesh needs on top of the local cluster."""
    return (
        kubernetes.program(vendors, SCHEDULER.name),
        provided(
            vendors,
            releases.KWOK,
            Program(KWOK, "kwok", "sigs.k8s.io/kwok/cmd/kwok", _KWOK_VERSION),
        ),
        *(
            Step(program.target.name, (program.target,), program.inputs, _unpublished, program)
            for program in (
                Program(
                    KNATIVE_OPERATOR,
                    "knative-operator",
                    "toolchain/knative-operator",
                    vendor=OPERATOR_MODULE.path,
                ),
                Program(ISTIOD, "istio", f"istio.io/istio/pilot/cmd/{ISTIOD.name}", _ISTIO_VERSION),
                Program(AGENT, "istio", f"istio.io/istio/pilot/cmd/{AGENT.name}", _ISTIO_VERSION),
            )
        ),
        _of_ours(CHARTS),
        files(),
    )


def istioctl(vendors: Vendors) -> Step:
    """Provide the command that `bench` measures the rules beside."""
    package = "istio.io/istio/istioctl/cmd/istioctl"
    program = Program(ISTIOCTL, "istio", package, _ISTIO_VERSION)
    return provided(vendors, releases.ISTIOCTL, program)


def traffic() -> Step:
    """Provide the program by which tests ask Istio's own code what it makes of a world."""
    return _of_ours(TRAFFIC)


def _of_ours(target: Path) -> Step:
    """Build a program of ours that calls Istio's own code."""
    package = f"toolchain/istio/{target.name}"
    program = Program(target, "istio", package, _ISTIO_VERSION, vendor=ISTIO_MODULE.path)
    return Step(target.name, (target,), program.inputs, _ours, program)


def _ours(_log: Log) -> ToBuild:
    return ToBuild("a program of this project on the vendor's module")


def _unpublished(_log: Log) -> ToBuild:
    return ToBuild("its vendor publishes images only")


def files() -> Step:
    """Take the files that the programs read out of the programs' own modules."""

    def collect(log: Log) -> str:
        shutil.rmtree(FILES, ignore_errors=True)
        STAGES.mkdir(parents=True)
        istio = ISTIO_MODULE.fetch(log)
        shutil.copyfile(istio / "tools" / "packaging" / "common" / BOOTSTRAP.name, BOOTSTRAP)
        stages = KWOK_MODULE.fetch(log) / "kustomize" / "stage"
        for folder in _STAGES:
            for file in sorted((stages / folder).glob("*-*.yaml")):
                (STAGES / file.name).write_text(_stage(file.read_text("utf-8")), encoding="utf-8")
        kodata.copy(
            OPERATOR_MODULE.fetch(log) / "cmd" / "operator" / "kodata", KODATA, SHIPPED_GATEWAYS
        )
        return "the vendors' own, from 3 Go modules"

    modules = repr((ISTIO_MODULE, KWOK_MODULE, OPERATOR_MODULE))
    inputs = (modules, *_STAGES, *SIMULATED, Path(kodata.__file__))
    return Step("mesh-files", (BOOTSTRAP, STAGES, KODATA, SHIPPED_GATEWAYS), inputs, collect)


def _stage(text: str) -> str:
    """Leave the pods of all but the simulated namespaces to `kubelet`."""
    stage = yaml.safe_load(text)
    if stage["spec"]["resourceRef"]["kind"] == "Pod":
        stage["spec"]["selector"]["matchExpressions"].append(
            {"key": ".metadata.namespace", "operator": "In", "values": list(SIMULATED)}
        )
    return str(yaml.safe_dump(stage, sort_keys=False))
