"""The Kubernetes control plane, etcd and the custom resource definitions, as set-up steps."""

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from toolchain import releases
from toolchain.downloads import Vendors
from toolchain.gomodules import Module, Program
from toolchain.log import Log
from toolchain.paths import BIN, CRDS, ROOT
from toolchain.provided import provided
from toolchain.steps import Step

VERSION: Final = f"v{releases.KUBERNETES.version}"
ETCD: Final = BIN / "etcd"
OWN_CRDS: Final = ROOT / "toolchain" / "crds"
"""Ours, smaller than the vendors', for the kinds whose real definitions no registry carries."""

_VERSION_VARIABLES: Final = (
    ("k8s.io/component-base/version.gitVersion", VERSION),
    ("k8s.io/component-base/version.gitMajor", VERSION.lstrip("v").split(".")[0]),
    ("k8s.io/component-base/version.gitMinor", VERSION.split(".")[1]),
)


def program(vendors: Vendors, name: str) -> Step:
    """Provide one of the control plane's programs."""
    return provided(
        vendors,
        releases.KUBERNETES,
        Program(BIN / name, "base", f"k8s.io/kubernetes/cmd/{name}", _VERSION_VARIABLES),
    )


def programs(vendors: Vendors) -> tuple[Step, ...]:
    """Provide etcd, the API server and the controller manager."""
    return (
        provided(vendors, releases.ETCD, Program(ETCD, "base", "go.etcd.io/etcd/server/v3")),
        *(program(vendors, name) for name in ("kube-apiserver", "kube-controller-manager")),
    )


@dataclass(frozen=True)
class Definitions:
    """Custom resource definitions inside a module: files or folders, relative to its root."""

    module: Module
    paths: tuple[str, ...]


VENDORS: Final = (
    Definitions(
        Module(
            "istio.io/istio",
            "v0.0.0-20260827124520-eed52ebb66ad",
            "h1:ui9TJjRMAV/hb5ehQaZDq7IUGxuQP6dra9lapT/VjHI=",
        ),
        ("manifests/charts/base/files/crd-all.gen.yaml",),
    ),
    Definitions(
        Module(
            "knative.dev/operator",
            "v0.42.2",
            "h1:wgAWYHwoSFmV+wPHCt5dZahHTHLy2VCM4G82PEo9iSc=",
        ),
        # With the definitions of Knative Serving, which it installs.
        ("config/crd/bases", "cmd/operator/kodata/knative-serving/1.15.2/1-serving-crds.yaml"),
    ),
    Definitions(
        Module(
            "github.com/openshift/api",
            "v0.0.0-20240527133614-ba11c1587003",
            "h1:ewhIvyXCcvH6m3U02bMFtd/DfsmOSbOCuVzon+zGu7g=",
        ),
        (
            "config/v1/zz_generated.crd-manifests/0000_10_config-operator_01_ingresses.crd.yaml",
            "route/v1/zz_generated.crd-manifests/routes-Default.crd.yaml",
        ),
    ),
    Definitions(
        Module(
            "github.com/operator-framework/api",
            "v0.30.0",
            "h1:44hCmGnEnZk/Miol5o44dhSldNH0EToQUG7vZTl29kk=",
        ),
        ("crds",),
    ),
)


def definitions() -> Step:
    """Collect the vendors' custom resource definitions in the working folder."""

    def collect(log: Log) -> str:
        shutil.rmtree(CRDS, ignore_errors=True)
        for vendor in VENDORS:
            module = vendor.module.fetch(log)
            target = CRDS / vendor.module.path.replace("/", "_")
            target.mkdir(parents=True)
            for path in vendor.paths:
                source = module / path
                for file in sorted(source.glob("*.yaml")) if source.is_dir() else [source]:
                    shutil.copyfile(file, target / file.name)
        return f"the vendors' own, from {len(VENDORS)} Go modules"

    return Step("custom-resource-definitions", (CRDS,), (repr(VENDORS),), collect)


def definition_files() -> list[Path]:
    """List every definition that the local API server serves: the vendors' and our own."""
    return [*sorted(CRDS.rglob("*.yaml")), *sorted(OWN_CRDS.glob("*.yaml"))]
