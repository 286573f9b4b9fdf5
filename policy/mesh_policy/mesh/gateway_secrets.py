"""The secrets from which the ingress gateway serves: istiod reads them where its pods are."""

from collections.abc import Iterable, Iterator

from mesh_policy.documented.kinds import SECRET
from mesh_policy.findings import Ref
from mesh_policy.mesh.knative_gateways import ingress_gateways
from mesh_policy.mesh.mesh import Mesh
from mesh_policy.reading.istio_credentials import (
    AUTHORITY_SUFFIX,
    MUTUAL_MODES,
    credentials,
    secret_name,
    served,
)
from mesh_policy.reading.objects import Object, Objects
from mesh_policy.reading.values import at, items, text
from mesh_policy.reading.x509 import names


def named_secrets(mesh: Mesh | None, gateways: Iterable[Object]) -> Iterator[Ref]:
    """Name the secrets of Gateways, and those of their clients' authorities."""
    if mesh is None:
        return
    here = mesh.ingress.namespace
    for gateway in gateways:
        servers = items(gateway.get("spec", "servers"))
        mutual = any(at(server, "tls", "mode") in MUTUAL_MODES for server in servers)
        for _, credential in credentials(gateway):
            secret = secret_name(credential, here)
            if secret is not None and secret.namespace == here:
                yield Ref(SECRET, *secret)
                if mutual:
                    yield Ref(SECRET, here, f"{secret.name}{AUTHORITY_SUFFIX}")


def secrets_of(objects: Objects, mesh: Mesh | None, name: str) -> list[Object]:
    """Return the secrets of a name from which the ingress gateway may serve.

    It looks in its own namespace; where that is not known, all of that name are returned.
    """
    if mesh is not None:
        found = objects.get(SECRET, mesh.ingress.namespace, name)
        return [found] if found else []
    return [item for item in objects.objects(SECRET) if item.ref.name == name]


def all_served(objects: Objects, mesh: Mesh | None) -> bool:
    """Say whether Knative's ingress Gateways are here with all the secrets that they name."""
    here = mesh.ingress.namespace if mesh else ""
    named = (each for gateway in ingress_gateways(objects) for _, each in credentials(gateway))
    found = [secret for each in named if (secret := secret_name(each, here))]
    return bool(found) and all(secrets_of(objects, mesh, secret.name) for secret in found)


def served_names(objects: Objects, mesh: Mesh | None) -> list[str]:
    """Return the names that the certificates of Knative's ingress Gateways are for, each once."""
    found: dict[str, None] = {}
    for gateway in ingress_gateways(objects):
        for _, credential in credentials(gateway):
            secret = secret_name(credential, mesh.ingress.namespace if mesh else "")
            for item in secrets_of(objects, mesh, secret.name) if secret else ():
                found.update(dict.fromkeys(names(text(served(item.body).certificate))))
    return list(found)
