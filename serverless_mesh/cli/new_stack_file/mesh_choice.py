"""Which mesh Serverless is to be in: one that is there, or one of the stack's own."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Final

from mesh_policy.documented.kinds import ISTIO_CNI
from mesh_policy.documented.names import (
    DEFAULT_MESH_NAMESPACE,
    DEFAULT_REVISION,
    KNATIVE_NAMESPACES,
)
from mesh_policy.documented.variants import SERVICE_MESH_2, SERVICE_MESH_3, VARIANTS, Variant
from mesh_policy.mesh.mesh import Mesh
from mesh_policy.mesh.service_mesh_3 import ServiceMesh3 as MeshOf3
from mesh_policy.reading.ingress_class import is_integrated
from mesh_policy.reading.label_selectors import labels
from mesh_policy.reading.values import at, items
from serverless_mesh.cli.new_stack_file.found import Found
from serverless_mesh.settings import ServiceMesh2, ServiceMesh3

OWN_NAMESPACE: Final = "serverless-mesh"
"""Namespace of a control plane of the stack's own, where the usual one has another."""
OWN_ISTIO: Final = "serverless"
"""Name of an Istio of the stack's own, where another one has the usual name."""
OWN_LABEL: Final = "mesh=serverless"
"""Label of the namespaces that such an Istio reads."""


class OpenChoiceError(Exception):
    """The cluster leaves something open; the message says what, and by which option to choose."""


@dataclass(frozen=True)
class Choices:
    """What the user has chosen; whatever is left out, the cluster says."""

    version: int | None = None
    control_plane: str = ""
    """The name of one, or its namespace and name as `istio-system/basic`."""
    new_mesh: bool = False
    issuer: str = ""


@dataclass(frozen=True)
class Chosen:
    """The mesh, the section for it, and why it is that one."""

    section: ServiceMesh2 | ServiceMesh3
    why: str
    mesh: Mesh | None = None
    """The mesh that is there already; None: the stack makes one."""


def choose(found: Found, choices: Choices) -> Chosen:
    """Choose the mesh.

    Raises:
        OpenChoiceError: neither the cluster nor the user says which.
    """
    there = found.control_planes
    ours = found.world.serverless_mesh
    joined = ours is not None and not _joined(ours).isdisjoint(KNATIVE_NAMESPACES)
    if choices.control_plane:
        named = _named(there, choices)
        if ours is not None and joined and named is not ours:
            raise OpenChoiceError(
                f"--control-plane {choices.control_plane}: Knative's namespaces are in the mesh "
                f"{ours} of {ours.variant}, and moving Serverless to another one is not supported"
            )
        return _used(named, "it was chosen by --control-plane")
    if ours is not None and ours in there and (joined or is_integrated(found.world)):
        if choices.new_mesh or choices.version not in (None, ours.variant.version):
            raise OpenChoiceError(
                f"Serverless is in the mesh {ours} of {ours.variant} already, and moving it to "
                "another one is not supported: leave --mesh and --new-mesh out"
            )
        return _used(ours, "Serverless is in it already")
    if not choices.new_mesh:
        _refuse_unread(found, choices)
    fitting = [mesh for mesh in there if choices.version in (None, mesh.variant.version)]
    if choices.new_mesh or not fitting:
        return _own(found, _version(found, choices), there)
    if len(fitting) > 1:
        raise OpenChoiceError(
            f"the cluster has the control planes {', '.join(map(str, fitting))}: choose one by "
            "--control-plane NAMESPACE/NAME, or --new-mesh for one of the stack's own"
        )
    return _used(fitting[0], "it is the only control plane that is there")


def _joined(mesh: Mesh) -> frozenset[str]:
    """Return the namespaces that are in a mesh by their own word, or by its roll."""
    return mesh.explicit | (mesh.injected if isinstance(mesh, MeshOf3) else frozenset())


def _refuse_unread(found: Found, choices: Choices) -> None:
    """Refuse to take control planes for not there that could only not be read."""
    for variant in VARIANTS:
        why = found.seen.unread.get(variant.control_plane)
        if why and choices.version in (None, variant.version):
            raise OpenChoiceError(
                f"{why}. So it is not known which meshes there are: --new-mesh makes one all the "
                "same"
            )


def _named(there: Sequence[Mesh], choices: Choices) -> Mesh:
    name = choices.control_plane
    found = [mesh for mesh in there if name in (str(mesh), mesh.name)]
    if len(found) != 1:
        names = ", ".join(map(str, there)) or "none"
        many = "several" if found else "no"
        raise OpenChoiceError(
            f"--control-plane {name} is the name of {many} control plane; there is {names}"
        )
    if choices.version not in (None, found[0].variant.version):
        raise OpenChoiceError(
            f"--control-plane {name} is of {found[0].variant}, not of --mesh {choices.version}"
        )
    return found[0]


def _version(found: Found, choices: Choices) -> Variant:
    by_number = {variant.version: variant for variant in VARIANTS}
    if choices.version is not None:
        return by_number[choices.version]
    installed = found.variants
    if len(installed) == 1:
        return installed[0]
    both = " and ".join(map(str, installed))
    why = f"the operators of {both} are installed" if both else "no Service Mesh is installed"
    raise OpenChoiceError(f"{why}: choose by --mesh 2 or --mesh 3")


def _used(mesh: Mesh, why: str) -> Chosen:
    if mesh.variant is SERVICE_MESH_2:
        made = ServiceMesh2(existing=True, namespace=mesh.namespace, name=mesh.name)
        return Chosen(made, why, mesh)
    section = ServiceMesh3(
        version=3,
        existing=True,
        namespace=mesh.namespace,
        name=mesh.name,
        discovery_label=_selected(mesh),
    )
    return Chosen(section, why, mesh)


def _selected(mesh: Mesh) -> str | None:
    """Return a label by which an Istio reads a namespace, where it asks for a single one."""
    selectors = items(mesh.applied(SERVICE_MESH_3.discovery_selectors))
    for selector in selectors:
        wanted = labels(at(selector, "matchLabels")) or frozenset()
        if len(wanted) == 1 and not at(selector, "matchExpressions"):
            (pair,) = wanted
            label = "=".join(pair)
            return label if _is_taken(label) else None
    return None


def _is_taken(label: str) -> bool:
    """Say whether the setting takes a label; one of a selector may be any text."""
    try:
        ServiceMesh3(version=3, discovery_label=label)
    except ValueError:
        return False
    return True


def _own(found: Found, variant: Variant, there: Sequence[Mesh]) -> Chosen:
    installed = variant in found.variants
    why = (
        f"no control plane of {variant} is there to use"
        if not any(mesh.variant is variant for mesh in there)
        else "--new-mesh asks for one beside what is there"
    )
    if not installed:
        why += ", and its operator is not installed"
    taken = {mesh.namespace for mesh in there}
    place = _free((DEFAULT_MESH_NAMESPACE, OWN_NAMESPACE), taken, "namespaces")
    if variant is SERVICE_MESH_2:
        return Chosen(ServiceMesh2(namespace=place), why)
    istios = {mesh.name for mesh in there if mesh.variant is SERVICE_MESH_3}
    return Chosen(
        ServiceMesh3(
            version=3,
            namespace=place,
            name=_free((DEFAULT_REVISION, OWN_ISTIO), istios, "names"),
            discovery_label=OWN_LABEL if there else None,
            existing_cni=bool(found.world.objects(ISTIO_CNI)),
        ),
        why,
    )


def _free(names: Sequence[str], taken: Collection[str], what: str) -> str:
    found = next((name for name in names if name not in taken), None)
    if found is None:
        raise OpenChoiceError(
            f"control planes have the {what} {' and '.join(names)} already, which one of the "
            "stack's own would get: choose one by --control-plane, or write the stack file by hand"
        )
    return found
