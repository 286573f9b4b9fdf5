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
    ports = control_plane["spec"]["proxy"]["networking"]["trafficControl"]["inbound"]
    try:
        installation.apply(control_plane)
        installation.until(lambda: not open_after_a_restart(installation), "8022 is refused")
        assert plain(installation, 8444) == GREETING
    finally:
        ports["excludedPorts"] = list(installation.settings.mesh.excluded_ports)
        installation.apply(control_plane)
        installation.until(lambda: open_after_a_restart(installation), "8022 is open again")


def open_after_a_restart(installation: Installation) -> bool:
    """Let the pod be injected into anew, and say whether 8022 passes its sidecar by."""
    installation.restart("default")
    return plain(installation, 8022) == GREETING


def test_without_the_label_no_gateway_listens(
    installation: Installation, control_plane: Manifest
) -> None:
    control_plane["spec"]["gateways"]["ingress"]["service"]["metadata"]["labels"] = {
        "knative": "another"
    }
    installation.apply(control_plane)
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


def test_a_request_in_flight_is_cut_by_a_drain_that_is_too_short(
    installation: Installation, control_plane: Manifest
) -> None:
    control_plane["spec"]["techPreview"]["meshConfig"]["defaultConfig"][
        "terminationDrainDuration"
    ] = "1s"
    installation.apply(control_plane)
    installation.until(
        lambda: '"1s"' in installation.gateway_proxy.order.environment["PROXY_CONFIG"],
        "the gateway runs with the new settings",
    )
    installation.until(installation.answers, "the documentation's curl answers")
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
    assert answers[0].code != 0
