"""Clients inside the mesh, and those that would be."""

import http.client
import socket
import ssl

from cryptography import x509

from mesh.installation import Installation
from toolchain.mesh.router import Address, endpoint

LOCAL_HOST = "hello.default.svc.cluster.local"


def local_gateway(installation: Installation) -> Address:
    """Return where the Service of the local gateway leads to."""
    namespace = installation.settings.mesh.ingress.namespace
    service = installation.mesh.objects.find("v1", "Service", "knative-local-gateway", namespace)
    assert service is not None
    found = endpoint(service, 80, installation.mesh.kubelet.addresses())
    assert found is not None
    return found


def mesh_client(installation: Installation) -> ssl.SSLContext:
    """Return a TLS client with the certificate of the workload, as istiod issued it."""
    folder = installation.sidecar.workload_certificates
    context = ssl.create_default_context(cafile=str(folder / "root-cert.pem"))
    # Mesh identities are SPIFFE URIs, checked in `ask`.
    context.check_hostname = False
    context.load_cert_chain(folder / "cert-chain.pem", folder / "key.pem")
    return context


def ask(address: Address, context: ssl.SSLContext | None, host: str) -> tuple[str, list[str]]:
    """Send one request; return the answer's text and the server's identities."""
    with socket.create_connection(address, timeout=10) as plain:
        stream = context.wrap_socket(plain) if context else plain
        connection = http.client.HTTPConnection(host)
        connection.sock = stream
        connection.request("GET", "/", headers={"Host": host})
        text = connection.getresponse().read().decode()
        if not isinstance(stream, ssl.SSLSocket):
            return text, []
        certificate = stream.getpeercert(binary_form=True)
        assert certificate is not None
        names = x509.load_der_x509_certificate(certificate).extensions.get_extension_for_class(
            x509.SubjectAlternativeName
        )
        stream.close()
        return text, names.value.get_values_for_type(x509.UniformResourceIdentifier)
