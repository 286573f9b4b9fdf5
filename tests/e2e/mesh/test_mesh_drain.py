"""A gateway that ends: what it has begun is answered first."""

import threading

import pytest

from mesh.installation import BOTH, GREETING, Answer, Installation
from toolchain.mesh.workload import HELD_PATH

pytestmark = [pytest.mark.e2e, pytest.mark.mesh, BOTH]


def test_a_request_in_flight_survives_the_drain_of_the_gateway(
    installation: Installation,
) -> None:
    gateway = installation.gateway_proxy
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
