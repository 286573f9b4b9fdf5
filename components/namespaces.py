"""Namespaces: made when absent, adopted when present."""

from collections.abc import Iterable, Mapping

import pulumi

from cluster import MADE_BY, Namespace
from components.resources import Manifest, child_options, register


class NamespaceError(Exception):
    """A namespace is being deleted; the message names it."""


def to_make(wanted: Iterable[str], present: Mapping[str, Namespace], stack: str) -> list[str]:
    """Choose the namespaces that are the stack's: those absent, and those that it made before.

    All others are used as they are; the stack never changes nor deletes them.

    Raises:
        NamespaceError: a wanted namespace is being deleted.
    """
    names = list(dict.fromkeys(wanted))
    if going := [name for name in names if name in present and present[name].terminating]:
        raise NamespaceError(
            f"the namespace {', '.join(going)} is being deleted; wait until it is gone (an object "
            "in it may hold it by a finalizer), then run the update again"
        )
    return [name for name in names if name not in present or present[name].made_by == stack]


def manifest(name: str, stack: str) -> Manifest:
    """Return the manifest of a namespace, marked with the stack that makes it."""
    return {
        "apiVersion": "v1",
        "kind": "Namespace",
        "metadata": {"name": name, "annotations": {MADE_BY: stack}},
    }


class Namespaces(pulumi.ComponentResource):
    """The namespaces that this stack makes, each marked with the stack that made it."""

    def __init__(
        self,
        name: str,
        names: Iterable[str],
        stack: str,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("serverlessmesh:namespaces:Namespaces", name, None, opts)
        made = list(names)
        for namespace in made:
            register(namespace, manifest(namespace, stack), child_options(self, opts))
        self.register_outputs({"made": made})
