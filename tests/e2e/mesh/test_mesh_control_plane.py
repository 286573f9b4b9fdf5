"""Each documented field of the control plane decides about traffic: a wrong one breaks it."""

import contextlib
import http.client
import threading

import pytest

from mesh.conftest import Keep
from mesh.installation import GREETING, Answer, Installation, Manifest
from toolchain.mesh.knative_routing import QUEUE_PROXY_PORT
from toolchain.mesh.workload import HELD_PATH

pytestmark = [pytest.mark.e2e, pytest.mark.mesh]


@pytest.fixture
def control_plane(installation: Installation, keep: Keep) -> Manifest:
    """Return the ServiceMeshControlPlane; it is put back after the test."""
    settings = installation.settings
    return keep(
        "maistra.io/v2",
        "ServiceMeshControlPlane",
        settings.mesh.name,
        settings.mesh.namespace,
    )


def plain(installation: Installation, port: int) -> str:
    """Ask the pod in plain text; empty when it is refused."""
    connection = http.client.HTTPConnection(installation.pod.address, port, timeout=10)
    with contextlib.suppress(http.client.HTTPException, ConnectionError):
        connection.request("GET", "/")
        return connection.getresponse().read().decode()
    return ""


def test_without_mtls_plain_text_is_let_in(
    installation: Installation, control_plane: Manifest
) -> None:
    assert plain(installation, QUEUE_PROXY_PORT) == ""
    control_plane["spec"]["security"]["dataPlane"]["mtls"] = False
    installation.apply(control_plane)
    installation.until(
        lambda: plain(installation, QUEUE_PROXY_PORT) == GREETING, "plain text is let in"
    )


def test_a_port_that_is_not_excluded_is_refused(
    installation: Installation, control_plane: Manifest
) -> None:
    assert plain(installation, 8022) == GREETING
    control_plane["spec"]["proxy"]["networking"]["trafficControl"]["inbound"]["excludedPorts"] = [
        8444
    ]
    installation.apply(control_plane)
    installation.until(installation.answers, "the mesh runs with the new settings")
    assert plain(installation, 8444) == GREETING
    assert plain(installation, 8022) == ""


def test_without_the_label_no_gateway_listens(
    installation: Installation, control_plane: Manifest
) -> None:
    control_plane["spec"]["gateways"]["ingress"]["service"]["metadata"]["labels"] = {
        "knative": "another"
    }
    installation.apply(control_plane)
    installation.until(
        lambda: bool(installation.control_plane.gateway.listening()),
        "the gateway runs with the new label",
    )
    assert installation.gateway[1] == 8443
    ports = {
        address.rpartition(":")[2] for address in installation.control_plane.gateway.listening()
    }
    assert not ports & {"8443", "8081"}
    assert installation.curl().code != 0


def test_a_request_in_flight_survives_the_drain_of_the_gateway(
    installation: Installation,
) -> None:
    gateway = installation.control_plane.gateway
    application = installation.pod.application
    answers: list[Answer] = []
    request = threading.Thread(
        target=lambda: answers.append(installation.curl(installation.url + HELD_PATH))
    )
    request.start()
    try:
        assert application.held.acquire(timeout=10), "the request did not arrive"
        gateway.terminate()
        period = installation.settings.mesh.drain_duration
        installation.mesh.until(
            lambda: f"Graceful termination period is {period}" in gateway.log.read_text("utf-8"),
            10,
            f"the gateway drains for {period}",
        )
    finally:
        application.release.set()
        request.join()
        application.release.clear()
    assert answers == [Answer(0, GREETING, "")]
    gateway.stop()
    installation.until(installation.answers, "the next gateway answers")


def test_a_request_in_flight_is_cut_by_a_drain_that_is_too_short(
    installation: Installation, control_plane: Manifest
) -> None:
    control_plane["spec"]["techPreview"]["meshConfig"]["defaultConfig"][
        "terminationDrainDuration"
    ] = "1s"
    installation.apply(control_plane)
    installation.until(installation.answers, "the mesh runs with the new settings")
    application = installation.pod.application
    answers: list[Answer] = []
    request = threading.Thread(
        target=lambda: answers.append(installation.curl(installation.url + HELD_PATH))
    )
    request.start()
    try:
        assert application.held.acquire(timeout=10), "the request did not arrive"
        installation.control_plane.gateway.terminate()
        installation.control_plane.gateway.wait(10)
        request.join()
    finally:
        application.release.set()
        request.join()
        application.release.clear()
    assert answers[0].code != 0
