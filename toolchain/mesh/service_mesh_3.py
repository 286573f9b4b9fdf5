"""STAND-IN for the operator of Service Mesh 3 (Sail): runs the revision that each Istio asks for.

What it would install comes out of Istio's own charts (`istio`); an IstioRevisionTag becomes the
webhook that the charts make of it, and IstioCNI a status (`kubelet` plays the redirection). There
is one version of Istio here, whatever `spec.version` says, and of an Istio one revision at a time.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from toolchain.cluster import ClusterError
from toolchain.mesh.addresses import LoopbackNetwork
from toolchain.mesh.istio import Istio, KubeconfigFor, merged, render
from toolchain.mesh.objects import Manifest, Objects
from toolchain.operators.orders import Failure
from toolchain.operators.status import Outcome, Progress, World, revision_of, status

ISTIOS: Final = ("sailoperator.io/v1", "Istio")
TAGS: Final = ("sailoperator.io/v1", "IstioRevisionTag")
_TAGGED: Final = "IstioRevision"


@dataclass
class _Revision:
    """One running revision, and what it was made from."""

    istio: Istio
    values: Manifest
    tags: frozenset[str]


class SailOperator:
    """Keeps the running revisions in step with the custom resources, at each `reconcile`."""

    def __init__(
        self,
        objects: Objects,
        network: LoopbackNetwork,
        kubeconfig_for: KubeconfigFor,
        folder: Path,
    ) -> None:
        """Start with no revision."""
        self._revisions: dict[str, _Revision] = {}
        self._objects = objects
        self._network = network
        self._kubeconfig_for = kubeconfig_for
        self._folder = folder

    def istiods(self) -> dict[str, str]:
        """Return the address of each istiod by its name."""
        return {
            running.istio.host: running.istio.istiod.address for running in self._revisions.values()
        }

    def reconcile(self) -> None:
        """Do what is to be done now; what has to wait for something is done at a later call."""
        istios = [each for each in self._objects.list(*ISTIOS) if _stays(each)]
        tags = [each for each in self._objects.list(*TAGS) if _stays(each)]
        wanted = {revision_of(each): each for each in istios}
        for name in self._revisions.keys() - wanted.keys():
            self._revisions.pop(name).istio.remove()
        tagged = {each["metadata"]["name"]: _target(each, istios) for each in tags}
        for name, resource in wanted.items():
            own = frozenset(
                tag for tag, revision in tagged.items() if revision == name and tag not in wanted
            )
            self._say(resource, self._bring(name, resource, own), istios)
        for tag in tags:
            self._say(tag, self._tag(tag, tagged, wanted), istios)

    def ready(self) -> bool:
        """Say whether there is a revision, and each can be asked about pods."""
        return bool(self._revisions) and all(
            each.istio.istiod.ready() for each in self._revisions.values()
        )

    def stop(self) -> None:
        """Stop every istiod."""
        while self._revisions:
            self._revisions.popitem()[1].istio.stop()

    def pids(self) -> list[int]:
        """Return the ids of all processes."""
        return [pid for each in self._revisions.values() for pid in each.istio.istiod.pids()]

    def _bring(self, name: str, resource: Manifest, tags: frozenset[str]) -> Outcome:
        namespace = resource["spec"]["namespace"]
        if self._objects.find("v1", "Namespace", namespace) is None:
            return Failure("ReconcileError", f'namespace "{namespace}" doesn\'t exist')
        # What the operator sets by itself, whatever the resource says.
        values = merged(resource["spec"].get("values") or {}, {"defaultRevision": ""})
        running = self._revisions.get(name)
        if running is None:
            istio = Istio(
                self._objects,
                self._kubeconfig_for,
                namespace=namespace,
                revision=name,
                address=self._network.address(f"istiod/{name}"),
                folder=self._folder / namespace / name,
            )
            running = self._revisions[name] = _Revision(istio, {}, frozenset())
        if (running.values, running.tags) != (values, tags) or not running.istio.istiod.alive():
            try:
                running.istio.bring(render(namespace, name, values, tags))
            except ClusterError as error:
                return Failure("ReconcileError", str(error))
            running.values, running.tags = values, tags
        return Progress.DONE if running.istio.istiod.ready() else Progress.UNDERWAY

    def _tag(
        self, tag: Manifest, tagged: Mapping[str, str], revisions: Mapping[str, Manifest]
    ) -> Outcome:
        name = tag["metadata"]["name"]
        if name in revisions:
            return Failure("NameAlreadyExists", "an IstioRevision exists with this name")
        return Progress.DONE if tagged[name] in revisions else Progress.UNDERWAY

    def _say(self, resource: Manifest, outcome: Outcome, istios: list[Manifest]) -> None:
        now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        new = status(resource, World(resources={"Istio": istios}), outcome, now)
        if new != resource.get("status"):
            self._objects.set_status(resource, new)


def _stays(resource: Manifest) -> bool:
    return "deletionTimestamp" not in resource["metadata"]


def _target(tag: Manifest, istios: list[Manifest]) -> str:
    """Return the revision that a tag is for; empty when its Istio is not there."""
    target = tag["spec"]["targetRef"]
    if target["kind"] == _TAGGED:
        return str(target["name"])
    found = [revision_of(each) for each in istios if each["metadata"]["name"] == target["name"]]
    return found[0] if found else ""
