"""What the Knative operator was told, what it made of it, and what it ships."""

from typing import Any, Final

import yaml

from mesh.installation import Installation, Manifest
from toolchain.mesh.programs import KODATA

CUSTOM_RESOURCES: Final = {
    "KnativeServing": "knative-serving",
    "KnativeEventing": "knative-eventing",
}
"""Kinds of the operator's resources, each with its name, which is its namespace's, too."""
SECRET_FILTERING: Final = "ENABLE_SECRET_INFORMER_FILTERING_BY_CERT_UID"
NET_ISTIO: Final = "net-istio-controller"


def custom_resource(installation: Installation, kind: str) -> Manifest:
    name = CUSTOM_RESOURCES[kind]
    found = installation.mesh.objects.find("operator.knative.dev/v1beta1", kind, name, name)
    assert found is not None
    return found


def deployment(installation: Installation, name: str, namespace: str) -> Manifest:
    found = installation.mesh.objects.find("apps/v1", "Deployment", name, namespace)
    assert found is not None, f"there is no Deployment {namespace}/{name}"
    return found


def config(installation: Installation, name: str, namespace: str) -> dict[str, Any]:
    """Return a config map's entries, without the example that documents them."""
    found = installation.mesh.objects.find("v1", "ConfigMap", name, namespace)
    assert found is not None
    data = dict(found.get("data") or {})
    data.pop("_example", None)
    return data


def shipped(kind: str, name: str) -> Manifest:
    """Return an object as the operator ships it."""
    (found,) = (
        item
        for file in KODATA.rglob("net-istio.yaml")
        for item in yaml.load_all(file.read_text("utf-8"), yaml.CSafeLoader)
        if item and (item["kind"], item["metadata"]["name"]) == (kind, name)
    )
    return dict(found)


def secret_filtering(controller: Manifest) -> str:
    """Return what the Deployment of net-istio says about the filtering of secrets."""
    (container,) = controller["spec"]["template"]["spec"]["containers"]
    (value,) = (item["value"] for item in container["env"] if item["name"] == SECRET_FILTERING)
    return str(value)
