"""Each documented field of the control plane decides about traffic: a wrong one breaks it.

And `serverless-mesh check` names the field and what it breaks.
"""

import contextlib
import http.client
import threading

import pytest

from mesh.cluster_check import assert_found, check
from mesh.conftest import Keep
from mesh.installation import BOTH, GREETING, Answer, Installation, Manifest, put
from mesh_policy.documented.kinds import PEER_AUTHENTICATION, api_version
from mesh_policy.documented.variants import SERVICE_MESH_2
from serverless_mesh.settings import ServiceMesh2
from toolchain.mesh.knative_routing import QUEUE_PROXY_PORT
from toolchain.mesh.workload import HELD_PATH

pytestmark = [pytest.mark.e2e, pytest.mark.mesh]


@pytest.fixture
def control_plane(installation: Installation, keep: Keep) -> Manifest:
    """Return the control plane; it is put back after the test."""
    mesh = installation.settings.mesh
    kind = mesh.variant.control_plane
    namespace = mesh.namespace if isinstance(mesh, ServiceMesh2) else ""
    return keep(api_version(kind), kind.name, mesh.name, namespace)


def plain(installation: Installation, port: int) -> str:
    """Ask the pod in plain text; empty when it is refused."""
    connection = http.client.HTTPConnection(installation.pod.address, port, timeout=10)
    with contextlib.suppress(http.client.HTTPException, ConnectionError):
        connection.request("GET", "/")
        return connection.getresponse().read().decode()
    return ""


def assert_let_in(installation: Installation) -> None:
    installation.until(
        lambda: plain(installation, QUEUE_PROXY_PORT) == GREETING, "plain text is let in"
    )
    assert_found(check(installation), "strict-mtls", "lets plaintext in")


def test_without_mtls_plain_text_is_let_in(
    installation: Installation, control_plane: Manifest
) -> None:
    assert plain(installation, QUEUE_PROXY_PORT) == ""
    installation.apply(put(control_plane, SERVICE_MESH_2.mtls, False))
    assert_let_in(installation)


@BOTH
def test_a_weaker_policy_lets_plain_text_in(installation: Installation) -> None:
    assert plain(installation, QUEUE_PROXY_PORT) == ""
    weaker = {
        "apiVersion": api_version(PEER_AUTHENTICATION),
        "kind": PEER_AUTHENTICATION.name,
        "metadata": {"name": "weaker", "namespace": "default"},
        "spec": {"mtls": {"mode": "PERMISSIVE"}},
    }
    installation.apply(weaker)
    try:
        assert_let_in(installation)
    finally:
        installation.mesh.objects.delete(weaker)
        installation.until(
            lambda: plain(installation, QUEUE_PROXY_PORT) == "", "plain text is refused again"
        )


@BOTH
def test_a_port_that_is_not_excluded_is_refused(
    installation: Installation, control_plane: Manifest
) -> None:
    assert plain(installation, 8022) == GREETING
    mesh = installation.settings.mesh
    listed = isinstance(mesh, ServiceMesh2)
    left = [8444] if listed else "8444"
    try:
        installation.apply(put(control_plane, mesh.variant.excluded_ports, left))
        installation.until(lambda: not open_after_a_restart(installation), "8022 is refused")
        assert plain(installation, 8444) == GREETING
        severity = "ERROR" if listed else "WARNING"
        assert_found(check(installation), "excluded-ports", "have no client certificate", severity)
    finally:
        installation.apply(control_plane)
        installation.until(lambda: open_after_a_restart(installation), "8022 is open again")


def open_after_a_restart(installation: Installation) -> bool:
    """Let the pod be injected into anew, and say whether 8022 passes its sidecar by."""
    installation.restart("default")
    return plain(installation, 8022) == GREETING


def test_without_the_label_no_gateway_listens(
    installation: Installation, control_plane: Manifest
) -> None:
    labels = {"knative": "another"}
    installation.apply(put(control_plane, SERVICE_MESH_2.ingress_labels, labels))
    installation.until(
        lambda: (
            installation.gateway_pod.labels.get("knative") == "another"
            and bool(installation.gateway_proxy.listening())
        ),
        "the gateway runs with the new label",
    )
    ports = {address.rpartition(":")[2] for address in installation.gateway_proxy.listening()}
    assert not ports & {"8443", "8081"}
    assert installation.curl().code != 0
    assert_found(check(installation), "gateway-selector", "they configure nothing")


@BOTH
def test_a_request_in_flight_is_cut_by_a_drain_that_is_too_short(
    installation: Installation, control_plane: Manifest
) -> None:
    mesh = installation.settings.mesh
    try:
        installation.apply(put(control_plane, mesh.variant.drain, "1s"))
        installation.until(lambda: drains(installation, "1s"), "the gateway has the new settings")
        installation.until(installation.answers, "the documentation's curl answers")
        assert_found(
            check(installation), "drain-outlasts-serving", "drops the requests still on their way"
        )
        assert cut(installation)
    finally:
        installation.apply(control_plane)
        installation.until(
            lambda: drains(installation, mesh.drain_duration), "the gateway has its settings again"
        )


def drains(installation: Installation, duration: str) -> bool:
    """Say whether the gateway drains for so long; one that others deploy is made anew for it."""
    settings = installation.gateway_proxy.order.environment["PROXY_CONFIG"]
    found = f'"{duration}"' in settings
    if not found and not isinstance(installation.settings.mesh, ServiceMesh2):
        installation.restart(installation.settings.mesh.ingress.namespace)
    return found


def cut(installation: Installation) -> bool:
    """Let the gateway end while a request is on its way, and say whether that got no answer."""
    application = installation.pod.application
    answers: list[Answer] = []
    request = threading.Thread(
        target=lambda: answers.append(installation.curl(installation.url + HELD_PATH))
    )
    request.start()
    try:
        assert application.held.acquire(timeout=10), "the request did not arrive"
        installation.gateway_proxy.terminate()
        installation.gateway_proxy.wait(10)
        request.join()
    finally:
        application.release.set()
        request.join()
        application.release.clear()
    return answers[0].code != 0
