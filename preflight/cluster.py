"""What the program has to know of the cluster before it declares anything.

Read once, through the kubeconfig that the stack's Kubernetes provider uses, and kept as plain data:
the components never ask the cluster.
"""

import contextlib
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, Final, Self

import urllib3

from mesh_policy.cluster.api import Api, RefusedError, shaped
from mesh_policy.cluster.kubeconfig import AT_ONCE, KubeconfigError
from mesh_policy.cluster.retries import Retries
from mesh_policy.documented.kinds import (
    DEFINITION,
    INGRESS_CONFIG,
    ISTIO,
    MEMBER,
    MEMBER_ROLL,
    SECRET,
    SERVING,
    Kind,
    api_version,
)
from mesh_policy.documented.names import (
    DEFAULT_ROLL,
    MEMBER_OF,
    OPENSHIFT_OWNED,
    SERVING_NAME,
    SERVING_NAMESPACE,
)
from mesh_policy.documented.variants import Path
from mesh_policy.findings import Ref
from mesh_policy.reading.istio_credentials import served
from mesh_policy.reading.ownership import managers
from mesh_policy.reading.values import at, items, mapping, strings, text
from preflight.errors import ClusterError

_PLUGIN: Final = "pulumi-kubernetes"
"""How the names of the Kubernetes plugin's field managers begin, whatever the stack."""
_OLM: Final = "/apis/operators.coreos.com"
_SAIL: Final = f"/apis/{api_version(ISTIO)}"
_ISTIO_DEFINITION: Final = f"istios.{ISTIO.group}"
_ALWAYS_THERE: Final = "kube-system"
"""A namespace that lives as long as its cluster: its uid tells clusters apart."""
_ANSWER_WITHIN: Final = 30.0
"""Seconds."""
_BUSY_WITHIN: Final = 15.0
"""Seconds."""


@dataclass(frozen=True)
class Namespace:
    """A namespace that is there, and whether it is being deleted.

    `member_of` is the namespace of the mesh that it is in, as Service Mesh 2 labels it; `labels`
    are all of its labels.
    """

    terminating: bool = False
    member_of: str | None = None
    labels: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Istio:
    """An Istio of Service Mesh 3 that is there."""

    name: str
    body: Mapping[str, Any] = field(default_factory=dict)

    @property
    def namespace(self) -> str:
        """Where its control plane is."""
        return text(at(self.body, "spec", "namespace"))


@dataclass(frozen=True)
class ControlPlane:
    """A ServiceMeshControlPlane that is there."""

    name: str
    body: Mapping[str, Any] = field(default_factory=dict)

    def effective(self, path: Path) -> Any:
        """Return the value at a path, `spec.…`, else what a profile gives; None: neither."""
        own = at(self.body, *path)
        applied = ("status", "appliedSpec", *path[1:])
        return at(self.body, *applied) if own is None else own


@dataclass(frozen=True)
class Membership:
    """A ServiceMeshMember that is there: the namespace and the name of its control plane.

    In a `shared` one, somebody else than the Kubernetes plugin, or a second stack, holds its spec.
    """

    mesh_namespace: str
    control_plane: str
    shared: bool = False


@dataclass(frozen=True)
class Subscription:
    """A subscription of the Operator Lifecycle Manager that is there, and its package."""

    namespace: str
    name: str
    package: str
    of_ingress: bool = False
    """Whether it is of OpenShift's ingress operator, which needs a Service Mesh of its own."""


@dataclass(frozen=True)
class Observed:
    """What was found in the cluster.

    `apps_domain` is that of `ingresses.config.openshift.io/cluster`, None on a cluster without it.
    `control_plane` is the one in the mesh's namespace, which can hold one only. `serving` tells
    whether KnativeServing is there. `missing` are the kinds that are needed and not served.
    `roll` are the members that the mesh's roll lists. `memberships` are those of the namespaces
    that were asked for. `subscriptions` and `operator_groups` are there only if asked for.
    `certificate` are the certificate and the key of an existing wildcard secret, in PEM.
    `identity` tells the cluster from others, whatever its address is. Of Service Mesh 3, `istios`
    are all that there are, `revisions` and `tags` the names to which injection labels can lead,
    and `istio_versions` what the operator takes as an Istio's version, empty where not known.
    """

    namespaces: Mapping[str, Namespace] = field(default_factory=dict)
    apps_domain: str | None = None
    control_plane: ControlPlane | None = None
    serving: bool = False
    missing: tuple[Kind, ...] = ()
    roll: tuple[str, ...] = ()
    memberships: Mapping[str, Membership] = field(default_factory=dict)
    subscriptions: tuple[Subscription, ...] = ()
    operator_groups: tuple[str, ...] = ()
    certificate: tuple[str, str] | None = field(default=None, repr=False)
    identity: str | None = None
    istios: tuple[Istio, ...] = ()
    revisions: frozenset[str] = frozenset()
    tags: frozenset[str] = frozenset()
    istio_versions: tuple[str, ...] = ()


@dataclass(frozen=True)
class Wanted:
    """What to look for: the kinds that are needed, a wildcard secret, and which meshes there are.

    `mesh_namespace` is that of a mesh of Service Mesh 2, None for one of Service Mesh 3, with which
    all `istios` and their revisions are asked for. `secret` is a namespace and a name.
    `memberships` are the namespaces whose membership is asked for; `operators_namespace` is where
    operator groups are, and with it all subscriptions are.
    """

    mesh_namespace: str | None
    kinds: tuple[Kind, ...]
    secret: tuple[str, str] | None = None
    memberships: tuple[str, ...] = ()
    operators_namespace: str | None = None
    istios: bool = False


class _RetryingApi(Api):
    """Asks again where the answer is that the server is busy.

    Of a kind that an operator has just installed, it says so for a moment. A server that does not
    answer is not asked again.
    """

    def get(self, path: str, query: Iterable[tuple[str, str]] = ()) -> dict[str, Any]:
        fields, ask = list(query), super().get
        return Retries(_BUSY_WITHIN, unanswered=False).ask(lambda: ask(path, fields))


class Cluster:
    """The cluster that the stack's Kubernetes provider writes to."""

    def __init__(self, api: Api) -> None:
        self._api = api

    @classmethod
    def connect(cls, kubeconfig: str | None, context: str | None) -> Self:
        """Connect; `kubeconfig` is a path, a file's content or None for the user's own.

        Raises:
            ClusterError: the kubeconfig can't be used.
        """
        with _reported():
            return cls(_RetryingApi.of(kubeconfig, context, _ANSWER_WITHIN))

    def observe(self, wanted: Wanted) -> Observed:
        """Read what is wanted, all of it side by side.

        Raises:
            ClusterError: the cluster does not answer or forbids it.
        """
        api, mesh, operators = self._api, wanted.mesh_namespace, wanted.operators_namespace
        versions = {api_version(kind) for kind in wanted.kinds}
        with _reported(), shaped("what is wanted"), ThreadPoolExecutor(AT_ONCE) as pool:
            listed = pool.submit(api.get, "/api/v1/namespaces")
            domain = pool.submit(self._get, INGRESS_CONFIG, "", "cluster")
            planes = pool.submit(
                _listed,
                api,
                f"/apis/maistra.io/v2/namespaces/{mesh}/servicemeshcontrolplanes",
                mesh,
            )
            serving = pool.submit(self._get, SERVING, SERVING_NAMESPACE, SERVING_NAME)
            roll = pool.submit(self._get, MEMBER_ROLL, mesh, DEFAULT_ROLL) if mesh else None
            members = {
                namespace: pool.submit(self._get, MEMBER, namespace, DEFAULT_ROLL)
                for namespace in wanted.memberships
            }
            subscribed = pool.submit(_listed, api, f"{_OLM}/v1alpha1/subscriptions", operators)
            istios, revisions, tags = (
                pool.submit(_listed, api, f"{_SAIL}/{plural}", wanted.istios)
                for plural in ("istios", "istiorevisions", "istiorevisiontags")
            )
            definition = (
                pool.submit(self._get, DEFINITION, "", _ISTIO_DEFINITION) if wanted.istios else None
            )
            groups = pool.submit(
                _listed, api, f"{_OLM}/v1/namespaces/{operators}/operatorgroups", operators
            )
            wildcard = pool.submit(self._get, SECRET, *wanted.secret) if wanted.secret else None
            served = dict(zip(versions, pool.map(api.kinds, versions), strict=True))
            namespaces = {item["metadata"]["name"]: item for item in listed.result()["items"]}
            return Observed(
                {name: _namespace(item) for name, item in namespaces.items()},
                _apps_domain(domain.result() or {}),
                _control_plane(planes.result()),
                serving.result() is not None,
                tuple(k for k in wanted.kinds if k.name not in served[api_version(k)]),
                tuple(strings(at(roll.result(), "spec", "members"))) if roll else (),
                {
                    namespace: membership(item)
                    for namespace, answer in members.items()
                    if (item := answer.result()) is not None
                },
                tuple(map(_subscription, subscribed.result())),
                tuple(item["metadata"]["name"] for item in groups.result()),
                _certificate(wildcard.result()) if wildcard else None,
                namespaces.get(_ALWAYS_THERE, {}).get("metadata", {}).get("uid"),
                tuple(Istio(item["metadata"]["name"], item) for item in istios.result()),
                _names(revisions.result()),
                _names(tags.result()),
                _istio_versions(definition.result()) if definition else (),
            )

    def _get(self, kind: Kind, namespace: str, name: str) -> dict[str, Any] | None:
        return self._api.object(api_version(kind), kind.name, namespace, name)

    def find(self, ref: Ref) -> dict[str, Any] | None:
        """Return an object as it is now, None where there is none.

        Raises:
            ClusterError: the cluster does not answer or forbids it.
        """
        with _reported():
            return self._api.object(ref.api_version, ref.kind.name, ref.namespace, ref.name)


@contextlib.contextmanager
def _reported() -> Iterator[None]:
    try:
        yield
    except KubeconfigError as error:
        raise ClusterError(
            f"the kubeconfig can't be used: {error}. Set kubernetes:kubeconfig (and "
            "kubernetes:context) in the stack file, or KUBECONFIG"
        ) from None
    except urllib3.exceptions.HTTPError as error:
        raise ClusterError(
            f"the cluster does not answer: {error}. See that kubernetes:kubeconfig and "
            "kubernetes:context mean the right one, and run it again when it answers"
        ) from None
    except RefusedError as error:
        raise ClusterError(
            f"the cluster answers {error.status}: {error}; the kubeconfig's user needs the roles "
            "of deploy/"
        ) from None


def _listed(api: Api, path: str, wanted: str | bool | None) -> list[dict[str, Any]]:
    """Return what is at `path`; nothing where it is not wanted, or not served."""
    return list((api.find(path) or {}).get("items", ())) if wanted else []


def _namespace(item: dict[str, Any]) -> Namespace:
    about = item["metadata"]
    labels = about.get("labels", {})
    return Namespace("deletionTimestamp" in about, labels.get(MEMBER_OF), labels)


def _names(found: Iterable[Mapping[str, Any]]) -> frozenset[str]:
    return frozenset(item["metadata"]["name"] for item in found)


def _istio_versions(definition: Mapping[str, Any] | None) -> tuple[str, ...]:
    """Return what the definition of Istio takes as a version."""
    for version in items(at(definition, "spec", "versions")):
        path = ("openAPIV3Schema", "properties", "spec", "properties", "version", "enum")
        if found := strings(at(version, "schema", *path)):
            return tuple(found)
    return ()


def _apps_domain(found: dict[str, Any]) -> str | None:
    domain = found.get("spec", {}).get("domain")
    return domain if isinstance(domain, str) else None


def _control_plane(found: Iterable[Mapping[str, Any]]) -> ControlPlane | None:
    for item in found:
        return ControlPlane(item["metadata"]["name"], item)
    return None


def membership(item: Mapping[str, Any]) -> Membership:
    """Return what a ServiceMeshMember says."""
    holders = list(managers(item, "spec"))
    others = [name for name in holders if not name.startswith(_PLUGIN)]
    reference = mapping(at(item, "spec", "controlPlaneRef"))
    return Membership(
        text(reference.get("namespace")),
        text(reference.get("name")),
        bool(others) or len(holders) > 1,
    )


def _subscription(item: dict[str, Any]) -> Subscription:
    about = item["metadata"]
    owned = OPENSHIFT_OWNED in about.get("annotations", {})
    return Subscription(about["namespace"], about["name"], text(at(item, "spec", "name")), owned)


def _certificate(found: dict[str, Any] | None) -> tuple[str, str] | None:
    if found is None:
        return None
    pair = served(found)
    return text(pair.certificate), text(pair.key)
