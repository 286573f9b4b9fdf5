"""The PeerAuthentications that count in the mesh of Serverless."""

from collections.abc import Iterator

from mesh_policy.documented.kinds import PEER_AUTHENTICATION
from mesh_policy.reading.ages import Ages
from mesh_policy.reading.peer_authentication import Authentication, counting
from mesh_policy.world import World


def authentications(world: World) -> Iterator[Authentication]:
    """List what counts in Serverless's mesh; what another mesh has for itself does not."""
    own = world.serverless_mesh
    if world.is_plain or (own is None and world.meshes):
        return
    root = own.root if own else ""
    items = (
        item
        for item in world.objects(PEER_AUTHENTICATION)
        if item.ref.namespace == root
        or own is None
        or (
            item.ref.namespace not in world.elsewhere and own.reads(item.ref.namespace) is not False
        )
    )
    yield from counting(items, root, Ages(world.running))
