"""The secrets from which gateways serve, and the domain that they are for."""

import base64
import binascii
from collections.abc import Iterator
from typing import Any

from mesh_policy.documented.kinds import INGRESS_CONFIG, SECRET, SERVING
from mesh_policy.documented.names import INGRESS_GATEWAY
from mesh_policy.findings import Ref
from mesh_policy.reading.knative import config
from mesh_policy.reading.objects import Object
from mesh_policy.reading.values import UNKNOWN, at, has_unknown, items, mapping, text
from mesh_policy.world import World, knative_gateway


def credentials(gateway: Object) -> Iterator[tuple[str, Any]]:
    """List the names of the secrets of a Gateway's servers with their paths."""
    for index, server in enumerate(items(gateway.get("spec", "servers"))):
        tls, path = at(server, "tls"), f"spec.servers[{index}].tls"
        yield f"{path}.credentialName", at(tls, "credentialName")
        for position, name in enumerate(items(at(tls, "credentialNames"))):
            yield f"{path}.credentialNames[{position}]", name


def serving_secrets(world: World, name: str = INGRESS_GATEWAY) -> Iterator[Ref]:
    """Name the secrets of one of Knative's Gateways, where the ingress gateway looks for them."""
    mesh, gateway = world.serverless_mesh, knative_gateway(world, name)
    for _, secret in credentials(gateway) if mesh and gateway else ():
        if mesh and text(secret):
            yield Ref(SECRET, mesh.ingress.namespace, secret)


def gateway_secrets(world: World, name: str) -> list[Object]:
    """Return the secrets of that name from which the ingress gateway may serve.

    It looks in its own namespace; where that is not known, all of that name are returned.
    """
    mesh = world.serverless_mesh
    if mesh is not None:
        found = world.get(SECRET, mesh.ingress.namespace, name)
        return [found] if found else []
    return [item for item in world.objects(SECRET) if item.ref.name == name]


def entry(secret: Object, *keys: str) -> Any:
    """Return the first of the entries that is there, decoded: None if none, UNKNOWN if not known.

    An entry that is no text in base64 counts as an empty one.
    """
    for key in keys:
        plain, coded = secret.get("stringData", key), secret.get("data", key)
        if plain is UNKNOWN or coded is UNKNOWN:
            return UNKNOWN
        if isinstance(plain, str):
            return plain
        if coded is not None:
            return decoded(coded)
    return None


def decoded(coded: Any) -> str:
    """Decode a text in base64; anything else is an empty text."""
    try:
        return base64.b64decode(text(coded)).decode("utf-8", "replace")
    except (binascii.Error, ValueError):
        return ""


def apps_domain(world: World) -> Any:
    """Return the domain of the cluster's applications: None where it is not known, or UNKNOWN.

    The cluster's own comes first, then the one that KnativeServing is set to.
    """
    for item in world.objects(INGRESS_CONFIG):
        domain = item.get("spec", "domain")
        if domain is UNKNOWN or text(domain):
            return domain
    for serving in world.objects(SERVING):
        domains = config(serving, "domain")
        if has_unknown(domains):
            return UNKNOWN
        for domain, selector in domains.items():
            named = text(domain) and not domain.startswith("_")
            if named and not text(selector).strip() and not mapping(selector):
                return domain
    return None
