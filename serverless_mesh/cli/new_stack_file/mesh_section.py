"""The section `mesh`, and what there is to know about the mesh."""

from collections.abc import Iterator

from mesh_policy.documented.names import DRAIN_OF_SERVING, EXCLUDED_PORTS, SERVERLESS_PACKAGE
from mesh_policy.documented.variants import SERVICE_MESH_2, SERVICE_MESH_3
from mesh_policy.mesh.mesh import Mesh
from mesh_policy.reading.durations import seconds
from mesh_policy.reading.label_selectors import matches
from mesh_policy.reading.values import items, number, text
from serverless_mesh.cli.new_stack_file.found import Found
from serverless_mesh.cli.new_stack_file.mesh_choice import Chosen
from serverless_mesh.cli.stack_file_text import Setting
from serverless_mesh.control_plane import Field, needed
from serverless_mesh.settings import ServiceMesh2, ServiceMesh3


def setting(found: Found, chosen: Chosen) -> Setting:
    """Return the section `mesh`."""
    variant = chosen.section.variant
    version = found.version_of(variant.package)
    operator = f"; its operator is {version}" if version else ""
    made = "Used as it is" if chosen.mesh else "Made by the stack"
    why = f"{made}, {variant}: {chosen.why}{operator}."
    return Setting("mesh", why=why, section=tuple(_keys(found, chosen)))


def _keys(found: Found, chosen: Chosen) -> Iterator[Setting]:
    section, mesh = chosen.section, chosen.mesh
    yield Setting("version", section.version)
    if section.existing:
        yield Setting("existing", True)
    yield Setting("namespace", section.namespace)
    yield Setting("name", section.name)
    match section:
        case ServiceMesh2() if mesh is not None:
            yield from _consent(section, mesh)
        case ServiceMesh3():
            yield from _of_3(found, section, mesh)
        case _:
            pass


def _consent(section: ServiceMesh2, mesh: Mesh) -> Iterator[Setting]:
    """Name the changes that the mesh's owners have to agree to; the cluster can't do that."""
    wanted = [each for each in needed(section) if not _is_in_effect(each, mesh)]
    if not wanted:
        return
    does = "; ".join(f"{each.consent}: {each.effect}" for each in wanted)
    yield Setting(
        "allowChanges",
        list(dict.fromkeys(each.consent for each in wanted)),
        "TO DECIDE: these changes of the control plane reach every member of the mesh. Take the "
        f"mark away when its owners agree; until then the preview stops. {does}.",
        active=False,
    )


def _is_in_effect(field: Field, mesh: Mesh) -> bool:
    found = mesh.applied(field.path)
    if field.path == SERVICE_MESH_2.excluded_ports:
        # What others exclude besides does no harm.
        return set(EXCLUDED_PORTS) <= {number(port) for port in items(found)}
    return bool(found == field.value)


def _of_3(found: Found, section: ServiceMesh3, mesh: Mesh | None) -> Iterator[Setting]:
    if mesh is not None:
        yield from _tag(found, section, mesh)
    if section.discovery_label is not None:
        why = (
            "The control plane reads only the namespaces with this label; the stack labels its own."
        )
        yield Setting("discoveryLabel", section.discovery_label, why)
    elif mesh is not None and mesh.discovery and items(mesh.discovery.selectors):
        yield Setting(
            "discoveryLabel",
            "key=value",
            "TO SET: the control plane reads only the namespaces that its discovery selectors "
            "choose. Name a label by which they choose one.",
            active=False,
        )
    if section.existing_cni:
        why = "An IstioCNI is there already, of which a cluster has one; it is used as it is."
        yield Setting("existingCni", True, why)


def _tag(found: Found, section: ServiceMesh3, mesh: Mesh) -> Iterator[Setting]:
    revisions = found.world.injectors.revisions
    names = revisions.names(mesh.ref)
    if section.name in names:
        return
    tags = sorted(name for name in names if name not in revisions.revisions)
    why = "The Istio's revision has another name than the Istio; this tag leads to it."
    if tags:
        yield Setting("revisionTag", tags[0], why)
    else:
        yield Setting(
            "revisionTag",
            section.name,
            "TO SET: the Istio's revision has another name than the Istio, and no IstioRevisionTag "
            "leads to it: nothing would be injected. Make one, and name it here.",
            active=False,
        )


def remarks(found: Found, chosen: Chosen) -> Iterator[str]:
    """Say what there is to look at about the mesh."""
    variant, mesh = chosen.section.variant, chosen.mesh
    serverless = found.version_of(SERVERLESS_PACKAGE)
    if variant.preview and serverless in {".".join(map(str, each)) for each in variant.preview}:
        yield f"With Serverless {serverless}, {variant} is a Technology Preview."
    if isinstance(chosen.section, ServiceMesh3) and mesh is not None and _lacks(mesh):
        ports = " and ".join(map(str, EXCLUDED_PORTS))
        yield (
            f"The Istio {mesh.name} lacks what Serverless needs, the inbound ports {ports} "
            f"excluded or a drain above {DRAIN_OF_SERVING:.0f}s; the preview stops with the "
            "command by which its owners set it."
        )
    if mesh is None:
        for each in found.control_planes:
            if _reads_all(each):
                yield (
                    f"The Istio {each.name} has no discovery selectors: it reads the namespaces "
                    "of this mesh, too, and its owners should set some."
                )


def _lacks(mesh: Mesh) -> bool:
    excluded = text(mesh.applied(SERVICE_MESH_3.excluded_ports)).split(",")
    lasts = seconds(text(mesh.applied(SERVICE_MESH_3.drain)))
    missing = {str(port) for port in EXCLUDED_PORTS} - {part.strip() for part in excluded}
    return bool(missing) or lasts is None or lasts <= DRAIN_OF_SERVING


def _reads_all(mesh: Mesh) -> bool:
    selectors = mesh.discovery.selectors if mesh.discovery else None
    if mesh.variant is not SERVICE_MESH_3:
        return False
    return not items(selectors) or any(matches(each, {}) for each in items(selectors))
