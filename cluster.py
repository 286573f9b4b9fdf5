"""What the program has to know of the cluster before it declares anything.

Read once, through the kubeconfig that the stack's Kubernetes provider uses, and kept as plain data:
the components never ask the cluster.
"""

import base64
import contextlib
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, Final, Self

import urllib3

from policy.api import Api, RefusedError, shaped
from policy.kubeconfig import AT_ONCE, KubeconfigError
from policy.model import Ref
from policy.ownership import managers
from policy.patience import Patience
from policy.values import at, mapping, strings, text

MEMBER_OF: Final = "maistra.io/member-of"
"""Label that the Service Mesh operator gives a member's namespace: the namespace of its mesh."""
_PLUGIN: Final = "pulumi-kubernetes"
"""How the names of the Kubernetes plugin's field managers begin, whatever the stack."""
_SERVING: Final = (
    "operator.knative.dev/v1beta1",
    "KnativeServing",
    "knative-serving",
    "knative-serving",
)
_ROLL: Final = ("maistra.io/v1", "ServiceMeshMemberRoll")
_MEMBER: Final = ("maistra.io/v1", "ServiceMeshMember")
_OLM: Final = "/apis/operators.coreos.com"
_INGRESS: Final = ("config.openshift.io/v1", "Ingress", "", "cluster")
_ALWAYS_THERE: Final = "kube-system"
"""A namespace that lives as long as its cluster: its uid tells clusters apart."""
_ANSWER_WITHIN: Final = 30.0
"""Seconds."""
_BUSY_WITHIN: Final = 15.0
"""Seconds."""


class ClusterError(Exception):
    """The cluster can't be read; the message says what was tried and what to do."""


@dataclass(frozen=True)
class Namespace:
    """A namespace that is there, and whether it is being deleted.

    `member_of` is the namespace of the mesh that it is in, as Service Mesh labels it.
    """

    terminating: bool = False
    member_of: str | None = None


@dataclass(frozen=True)
class ControlPlane:
    """A ServiceMeshControlPlane that is there: its spec, and what came of it with its profiles."""

    name: str
    spec: Mapping[str, Any] = field(default_factory=dict)
    applied: Mapping[str, Any] = field(default_factory=dict)

    def effective(self, *path: str) -> Any:
        """Return the value at a path of the spec, else what a profile gives; None: neither."""
        own = at(self.spec, *path)
        return at(self.applied, *path) if own is None else own


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


@dataclass(frozen=True)
class Observed:
    """What was found in the cluster.

    `apps_domain` is that of `ingresses.config.openshift.io/cluster`, None on a cluster without it.
    `control_plane` is the one in the mesh's namespace, which can hold one only. `serving` tells
    whether KnativeServing is there. `missing` are the kinds that are needed and not served.
    `roll` are the members that the mesh's roll lists. `memberships` are those of the namespaces
    that were asked for. `subscriptions` and `operator_groups` are there only if asked for.
    `certificate` are the certificate and the key of an existing wildcard secret, in PEM.
    `identity` tells the cluster from others, whatever its address is.
    """

    namespaces: Mapping[str, Namespace] = field(default_factory=dict)
    apps_domain: str | None = None
    control_plane: ControlPlane | None = None
    serving: bool = False
    missing: tuple[str, ...] = ()
    roll: tuple[str, ...] = ()
    memberships: Mapping[str, Membership] = field(default_factory=dict)
    subscriptions: tuple[Subscription, ...] = ()
    operator_groups: tuple[str, ...] = ()
    certificate: tuple[str, str] | None = field(default=None, repr=False)
    identity: str | None = None


@dataclass(frozen=True)
class Question:
    """What to look for: the mesh's namespace, the kinds that are needed, a wildcard secret.

    A kind is written as in `maistra.io/v2 ServiceMeshControlPlane`. `memberships` are the
    namespaces whose membership is asked for; `operators_namespace` is where operator groups are,
    and with it all subscriptions are.
    """

    mesh_namespace: str
    kinds: tuple[str, ...]
    wildcard_secret: str | None = None
    memberships: tuple[str, ...] = ()
    operators_namespace: str | None = None


class _PatientApi(Api):
    """Asks again where the answer is that the server is busy.

    Of a kind that an operator has just brought, it says so for a moment. A server that does not
    answer is not asked again.
    """

    def get(self, path: str, query: Iterable[tuple[str, str]] = ()) -> dict[str, Any]:
        fields, ask = list(query), super().get
        return Patience(_BUSY_WITHIN, unanswered=False).ask(lambda: ask(path, fields))


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
            return cls(_PatientApi.of(kubeconfig, context, _ANSWER_WITHIN))

    def observe(self, question: Question) -> Observed:
        """Read what the question asks for, all of it side by side.

        Raises:
            ClusterError: the cluster does not answer or forbids it.
        """
        api, mesh = self._api, question.mesh_namespace
        secret = question.wildcard_secret
        operators = question.operators_namespace
        versions = {kind.partition(" ")[0] for kind in question.kinds}
        with _reported(), shaped("these questions"), ThreadPoolExecutor(AT_ONCE) as pool:
            listed = pool.submit(api.get, "/api/v1/namespaces")
            domain = pool.submit(api.object, *_INGRESS)
            planes = pool.submit(
                api.find, f"/apis/maistra.io/v2/namespaces/{mesh}/servicemeshcontrolplanes"
            )
            serving = pool.submit(api.object, *_SERVING)
            roll = pool.submit(api.object, *_ROLL, mesh, "default")
            members = {
                namespace: pool.submit(api.object, *_MEMBER, namespace, "default")
                for namespace in question.memberships
            }
            subscribed = pool.submit(_listed, api, f"{_OLM}/v1alpha1/subscriptions", operators)
            groups = pool.submit(
                _listed, api, f"{_OLM}/v1/namespaces/{operators}/operatorgroups", operators
            )
            wildcard = pool.submit(api.object, "v1", "Secret", mesh, secret) if secret else None
            served = dict(zip(versions, pool.map(api.kinds, versions), strict=True))
            namespaces = {item["metadata"]["name"]: item for item in listed.result()["items"]}
            return Observed(
                {name: _namespace(item) for name, item in namespaces.items()},
                _apps_domain(domain.result() or {}),
                _control_plane(planes.result() or {"items": []}),
                serving.result() is not None,
                tuple(kind for kind in question.kinds if not _is_served(kind, served)),
                tuple(strings(at(roll.result(), "spec", "members"))),
                {
                    namespace: membership(item)
                    for namespace, answer in members.items()
                    if (item := answer.result()) is not None
                },
                tuple(map(_subscription, subscribed.result())),
                tuple(item["metadata"]["name"] for item in groups.result()),
                _certificate(wildcard.result()) if wildcard else None,
                namespaces.get(_ALWAYS_THERE, {}).get("metadata", {}).get("uid"),
            )

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


def _listed(api: Api, path: str, wanted: str | None) -> list[dict[str, Any]]:
    """Return what is at `path`; nothing where it is not wanted, or not served."""
    return list((api.find(path) or {}).get("items", ())) if wanted else []


def _namespace(item: dict[str, Any]) -> Namespace:
    about = item["metadata"]
    return Namespace("deletionTimestamp" in about, about.get("labels", {}).get(MEMBER_OF))


def _is_served(kind: str, served: Mapping[str, Mapping[str, object]]) -> bool:
    """Tell whether a kind, as in `group/version Kind`, is among those that are served."""
    version, _, name = kind.partition(" ")
    return name in served[version]


def _apps_domain(found: dict[str, Any]) -> str | None:
    domain = found.get("spec", {}).get("domain")
    return domain if isinstance(domain, str) else None


def _control_plane(found: dict[str, Any]) -> ControlPlane | None:
    for item in found["items"]:
        applied = at(item, "status", "appliedSpec")
        return ControlPlane(item["metadata"]["name"], mapping(item.get("spec")), mapping(applied))
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
    return Subscription(about["namespace"], about["name"], text(at(item, "spec", "name")))


def _certificate(found: dict[str, Any] | None) -> tuple[str, str] | None:
    if found is None:
        return None
    data = found.get("data", {})
    certificate, key = (base64.b64decode(data.get(entry, "")) for entry in ("tls.crt", "tls.key"))
    return certificate.decode("utf-8", "replace"), key.decode("utf-8", "replace")
