"""What tests hold rendered manifests and examples to: definitions and health checks of others."""

import shutil
from dataclasses import dataclass
from typing import Final

from toolchain.gomodules import Module
from toolchain.log import Log
from toolchain.paths import WORK
from toolchain.steps import Step

GITOPS: Final = WORK / "gitops"


@dataclass(frozen=True)
class _Files:
    """Files of a module, relative to its root."""

    module: Module
    paths: tuple[str, ...]


_HEALTH: Final = "resource_customizations"
_ALL: Final = (
    _Files(
        Module(
            "github.com/argoproj/argo-cd/v3",
            "v3.4.13",
            "h1:kmnF4nE5SQ83OhtdX6DMmLSpH0eRIa1gNYdCLNHqB+A=",
        ),
        (
            "manifests/crds/application-crd.yaml",
            "manifests/crds/applicationset-crd.yaml",
            # Of the kinds for which Argo CD has a health check of its own.
            f"{_HEALTH}/cert-manager.io/Certificate/health.lua",
            f"{_HEALTH}/external-secrets.io/ExternalSecret/health.lua",
            f"{_HEALTH}/operators.coreos.com/Subscription/health.lua",
            f"{_HEALTH}/serving.knative.dev/Service/health.lua",
        ),
    ),
    _Files(
        Module(
            "github.com/fluxcd/kustomize-controller",
            "v1.9.0",
            "h1:WfM+bQUGUGW2qyrrTgh2bIVSZSPmc3JC7234K8NiTWQ=",
        ),
        ("config/crd/bases/kustomize.toolkit.fluxcd.io_kustomizations.yaml",),
    ),
    _Files(
        Module(
            "github.com/external-secrets/external-secrets",
            "v1.3.2",
            "h1:u2J8RjlHIeF0oZCqtl92adI/uZWUwOesJIDkfql6LqQ=",
        ),
        ("config/crds/bases/external-secrets.io_externalsecrets.yaml",),
    ),
)


def files() -> Step:
    """Collect them in the working folder, each by its path in its module."""

    def collect(log: Log) -> str:
        shutil.rmtree(GITOPS, ignore_errors=True)
        for each in _ALL:
            root = each.module.fetch(log)
            for path in each.paths:
                target = GITOPS / path
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(root / path, target)
        return f"the vendors' own, from {len(_ALL)} Go modules"

    return Step("gitops-definitions", (GITOPS,), (repr(_ALL),), collect)
