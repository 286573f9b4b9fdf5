"""Namespaces: made when absent, adopted when present, and never deleted.

Each is declared with nothing but its name, whatever the cluster has, so that neither a look at the
cluster nor a changed name of the stack can drop one. They hold what others have put there.
"""

from collections.abc import Iterable

import pulumi

from components.resources import Manifest, child_options, register, retained
from mesh_policy.documented.kinds import NAMESPACE, header


def manifest(name: str) -> Manifest:
    """Return the manifest of a namespace."""
    return {**header(NAMESPACE), "metadata": {"name": name}}


class Namespaces(pulumi.ComponentResource):
    """The namespaces that the rest is made in; their provider has to be one that adopts."""

    def __init__(
        self, name: str, names: Iterable[str], opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("serverlessmesh:namespaces:Namespaces", name, None, opts)
        child = retained(child_options(self, opts))
        for namespace in dict.fromkeys(names):
            register(namespace, manifest(namespace), child)
        self.register_outputs({})
