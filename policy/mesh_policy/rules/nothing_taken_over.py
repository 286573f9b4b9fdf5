"""What is there already and is not the stack's is not taken over."""

from collections.abc import Iterator

from mesh_policy.documented.kinds import ADOPTED, MESH_KINDS
from mesh_policy.documented.sections import ASSUMPTIONS
from mesh_policy.findings import Finding, Severity
from mesh_policy.reading.ownership import import_of, writers
from mesh_policy.rule import Rule
from mesh_policy.world import World


def check(world: World) -> Iterator[Finding]:
    """Check what a stack declares by what the cluster has and the stack's state does not."""
    if world.owned is None:
        return
    for ref in sorted(world.made - world.owned):
        item, there = world.by_key[ref], world.running.get(ref)
        if ref.kind in ADOPTED:
            continue
        if ref in world.unseen:
            yield item.breaks(
                "", f"not to be looked for: {world.unseen[ref]}", "the right to get it"
            )
        if there is None:
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
        "Import what is yours into the stack, let the stack use what is others' (mesh.existing, "
        "certificate.from), or choose other names. Namespaces and memberships are used as they are."
    ),
    section=ASSUMPTIONS,
    kinds=MESH_KINDS,
    check=check,
    harmful=True,
    exemptible=False,
    of_updates=True,
)
