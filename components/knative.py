"""What KnativeServing and KnativeEventing have in common."""

from typing import Final

from settings import Settings

NO_NETWORK_POLICIES: Final = "serverless.openshift.io/disable-istio-net-policies-generation"


def annotations(settings: Settings) -> dict[str, str]:
    """Return the annotations: no network policies of Serverless where Service Mesh makes none.

    Documentation: "Disabling the default network policies".
    """
    return {} if settings.manage_network_policy else {NO_NETWORK_POLICIES: "true"}


def observability(settings: Settings) -> dict[str, dict[str, str]]:
    """Return the configuration by which metrics stay on under mTLS.

    Documentation: "Enabling Knative Serving and Knative Eventing metrics when using Service Mesh
    with mTLS".
    """
    return (
        {"observability": {"metrics.backend-destination": "prometheus"}} if settings.metrics else {}
    )
