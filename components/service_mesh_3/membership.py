"""How namespaces join a mesh of Service Mesh 3: by labels of their own.

knative-serving and knative-eventing are never labelled for injection: the API server calls the
webhooks in there, and is no member of the mesh. Their workloads carry the label themselves.
"""

from collections.abc import Iterable, Mapping

import pulumi

from components.resources import Manifest, child_options, declare_patch
from mesh_policy.documented.kinds import NAMESPACE, header
from serverless_mesh.settings import ServiceMesh3


def labels(
    section: ServiceMesh3, namespaces: Iterable[str], projects: Iterable[str]
) -> dict[str, dict[str, str]]:
    """Return the labels of each namespace that gets some."""
    injected = set(projects)
    found = {
        name: {
            **section.discovery_labels,
            **(section.injection.project_labels if name in injected else {}),
        }
        for name in dict.fromkeys([*namespaces, *projects])
    }
    return {name: each for name, each in found.items() if each}


def labelled(namespace: str, wanted: Mapping[str, str]) -> Manifest:
    """Return the stack's share of a namespace."""
    return {**header(NAMESPACE), "metadata": {"name": namespace, "labels": dict(wanted)}}


class Membership(pulumi.ComponentResource):
    """The labels of every namespace; they go when it leaves the stack, and nothing else does."""

    def __init__(
        self,
        name: str,
        section: ServiceMesh3,
        namespaces: Iterable[str],
        projects: Iterable[str],
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("serverlessmesh:membership:Membership", name, None, opts)
        child = child_options(self, opts)
        for namespace, wanted in labels(section, namespaces, projects).items():
            declare_patch(f"{namespace}-labels", labelled(namespace, wanted), child)
        self.register_outputs({})
