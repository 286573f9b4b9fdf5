"""From a manifest, which is plain data, to a resource of the stack.

Manifests go to the Kubernetes plugin as they are. The SDK's classes would say the same in other
words, and take longer to import than all the rest of the program.
"""

from collections.abc import Mapping
from importlib.metadata import version
from typing import Any, Final

import pulumi

Manifest = dict[str, Any]

OWNED: Final = {"pulumi.com/patchForce": "true"}
"""Annotation of every object that the stack makes: fields that somebody else changed since are
taken back. An object that is there already is never taken: making it is refused."""
GIVEN: Final = {
    "kubernetes:core/v1:Service": [
        f"spec.{key}"
        for key in ("clusterIP", "clusterIPs", "ipFamilies", "ipFamilyPolicy", "sessionAffinity")
    ]
}
"""What the cluster gives to objects of a kind. An imported Service has them among its inputs, and
by leaving them out the update would delete the Service and make another one."""
SDK_VERSION: Final = version("pulumi-kubernetes")
"""By it the engine chooses the plugin."""


def child_options(
    parent: pulumi.ComponentResource, opts: pulumi.ResourceOptions | None
) -> pulumi.ResourceOptions:
    """Return the options of a child, which waits for whatever its component waits for.

    Pulumi gives a child its parent's providers but not its dependencies: without this the order
    would stand in the program's run alone, and neither in the state nor in a targeted update.
    """
    return pulumi.ResourceOptions(parent=parent, depends_on=opts.depends_on if opts else None)


def ready(manifest: Manifest, timeout_seconds: int) -> Manifest:
    """Return the manifest with the annotations by which its update waits until it is ready."""
    waiting = {
        "pulumi.com/waitFor": "condition=Ready",
        "pulumi.com/timeoutSeconds": str(timeout_seconds),
    }
    return annotated(manifest, waiting)


def annotated(manifest: Mapping[str, Any], annotations: Mapping[str, str]) -> Manifest:
    """Return the manifest with more annotations."""
    metadata = manifest["metadata"]
    both = {**metadata.get("annotations", {}), **annotations}
    return {**manifest, "metadata": {**metadata, "annotations": both}}


def protected(opts: pulumi.ResourceOptions, keep: bool) -> pulumi.ResourceOptions:
    """Return options by which the engine refuses to delete or to replace the object.

    Without `keep` they are as they were.
    """
    return pulumi.ResourceOptions.merge(opts, pulumi.ResourceOptions(protect=keep or None))


def retained(opts: pulumi.ResourceOptions, keep: bool = True) -> pulumi.ResourceOptions:
    """Return options by which an object stays in the cluster when the stack lets go of it.

    That is for what can change hands: a setting that gives it away must not delete it.
    """
    return pulumi.ResourceOptions.merge(opts, pulumi.ResourceOptions(retain_on_delete=keep or None))


def register(
    name: str, manifest: Mapping[str, Any], opts: pulumi.ResourceOptions
) -> pulumi.CustomResource:
    """Register a manifest under the logical name `name`, just as it is."""
    kept = pulumi.ResourceOptions(ignore_changes=GIVEN.get(token(manifest)))
    opts = pulumi.ResourceOptions.merge(opts, kept)
    return pulumi.CustomResource(token(manifest), name, dict(manifest), _of_the_plugin(opts))


def declare(
    name: str, manifest: Mapping[str, Any], opts: pulumi.ResourceOptions
) -> pulumi.CustomResource:
    """Register the manifest of an object that is the stack's."""
    return register(name, annotated(manifest, OWNED), opts)


def declare_patch(
    name: str, manifest: Mapping[str, Any], opts: pulumi.ResourceOptions
) -> pulumi.CustomResource:
    """Register the manifest as the stack's share of an object that others own.

    A field that others set to another value is a conflict, which stops the update.
    """
    patch = f"{token(manifest)}Patch"
    return pulumi.CustomResource(patch, name, dict(manifest), _of_the_plugin(opts))


def token(manifest: Mapping[str, Any]) -> str:
    """Return the type by which Pulumi knows a manifest's kind."""
    api_version = manifest["apiVersion"]
    place = api_version if "/" in api_version else f"core/{api_version}"
    return f"kubernetes:{place}:{manifest['kind']}"


def _of_the_plugin(opts: pulumi.ResourceOptions) -> pulumi.ResourceOptions:
    return pulumi.ResourceOptions.merge(opts, pulumi.ResourceOptions(version=SDK_VERSION))
