"""What is there already and is not the stack's is not taken over."""

from collections.abc import Iterator

from policy.model import Finding, Rule, Severity, Unread
from policy.names import ADOPTED, ASSUMPTIONS, MESH_KINDS
from policy.ownership import import_of, writers
from policy.world import World


def check(world: World) -> Iterator[Finding]:
    """Judge what a stack declares by what the cluster has and the stack's state does not."""
    if world.owned is None:
        return
    for ref in sorted(world.made - world.owned):
        if ref in world.unseen:
            yield Unread(ref, "", world.unseen[ref])
        item, there = world.by_key[ref], world.running.get(ref)
        if there is None or ref.kind in ADOPTED:
            continue
        by = f", written by {', '.join(who)}" if (who := writers(there.body)) else ""
        yield item.breaks(
            "",
            f"an object that is there already and is not of this stack{by}",
            f"one of the stack's own: if it is yours, `{import_of(item.ref.source, ref)}`",
        )


RULE = Rule(
    id="nothing-taken-over",
    title="Nothing that others made is taken over",
    severity=Severity.ERROR,
    why=(
        "Until 4.29 the Kubernetes plugin takes over an object that exists: what others have set "
        "is overwritten, and destroying the stack deletes it. Later ones stop in the middle of the "
        "update."
    ),
    remedy=(
        "Import what is yours into the stack, let the stack use what is others' (existingMesh, "
        "wildcardFrom), or choose other names. Namespaces and memberships are used as they are."
    ),
    section=ASSUMPTIONS,
    kinds=MESH_KINDS,
    check=check,
    harmful=True,
    of_updates=True,
)
