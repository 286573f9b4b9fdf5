"""What a cluster must be for Service Mesh 3, before anything is declared."""

from typing import Any

import pytest

from mesh_policy.documented.kinds import ISTIO, ISTIO_REVISION_TAG
from preflight.cluster import Istio, Namespace, Observed, Subscription
from preflight.errors import PreflightError
from preflight.prerequisites import check, namespaces, wanted
from serverless_mesh.settings import Settings
from tests.stack_files import settings

HERE = {name: Namespace() for name in ("default", "istio-system")}


def of(mesh: dict[str, Any] | None = None, **more: Any) -> Settings:
    return settings(mesh={"version": 3, **(mesh or {})}, **more)


def refused(given: Settings, found: Observed) -> str:
    with pytest.raises(PreflightError) as caught:
        check(given, found)
    return str(caught.value)


def istio(name: str = "default", namespace: str = "istio-system", **values: Any) -> Istio:
    return Istio(name, {"spec": {"namespace": namespace, "values": values}})


def values(ports: str = "8444,8022", drain: str = "35s") -> dict[str, Any]:
    return {
        "global": {"proxy": {"excludeInboundPorts": ports}},
        "meshConfig": {"defaultConfig": {"terminationDrainDuration": drain}},
    }


def test_the_namespaces_of_the_mesh_are_made_first() -> None:
    assert namespaces(of(projects=["shop"])) == [
        *("istio-system", "knative-serving-ingress", "istio-cni"),
        *("knative-serving", "knative-eventing", "shop"),
    ]
    assert "istio-cni" not in namespaces(of({"existing": True}))
    assert "istio-cni" not in namespaces(of({"existingCni": True}))


def test_the_operators_kinds_must_be_served() -> None:
    said = refused(of(), Observed(HERE, missing=(ISTIO,)))
    assert "Service Mesh operator is not installed" in said
    assert "sailoperator.io/v1 Istio" in said
    assert ISTIO_REVISION_TAG in wanted(of({"updateStrategy": "RevisionBased"})).kinds
    assert ISTIO_REVISION_TAG not in wanted(of()).kinds


def test_a_cluster_without_anything_is_good() -> None:
    check(of(projects=["shop"]), Observed(HERE))
    # A preview without a cluster can't tell.
    check(of({"existing": True}), Observed())


def test_serverless_is_not_moved_from_service_mesh_2() -> None:
    found = Observed({**HERE, "knative-serving": Namespace(member_of="istio-system")})
    said = refused(of(), found)
    assert "mesh.version is 3, but knative-serving is in the mesh of istio-system" in said


def test_a_project_of_another_mesh_is_refused() -> None:
    given = of(projects=["shop"])
    said = refused(given, Observed({**HERE, "shop": Namespace(member_of="other")}))
    assert "the namespace shop is in the mesh of other, of Service Mesh 2" in said
    said = refused(given, Observed({**HERE, "shop": Namespace(labels={"istio.io/rev": "prod"})}))
    assert "shop has the label istio.io/rev=prod, and needs istio-injection=enabled" in said
    check(given, Observed({**HERE, "shop": Namespace(labels={"istio-injection": "enabled"})}))


def test_both_labels_on_a_project_are_refused() -> None:
    both = {"istio-injection": "enabled", "istio.io/rev": "default"}
    said = refused(of(projects=["shop"]), Observed({**HERE, "shop": Namespace(labels=both)}))
    assert "istio-injection=enabled, istio.io/rev=default" in said


def test_a_second_control_plane_in_a_namespace_is_refused() -> None:
    said = refused(of(), Observed(HERE, istios=(istio("other"),)))
    assert "the Istio other has its control plane in istio-system already" in said
    # That of OpenShift's ingress operator is elsewhere.
    check(of(), Observed(HERE, istios=(istio("openshift-gateway", "openshift-ingress"),)))


def test_a_tag_does_not_take_a_revisions_name() -> None:
    given = of({"updateStrategy": "RevisionBased", "revisionTag": "old"})
    said = refused(given, Observed(HERE, revisions=frozenset({"old"})))
    assert "mesh.revisionTag would be old, which is the name of an IstioRevision" in said


def test_a_version_that_the_operator_does_not_install_is_refused() -> None:
    taken = ("v1.28-latest", "v1.27-latest")
    said = refused(of({"istioVersion": "v1.26-latest"}), Observed(HERE, istio_versions=taken))
    assert "istioVersion is v1.26-latest" in said
    assert "it takes v1.28-latest, v1.27-latest" in said
    check(of({"istioVersion": "v1.27-latest"}), Observed(HERE, istio_versions=taken))


def test_the_subscription_of_openshifts_ingress_operator_is_not_taken_over() -> None:
    theirs = Subscription(
        "openshift-operators", "servicemeshoperator3", "servicemeshoperator3", True
    )
    said = refused(of(operators={}), Observed(HERE, subscriptions=(theirs,)))
    assert "is of OpenShift's ingress operator" in said
    # Service Mesh 2 has another one.
    check(settings(operators={}), Observed(HERE, subscriptions=(theirs,)))


def test_an_existing_istio_must_be_there_as_it_is_named() -> None:
    given = of({"existing": True})
    assert "there is no Istio default (there is none)" in refused(given, Observed(HERE))
    said = refused(given, Observed(HERE, istios=(istio("prod", **values()),)))
    assert "there is no Istio default (prod)" in said
    said = refused(given, Observed(HERE, istios=(istio(namespace="mesh", **values()),)))
    assert "the control plane of the Istio default is in mesh" in said
    check(given, Observed(HERE, istios=(istio(**values()),)))
    tagged = of({"existing": True, "revisionTag": "stable"})
    said = refused(tagged, Observed(HERE, istios=(istio(**values()),)))
    assert "there is no IstioRevisionTag of that name" in said
    check(tagged, Observed(HERE, istios=(istio(**values()),), tags=frozenset({"stable"})))


@pytest.mark.parametrize(
    ("theirs", "patch"),
    [
        (values("8444"), '"excludeInboundPorts": "8444,8022"'),
        (values(""), '"excludeInboundPorts": "8444,8022"'),
        (values(drain="5s"), '"terminationDrainDuration": "35s"'),
        ({}, '"terminationDrainDuration": "35s"'),
    ],
)
def test_what_an_existing_istio_lacks_is_asked_for(theirs: dict[str, Any], patch: str) -> None:
    said = refused(of({"existing": True}), Observed(HERE, istios=(istio(**theirs),)))
    assert "lacks what Serverless needs" in said
    assert "oc patch --type=merge istio/default -p '" in said
    assert patch in said


def test_an_existing_istio_must_read_the_namespaces_of_serverless() -> None:
    theirs = values()
    theirs["meshConfig"]["discoverySelectors"] = [{"matchLabels": {"mesh": "prod"}}]
    found = Observed(HERE, istios=(istio(**theirs),))
    assert "Set serverless-mesh:mesh.discoveryLabel" in refused(of({"existing": True}), found)
    check(of({"existing": True, "discoveryLabel": "mesh=prod"}), found)
