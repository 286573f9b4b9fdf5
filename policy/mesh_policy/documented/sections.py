"""The sections of the documentation, each with its address."""

from typing import Final, NamedTuple

_CHAPTER: Final = (
    "https://docs.redhat.com/en/documentation/red_hat_openshift_serverless/1.37/html/integrations/"
    "integrating-service-mesh"
)


_MESH_3: Final = "https://docs.redhat.com/en/documentation/red_hat_openshift_service_mesh/3.2/html"


class Section(NamedTuple):
    """A section of Red Hat's documentation of Serverless or Service Mesh 3, or of Istio's."""

    title: str
    url: str

    def __str__(self) -> str:
        return self.title


def _section(title: str, anchor: str) -> Section:
    return Section(title, f"{_CHAPTER}#{anchor}")


_INTEGRATING: Final = "serverless-ossm-setup_integrating-ossm-with-serverless"

ASSUMPTIONS: Final = _section(
    "Integrating Service Mesh with OpenShift Serverless", "serverless-ossm-setup"
)
PREREQUISITES: Final = _section("Verifying installation prerequisites", _INTEGRATING)
CERTIFICATE_SECTION: Final = _section(
    "Creating a certificate to encrypt incoming external traffic",
    "serverlesss-ossm-external-certs_serverless-ossm-setup",
)
MESH_SECTION: Final = _section("Installing and configuring Service Mesh", _INTEGRATING)
SERVERLESS_SECTION: Final = _section("Installing and configuring Serverless", _INTEGRATING)
VERIFICATION_SECTION: Final = _section("Verifying the integration", _INTEGRATING)
METRICS_SECTION: Final = _section(
    "Enabling Knative Serving and Knative Eventing metrics when using Service Mesh with mTLS",
    "serverless-ossm-enabling-serving-metrics_serverless-ossm-setup",
)
NETWORK_POLICIES_SECTION: Final = _section(
    "Disabling the default network policies",
    "serverless-ossm-disabling-network-policies_serverless-ossm-setup",
)
FILTERING_SECTION: Final = _section(
    "Improving net-istio memory usage by using secret filtering for Service Mesh",
    "serverless-ossm-secret-filtering-net-istio_serverless-ossm-setup",
)
INJECTION_SECTION: Final = Section(
    "Sidecar injection", f"{_MESH_3}/installing/ossm-sidecar-injection"
)
SEVERAL_MESHES_SECTION: Final = Section(
    "Deploying multiple service meshes on a single cluster",
    f"{_MESH_3}/installing/ossm-deploying-multiple-service-meshes-on-single-cluster",
)
CNI_SECTION: Final = Section(
    "Updating the Istio CNI", f"{_MESH_3}/updating/ossm-updating-istio-cni"
)
CONNECTION_REUSE: Final = Section(
    "Istio: 404 errors with the same TLS certificate on multiple gateways",
    "https://istio.io/latest/docs/ops/common-problems/network-issues/"
    "#404-errors-occur-when-multiple-gateways-configured-with-same-tls-certificate",
)
