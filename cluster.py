"""What the program has to know of the cluster before it declares anything.

Read once, through the kubeconfig that the stack's Kubernetes provider uses, and kept as plain data:
the components never ask the cluster.
"""

import base64
import contextlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import urllib3
import yaml
from kubernetes import client, config

MADE_BY: Final = "serverless-mesh/made-by"
"""Annotation of a namespace that a stack made: `organization/project/stack`."""
MEMBER_OF: Final = "maistra.io/member-of"
"""Label that the Service Mesh operator gives a member's namespace: the namespace of its mesh."""
_BY_A_STACK: Final = "pulumi.com/patchForce"
_SERVING: Final = ("knative-serving", "knative-serving")
_TIMEOUT: Final = (5, 30)
"""Seconds to connect and to answer."""


class ClusterError(Exception):
    """The cluster can't be read; the message says what was tried and what to do."""


@dataclass(frozen=True)
class Namespace:
    """A namespace that is there: the stack that made it (if one did), and whether it is going.

    `member_of` is the namespace of the mesh that it is in, as Service Mesh labels it.
    """

    made_by: str | None = None
    terminating: bool = False
    member_of: str | None = None


@dataclass(frozen=True)
class ControlPlane:
    """A ServiceMeshControlPlane that is there: its name and its excluded ports, if it has any.

    `by_a_stack` tells whether a stack made it, as far as its annotations show.
    """

    name: str
    excluded_ports: tuple[int, ...] | None = None
    by_a_stack: bool = True


@dataclass(frozen=True)
class Observed:
    """What was found in the cluster.

    `apps_domain` is that of `ingresses.config.openshift.io/cluster`, None on a cluster without it.
    `control_plane` is the one in the mesh's namespace, which can hold one only. `serving` tells
    whether KnativeServing is there. `missing` are the kinds that are needed and not served.
    `certificate` are the certificate and the key of an existing wildcard secret, in PEM.
    """

    namespaces: Mapping[str, Namespace] = field(default_factory=dict)
    apps_domain: str | None = None
    control_plane: ControlPlane | None = None
    serving: bool = False
    missing: tuple[str, ...] = ()
    certificate: tuple[str, str] | None = field(default=None, repr=False)


@dataclass(frozen=True)
class Question:
    """What to look for: the mesh's namespace, the kinds that are needed, a wildcard secret.

    A kind is written as in `maistra.io/v2 ServiceMeshControlPlane`.
    """

    mesh_namespace: str
    kinds: tuple[str, ...]
    wildcard_secret: str | None = None


def observe(kubeconfig: str | None, context: str | None, question: Question) -> Observed:
    """Read the cluster; `kubeconfig` is a path, a file's content or None for the user's own.

    Raises:
        ClusterError: the kubeconfig can't be used, the cluster does not answer or forbids it.
    """
    with _reported(), _api(kubeconfig, context) as api:
        objects = _Objects(api)
        return Observed(
            _namespaces(api),
            _apps_domain(objects),
            _control_plane(objects, question.mesh_namespace),
            objects.get("operator.knative.dev/v1beta1", "knativeservings", *_SERVING) is not None,
            tuple(kind for kind in question.kinds if not objects.serves(kind)),
            _certificate(api, question.mesh_namespace, question.wildcard_secret),
        )


@contextlib.contextmanager
def _reported() -> Iterator[None]:
    try:
        yield
    except (config.ConfigException, yaml.YAMLError, OSError) as error:
        raise ClusterError(
            f"the kubeconfig can't be used: {error}. Set kubernetes:kubeconfig (and "
            "kubernetes:context) in the stack file, or KUBECONFIG"
        ) from None
    except urllib3.exceptions.HTTPError as error:
        raise ClusterError(
            f"the cluster does not answer: {error}. See that kubernetes:kubeconfig and "
            "kubernetes:context mean the right one, and run it again when it answers"
        ) from None
    except client.ApiException as error:
        raise ClusterError(
            f"the cluster answers {error.status} {error.reason}; the kubeconfig's user needs the "
            "role of deploy/rbac.yaml"
        ) from None


@contextlib.contextmanager
def _api(kubeconfig: str | None, context: str | None) -> Iterator[client.ApiClient]:
    settings = client.Configuration()
    settings.retries = urllib3.Retry(1)
    try:
        if kubeconfig is None or _is_path(kubeconfig):
            path = None if kubeconfig is None else str(Path(kubeconfig).expanduser())
            config.load_kube_config(path, context, settings)
        else:
            config.load_kube_config_from_dict(yaml.safe_load(kubeconfig), context, settings)
    except (TypeError, AttributeError) as error:
        # The client takes the shape of a kubeconfig for granted.
        raise config.ConfigException(f"it has not the shape of one: {error}") from None
    with client.ApiClient(settings) as api:
        yield api


def _is_path(kubeconfig: str) -> bool:
    return "\n" not in kubeconfig and not kubeconfig.lstrip().startswith("{")


def _namespaces(api: client.ApiClient) -> dict[str, Namespace]:
    listed = client.CoreV1Api(api).list_namespace(_request_timeout=_TIMEOUT)
    return {
        item.metadata.name: Namespace(
            (item.metadata.annotations or {}).get(MADE_BY),
            item.metadata.deletion_timestamp is not None,
            (item.metadata.labels or {}).get(MEMBER_OF),
        )
        for item in listed.items
        if item.metadata is not None and item.metadata.name is not None
    }


class _Objects:
    """Reads objects by their path; the kinds are not this program's, so they may not be served."""

    def __init__(self, api: client.ApiClient) -> None:
        self._api = api
        self._served: dict[str, set[str]] = {}

    def get(self, version: str, plural: str, namespace: str, name: str = "") -> Any:
        """Return an object (or a list, without a name) as plain data, None where there is none."""
        place = f"namespaces/{namespace}/" if namespace else ""
        return self._read(f"/apis/{version}/{place}{plural}" + (f"/{name}" if name else ""))

    def serves(self, kind: str) -> bool:
        """Tell whether the cluster serves a kind, as in `group/version Kind`."""
        version, _, name = kind.partition(" ")
        if version not in self._served:
            found = self._read(f"/apis/{version}") or {"resources": []}
            self._served[version] = {item["kind"] for item in found["resources"]}
        return name in self._served[version]

    def _read(self, path: str) -> Any:
        try:
            arguments = self._api.param_serialize(
                "GET",
                path,
                header_params={"Accept": "application/json"},
                auth_settings=["BearerToken"],
            )
            answer = self._api.call_api(*arguments, _request_timeout=_TIMEOUT)
            body = answer.read()
            if answer.status == 404:
                return None
            if answer.status >= 400:
                raise client.ApiException(status=answer.status, reason=f"{answer.reason}: {path}")
            return json.loads(body)
        except ValueError as error:
            raise ClusterError(f"the cluster's answer to {path} is no JSON: {error}") from None


def _apps_domain(objects: _Objects) -> str | None:
    found = objects.get("config.openshift.io/v1", "ingresses", "", "cluster") or {}
    domain = found.get("spec", {}).get("domain")
    return domain if isinstance(domain, str) else None


def _control_plane(objects: _Objects, namespace: str) -> ControlPlane | None:
    found = objects.get("maistra.io/v2", "servicemeshcontrolplanes", namespace)
    for item in (found or {"items": []})["items"]:
        inbound: Any = item.get("spec", {})
        for key in ("proxy", "networking", "trafficControl", "inbound"):
            inbound = inbound.get(key) or {}
        ports = inbound.get("excludedPorts")
        return ControlPlane(
            item["metadata"]["name"],
            None if ports is None else tuple(ports),
            _BY_A_STACK in item["metadata"].get("annotations", {}),
        )
    return None


def _certificate(api: client.ApiClient, namespace: str, name: str | None) -> tuple[str, str] | None:
    if name is None:
        return None
    try:
        found: Any = client.CoreV1Api(api).read_namespaced_secret(
            name, namespace, _request_timeout=_TIMEOUT
        )
    except client.ApiException as error:
        if error.status == 404:
            return None
        raise
    data = found.data or {}
    parts = [base64.b64decode(data.get(key, "")) for key in ("tls.crt", "tls.key")]
    return parts[0].decode("utf-8", "replace"), parts[1].decode("utf-8", "replace")
