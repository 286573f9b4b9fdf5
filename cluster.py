"""What the program has to know of the cluster before it declares anything.

Read once, through the kubeconfig that the stack's Kubernetes provider uses, and kept as plain data:
the components never ask the cluster.
"""

import contextlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import urllib3
import yaml
from kubernetes import client, config

MADE_BY: Final = "serverless-mesh/made-by"
"""Annotation of a namespace that a stack made: `organization/project/stack`."""
_TIMEOUT: Final = (5, 30)
"""Seconds to connect and to answer."""


class ClusterError(Exception):
    """The cluster can't be read; the message says what was tried and what to do."""


@dataclass(frozen=True)
class Namespace:
    """A namespace that is there: the stack that made it (if one did), and whether it is going."""

    made_by: str | None = None
    terminating: bool = False


@dataclass(frozen=True)
class Observed:
    """What was found in the cluster.

    `apps_domain` is that of `ingresses.config.openshift.io/cluster`, None on a cluster without it.
    """

    namespaces: Mapping[str, Namespace] = field(default_factory=dict)
    apps_domain: str | None = None


def observe(kubeconfig: str | None, context: str | None) -> Observed:
    """Read the cluster; `kubeconfig` is a path, a file's content or None for the user's own.

    Raises:
        ClusterError: the kubeconfig can't be used, the cluster does not answer or forbids it.
    """
    with _reported(), _api(kubeconfig, context) as api:
        return Observed(_namespaces(api), _apps_domain(api))


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
        raise ClusterError(f"the cluster does not answer: {error}") from None
    except client.ApiException as error:
        raise ClusterError(
            f"the cluster answers {error.status} {error.reason}; the kubeconfig's user needs the "
            "role of deploy/rbac.yaml"
        ) from None


@contextlib.contextmanager
def _api(kubeconfig: str | None, context: str | None) -> Iterator[client.ApiClient]:
    settings = client.Configuration()
    settings.retries = urllib3.Retry(1)
    if kubeconfig is None or _is_path(kubeconfig):
        config.load_kube_config(
            None if kubeconfig is None else str(Path(kubeconfig).expanduser()),
            context,
            settings,
        )
    else:
        config.load_kube_config_from_dict(yaml.safe_load(kubeconfig), context, settings)
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
        )
        for item in listed.items
        if item.metadata is not None and item.metadata.name is not None
    }


def _apps_domain(api: client.ApiClient) -> str | None:
    ingresses = ("config.openshift.io", "v1", "ingresses")
    try:
        found: Any = client.CustomObjectsApi(api).get_cluster_custom_object(
            *ingresses, "cluster", _request_timeout=_TIMEOUT
        )
    except client.ApiException as error:
        if error.status == 404:
            return None
        raise
    domain = found.get("spec", {}).get("domain")
    return domain if isinstance(domain, str) else None
