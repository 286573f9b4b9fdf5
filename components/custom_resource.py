"""From a manifest, which is plain data, to a resource of the stack."""

from collections.abc import Mapping
from typing import Any

import pulumi
from pulumi_kubernetes.apiextensions import CustomResource, CustomResourcePatch
from pulumi_kubernetes.meta.v1 import ObjectMetaArgs

from components.names import OWNED

Manifest = dict[str, Any]


def ready(manifest: Manifest, timeout_seconds: int) -> Manifest:
    """Return the manifest with the annotations by which its update waits until it is ready."""
    metadata = manifest["metadata"]
    waiting = {
        "pulumi.com/waitFor": "condition=Ready",
        "pulumi.com/timeoutSeconds": str(timeout_seconds),
    }
    annotations = {**metadata.get("annotations", {}), **waiting}
    return {**manifest, "metadata": {**metadata, "annotations": annotations}}


def declare(name: str, manifest: Mapping[str, Any], opts: pulumi.ResourceOptions) -> CustomResource:
    """Register the manifest of a custom resource under the logical name `name`."""
    metadata = manifest["metadata"]
    annotations = {**metadata.get("annotations", {}), **OWNED}
    return CustomResource(
        name,
        api_version=manifest["apiVersion"],
        kind=manifest["kind"],
        metadata=ObjectMetaArgs(**{**metadata, "annotations": annotations}),
        spec=manifest["spec"],
        opts=opts,
    )


def declare_patch(
    name: str, manifest: Mapping[str, Any], opts: pulumi.ResourceOptions
) -> CustomResourcePatch:
    """Register the manifest as the stack's share of an object that others own.

    A field that others set to another value is a conflict, which stops the update.
    """
    return CustomResourcePatch(
        name,
        api_version=manifest["apiVersion"],
        kind=manifest["kind"],
        metadata=ObjectMetaArgs(**manifest["metadata"]),
        spec=manifest["spec"],
        opts=opts,
    )
