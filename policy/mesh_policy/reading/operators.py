"""Which operators are installed: their ClusterServiceVersions and subscriptions."""

from collections.abc import Iterator
from typing import Final

from mesh_policy.documented.kinds import OPERATOR_VERSION, SUBSCRIPTION
from mesh_policy.documented.names import SERVERLESS_PACKAGE
from mesh_policy.documented.variants import Version, version_of
from mesh_policy.reading.objects import Object, Objects
from mesh_policy.reading.values import text

_COPIED: Final = "olm.copiedFrom"
"""Label of a copy, which the operator lifecycle manager puts into each watched namespace."""
_LEAVING: Final = ("Replacing", "Deleting")


def installed(objects: Objects, package: str) -> Iterator[Object]:
    """List the ClusterServiceVersions of a package, without copies and what is being replaced."""
    for item in objects.objects(OPERATOR_VERSION):
        leaving = item.get("status", "phase") in _LEAVING
        named = item.ref.name.partition(".")[0] == package
        if named and not leaving and _COPIED not in item.labels:
            yield item


def subscriptions(objects: Objects, package: str) -> list[Object]:
    """Return the subscriptions to a package."""
    return [item for item in objects.objects(SUBSCRIPTION) if item.get("spec", "name") == package]


def is_there(objects: Objects, package: str) -> bool:
    """Say whether an operator is installed, or subscribed to."""
    return bool(subscriptions(objects, package)) or any(installed(objects, package))


def written_version(item: Object) -> str:
    """Return the version that a ClusterServiceVersion gives, in itself or in its name."""
    return text(item.get("spec", "version")) or item.ref.name.partition(".v")[2]


def version(objects: Objects, package: str) -> Version | None:
    """Return the version of an operator; None where it is not known, or where two differ."""
    found = {version_of(written_version(item)) for item in installed(objects, package)}
    return found.pop() if len(found) == 1 else None


def serverless_version(objects: Objects) -> Version | None:
    """Return the version of Serverless, as (1, 37); None where it is not known."""
    return version(objects, SERVERLESS_PACKAGE)
