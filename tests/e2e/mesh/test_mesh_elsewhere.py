"""Other settings than the defaults: another mesh namespace, another domain, more names."""

from collections.abc import Iterator

import pytest

from harness import FreshCluster
from mesh.client import LOCAL_HOST, ask, local_gateway, mesh_client
from mesh.cluster_check import check
from mesh.conftest import install
from mesh.installation import GREETING, REFUSED_BY_US, Answer, Installation

pytestmark = [pytest.mark.e2e, pytest.mark.mesh]
NAMESPACE = "serverless-mesh"
DOMAIN = "apps.other.example.org"
SHOP = "shop.example.org"
KNATIVES = "kn.example.org"
STATUS = ("--output", "/dev/null", "--write-out", "%{http_code}")


@pytest.fixture(scope="module")
def elsewhere(
    fresh_cluster: FreshCluster, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Installation]:
    config = {
        "mesh.namespace": NAMESPACE,
        "certificate.subjectAltNames": [SHOP],
    }
    with install(fresh_cluster, tmp_path_factory.mktemp("elsewhere"), config, DOMAIN) as made:
        yield made


def test_the_page_answers_under_the_clusters_own_domain(elsewhere: Installation) -> None:
    assert elsewhere.url == f"https://hello-default.{DOMAIN}"
    assert elsewhere.curl() == Answer(0, GREETING, "")


def test_the_local_gateway_is_found_in_the_other_namespace(elsewhere: Installation) -> None:
    assert set(elsewhere.mesh.operator.meshes) == {NAMESPACE}
    text, identities = ask(local_gateway(elsewhere), mesh_client(elsewhere), LOCAL_HOST)
    assert text == GREETING
    assert identities == [
        f"spiffe://cluster.local/ns/{NAMESPACE}/sa/istio-ingressgateway-service-account"
    ]


def test_the_certificate_holds_for_the_further_name(elsewhere: Installation) -> None:
    answer = elsewhere.curl(f"https://{SHOP}", through=elsewhere.gateway, options=STATUS)
    # Trusted; that no Knative Service has this name is another matter.
    assert answer == Answer(0, "404", "")


def test_without_the_setting_the_further_name_is_refused(installation: Installation) -> None:
    answer = installation.curl(f"https://{SHOP}", through=installation.gateway)
    assert answer.code == REFUSED_BY_US


def test_another_clusters_domain_is_refused(elsewhere: Installation) -> None:
    url = "https://hello-default.apps.openshift.example.com"
    assert elsewhere.curl(url, through=elsewhere.gateway).code == REFUSED_BY_US


def test_names_of_another_kind_and_no_eventing(elsewhere: Installation) -> None:
    """Last, as an update of what runs: the certificate is for the new names as well."""
    elsewhere.stack.configure(
        {
            "knative.eventing": False,
            "knative.defaultDomain": KNATIVES,
            "knative.domainTemplate": "{{.Name}}.{{.Namespace}}.{{.Domain}}",
            "certificate.subjectAltNames": [SHOP, f"*.default.{KNATIVES}"],
        }
    )
    elsewhere.up()
    url = f"https://hello.default.{KNATIVES}"
    assert elsewhere.stack.outputs()["verificationUrl"] == url
    elsewhere.until(lambda: elsewhere.url == url, "the service has its new name")
    elsewhere.until(elsewhere.answers, "the documentation's curl answers under it")
    assert not elsewhere.mesh.objects.list("operator.knative.dev/v1beta1", "KnativeEventing")
    roll = elsewhere.mesh.objects.find(
        "maistra.io/v1", "ServiceMeshMemberRoll", "default", NAMESPACE
    )
    assert roll is not None
    assert "knative-eventing" not in roll["spec"]["members"]
    done = check(elsewhere)
    assert done.returncode == 0, done.stdout + done.stderr
