"""The stack's own Kubernetes provider: what the stack file says, and secrets that change in place.

The plugin takes every Secret for immutable unless it is told otherwise: a renewed certificate would
delete the secret that the gateway serves and make it anew.
"""

import asyncio
from collections.abc import Container, Mapping
from typing import Any, Final

import pulumi

from components.resources import SDK_VERSION
from preflight.stack import CLUSTER_IDENTITY, Stack

PREFIX: Final = "kubernetes:"
"""The namespace of the plugin's keys in a stack file."""
IN_PLACE: Final = {"enableSecretMutable": "true"}
ADOPTS: Final = {"upsertExistingObjects": "true"}
"""Since 4.29 the plugin refuses to make an object that exists, unless it is told so."""
STAYS: Final = "same-cluster"


def provider_settings(
    config: Mapping[str, str], cluster_identity: str | None = None, adopting: bool = False
) -> dict[str, str]:
    """Return the plugin's settings: those of the stack's whole configuration, and the program's.

    `cluster_identity` tells clusters apart, None where it is not known. By it the plugin sees that
    a changed kubeconfig leads to the same cluster; without it, it compares addresses and replaces
    every object where they differ. With `adopting` it takes objects that exist.
    """
    given = {
        key.removeprefix(PREFIX): text for key, text in config.items() if key.startswith(PREFIX)
    }
    known = {CLUSTER_IDENTITY: cluster_identity} if cluster_identity else {}
    return {**known, **given, **IN_PLACE, **(ADOPTS if adopting else {})}


def same_cluster(stack: Stack, cluster_identity: str | None) -> pulumi.ResourceHook:
    """Return the hook of providers by which a stack stays on its cluster.

    The stack's state is asked only when the engine makes a provider: the first time, or because it
    takes the cluster for another one, on which it would make everything anew, and delete everything
    on the one before.
    """

    async def stay(_: pulumi.ResourceHookArgs) -> None:
        await asyncio.to_thread(stack.check_same_cluster, cluster_identity)

    return pulumi.ResourceHook(STAYS, stay, pulumi.ResourceHookOptions(on_dry_run=True))


class KubernetesProvider(pulumi.ProviderResource):
    """A provider of the stack's Kubernetes objects.

    It takes the settings as the engine hands them to a plugin, each a text, so that whatever key
    the plugin knows can stand in the stack file.
    """

    def __init__(
        self,
        name: str,
        config: Mapping[str, str],
        secrets: Container[str],
        cluster_identity: str | None,
        stays: pulumi.ResourceHook,
        adopting: bool = False,
    ) -> None:
        """Declare it by the stack's whole configuration, in which the keys `secrets` are secret.

        One that is `adopting` is for what others may have made before, and the stack uses as it is.
        """
        properties: dict[str, Any] = {
            key: pulumi.Output.secret(text) if f"{PREFIX}{key}" in secrets else text
            for key, text in provider_settings(config, cluster_identity, adopting).items()
        }
        opts = pulumi.ResourceOptions(
            version=SDK_VERSION, hooks=pulumi.ResourceHookBinding(before_create=[stays])
        )
        super().__init__("kubernetes", name, properties, opts)
