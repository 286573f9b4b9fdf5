"""A live cluster, as it would be with what is declared over it."""

from collections.abc import Sequence, Set
from pathlib import Path

from mesh_policy.documented.kinds import Kind
from mesh_policy.reading.objects import Given
from mesh_policy.rule import Rule
from mesh_policy.world import World


class ClusterError(Exception):
    """The cluster can't be read; the message says of which kubeconfig, and why."""


def over_cluster(
    declared: Sequence[Given],
    rules: Sequence[Rule],
    kubeconfig: Path | None,
    context: str | None,
    mesh: str | None,
    also: Set[Kind] = frozenset(),
) -> World:
    """Return the cluster as it would be with what is declared.

    What the rules read is read, and all objects of the kinds in `also`.

    Raises:
        ClusterError: it can't be read.
    """
    # It takes long to import, and files need none of it.
    from mesh_policy.observe import Observation, ObserveError, followed, observe

    def overlaid(seen: Observation) -> World:
        return World.of(
            declared,
            seen.objects,
            unread=seen.unread,
            unseen=seen.unseen,
            complete=True,
            mesh=mesh,
        )

    kinds = {kind for rule in rules for kind in rule.kinds | rule.check_only} | also
    try:
        seen = observe(kinds, str(kubeconfig) if kubeconfig else None, context)
    except ObserveError as error:
        which = f"--kubeconfig {kubeconfig}: " if kubeconfig else ""
        raise ClusterError(f"{which}{error}") from None
    return followed(rules, seen, overlaid)[1]
