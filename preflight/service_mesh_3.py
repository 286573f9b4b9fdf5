"""What must be so in the cluster for a mesh of Service Mesh 3.

Documentation: "Integrating Service Mesh 3.x with OpenShift Serverless", prerequisites.
"""

import json
from collections.abc import Iterator, Mapping
from typing import Any, Final

from mesh_policy.documented.names import (
    DRAIN_DURATION,
    DRAIN_OF_SERVING,
    EXCLUDED_PORTS,
    INJECTION,
    REVISION,
    SERVING_NAMESPACE,
)
from mesh_policy.documented.variants import SERVICE_MESH_3
from mesh_policy.reading.durations import seconds
from mesh_policy.reading.label_selectors import matches
from mesh_policy.reading.values import at, changed, items, text
from preflight.cluster import Istio, Observed
from serverless_mesh.settings import PROJECT, ServiceMesh3, Settings

_INJECTION: Final = (INJECTION, REVISION)


def problems(section: ServiceMesh3, settings: Settings, found: Observed) -> Iterator[str]:
    """Say what is in the way of the mesh, its Istio and the projects that join it."""
    yield from _moved(section, found)
    yield from _joined_elsewhere(section, settings, found)
    own = next((each for each in found.istios if each.name == section.name), None)
    if section.existing:
        yield from _existing(section, found, own)
    else:
        yield from _beside(section, found)
        yield from _version(section, found)


def _moved(section: ServiceMesh3, found: Observed) -> Iterator[str]:
    serving = found.namespaces.get(SERVING_NAMESPACE)
    if serving is not None and serving.member_of is not None:
        yield (
            f"{PROJECT}:mesh.version is {section.version}, but {SERVING_NAMESPACE} is in the mesh "
            f"of {serving.member_of}, of Service Mesh 2. Leave the setting as it was, or uninstall "
            "and install again: `pulumi destroy` with the old value, then `pulumi up` with the new "
            "one"
        )


def _joined_elsewhere(section: ServiceMesh3, settings: Settings, found: Observed) -> Iterator[str]:
    """Refuse a project that another mesh injects into."""
    wanted = section.injection.project_labels
    for project in settings.joining:
        namespace = found.namespaces.get(project)
        if namespace is None:
            continue
        if namespace.member_of is not None:
            yield (
                f"the namespace {project} is in the mesh of {namespace.member_of}, of Service Mesh "
                f"2. Have it leave that one, or leave it out of {PROJECT}:projects"
            )
        other = {key: namespace.labels[key] for key in _INJECTION if key in namespace.labels}
        if other and other != wanted:
            shown, ours = _written(other), _written(wanted)
            yield (
                f"the namespace {project} has the label {shown}, and needs {ours} for this mesh: "
                "with both, or with another value, another control plane injects its pods, or "
                f"none. Remove the label, or leave the namespace out of {PROJECT}:projects"
            )


def _written(labels: Mapping[str, str]) -> str:
    return ", ".join(f"{key}={value}" for key, value in labels.items())


def _beside(section: ServiceMesh3, found: Observed) -> Iterator[str]:
    """Refuse a second control plane in the namespace of another, and one with its revision."""
    for each in found.istios:
        if each.name != section.name and each.namespace == section.namespace:
            yield (
                f"the Istio {each.name} has its control plane in {section.namespace} already. Set "
                f"{PROJECT}:mesh.namespace to another namespace, or, to use that Istio, "
                f"mesh.existing to true and mesh.name to {each.name}"
            )
    if section.makes_tag and section.revision in found.revisions:
        yield (
            f"{PROJECT}:mesh.revisionTag would be {section.revision}, which is the name of an "
            "IstioRevision: a tag takes a name that no revision has"
        )


def _version(section: ServiceMesh3, found: Observed) -> Iterator[str]:
    wanted, taken = section.istio_version, found.istio_versions
    if wanted is not None and taken and wanted not in taken:
        yield (
            f"{PROJECT}:mesh.istioVersion is {wanted}, which the cluster's Service Mesh operator "
            f"does not install; it takes {', '.join(taken)}"
        )


def _existing(section: ServiceMesh3, found: Observed, own: Istio | None) -> Iterator[str]:
    if not found.namespaces:
        return
    if own is None:
        names = ", ".join(each.name for each in found.istios) or "there is none"
        yield (
            f"{PROJECT}:mesh.existing is true, but there is no Istio {section.name} ({names}); set "
            "mesh.name to its name, or mesh.existing to false to have one made"
        )
        return
    if own.namespace != section.namespace:
        yield (
            f"{PROJECT}:mesh.namespace is {section.namespace}, but the control plane of the Istio "
            f"{own.name} is in {own.namespace}"
        )
    if section.revision_tag is not None and section.revision_tag not in found.tags:
        yield (
            f"{PROJECT}:mesh.revisionTag is {section.revision_tag}, but there is no "
            "IstioRevisionTag of that name, and nothing would be injected"
        )
    yield from _lacking(own)
    yield from _hidden(section, own)


def _lacking(own: Istio) -> Iterator[str]:
    """Say which values an Istio of others lacks, and how its owners set them."""
    paths = SERVICE_MESH_3
    wanted: dict[str, Any] = {}
    excluded = text(at(own.body, *paths.excluded_ports))
    theirs = [part.strip() for part in excluded.split(",") if part.strip()]
    lacking = [str(port) for port in EXCLUDED_PORTS if str(port) not in theirs]
    if lacking:
        wanted = changed(wanted, paths.excluded_ports, ",".join([*theirs, *lacking]))
    drain = seconds(text(at(own.body, *paths.drain)))
    if drain is None or drain <= DRAIN_OF_SERVING:
        wanted = changed(wanted, paths.drain, DRAIN_DURATION)
    if wanted:
        yield (
            f"the Istio {own.name}, which others own, lacks what Serverless needs: the inbound "
            f"ports {' and '.join(map(str, EXCLUDED_PORTS))} excluded, or a drain above "
            f"{DRAIN_OF_SERVING:.0f}s. It reaches all members of the mesh, so ask for it there: "
            f"oc patch --type=merge istio/{own.name} -p '{json.dumps(wanted)}'"
        )


def _hidden(section: ServiceMesh3, own: Istio) -> Iterator[str]:
    """Refuse discovery selectors that leave out what the stack labels."""
    selectors = items(at(own.body, *SERVICE_MESH_3.discovery_selectors))
    ours = section.discovery_labels
    if selectors and not any(matches(each, ours) for each in selectors):
        yield (
            f"the Istio {own.name} reads only the namespaces of its discoverySelectors, "
            f"{json.dumps(selectors)}, and would not read those of Serverless. Set "
            f"{PROJECT}:mesh.discoveryLabel to a label by which it does"
        )
