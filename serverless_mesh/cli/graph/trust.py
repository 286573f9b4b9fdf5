"""Who may call whom: the mode of mTLS of each namespace and workload, and AuthorizationPolicies."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

from mesh_policy.authentications import authentications
from mesh_policy.documented.kinds import AUTHORIZATION_POLICY
from mesh_policy.mesh.mesh import Mesh
from mesh_policy.reading.objects import Object
from mesh_policy.reading.peer_authentication import Authentication, Scope
from mesh_policy.reading.values import UNKNOWN, at, items, mapping, strings, text
from mesh_policy.world import World
from serverless_mesh.cli.graph.model import Way, listed

_WAYS = {"STRICT": Way.MUTUAL, "PERMISSIVE": Way.EITHER, "DISABLE": Way.PLAIN}
_FEW = 2


@dataclass(frozen=True)
class Trust:
    """How pods take calls: in the mesh, by namespace, and where a workload has it otherwise."""

    mesh: Mesh | None
    general: Any
    by_namespace: Mapping[str, Any]
    exceptions: Mapping[str, Sequence[Authentication]]
    policies: Mapping[str, Sequence[Object]]

    @classmethod
    def of(cls, world: World) -> Self:
        """Read it, as istiod composes it."""
        mesh = world.serverless_mesh
        general = _by_control_plane(mesh)
        by_namespace: dict[str, Any] = {}
        exceptions: dict[str, list[Authentication]] = defaultdict(list)
        for each in authentications(world):
            # Of several whose ages are not known, nobody can tell which one counts.
            mode = each.mode if each.certain else UNKNOWN
            if each.scope is Scope.WORKLOAD:
                exceptions[each.item.ref.namespace].append(each)
            elif mode is not None and each.scope is Scope.MESH:
                general = mode
            elif mode is not None:
                by_namespace[each.item.ref.namespace] = mode
        policies: dict[str, list[Object]] = defaultdict(list)
        for item in world.objects(AUTHORIZATION_POLICY):
            policies[item.ref.namespace].append(item)
        return cls(mesh, general, by_namespace, exceptions, policies)

    def way(self, namespace: str) -> Way:
        """Say how the pods of a namespace take calls, those of workloads of their own left out."""
        inside = self.mesh.has(namespace) if self.mesh else False
        if inside is False:
            return Way.PLAIN
        mode = self.by_namespace.get(namespace, self.general)
        if inside is None or mode is UNKNOWN:
            return Way.UNKNOWN
        return _WAYS.get(text(mode), Way.EITHER)

    def lines(self, namespace: str) -> Iterator[str]:
        """Say whether a namespace is in the mesh, and who may call its pods."""
        inside = self.mesh.has(namespace) if self.mesh else False
        if inside is None:
            yield "whether it is in the mesh is not known"
        elif not inside:
            yield "not in the mesh: plaintext"
        else:
            way = self.way(namespace)
            mode = next((mode for mode, each in _WAYS.items() if each is way), "not known")
            yield f"in the mesh, mTLS {mode}"
        for each in self.exceptions.get(namespace, ())[:_FEW]:
            yield f"{_selected(each)}: {_modes(each)}"
        found = self.policies.get(namespace, ())
        for item in found[:_FEW]:
            yield f"{item.ref.name}: {_allowance(item)}"
        if len(found) > _FEW:
            yield f"and {len(found) - _FEW} more AuthorizationPolicies"


def _by_control_plane(mesh: Mesh | None) -> Any:
    """Return the mode that the control plane has an operator set for the whole mesh."""
    if mesh is None or mesh.control_plane is None:
        return UNKNOWN
    if not mesh.variant.mtls:
        return None
    strict = mesh.applied(mesh.variant.mtls)
    return UNKNOWN if strict is UNKNOWN else "STRICT" if strict is True else "PERMISSIVE"


def _selected(found: Authentication) -> str:
    labels = mapping(found.item.get("spec", "selector", "matchLabels"))
    return listed([f"{key}={labels[key]}" for key in labels], 1)


def _modes(found: Authentication) -> str:
    written = []
    for _, mode, port in found.modes():
        if mode is not None:
            shown = "not known" if mode is UNKNOWN else text(mode)
            written.append(shown if port is None else f"{shown} on {port}")
    return ", ".join(written) or "as its namespace"


def _allowance(policy: Object) -> str:
    """Say what an AuthorizationPolicy does: whom it lets in, or keeps out."""
    rules, action = policy.get("spec", "rules"), policy.get("spec", "action")
    if rules is UNKNOWN or action is UNKNOWN:
        return "not known"
    said = text(action) or "ALLOW"
    if not items(rules):
        return "ALLOW nobody" if said == "ALLOW" else f"{said} by no rule"
    callers: dict[str, None] = {}
    for rule in items(rules):
        sources = [at(each, "source") for each in items(at(rule, "from"))]
        named = [
            name
            for source in sources
            for field in ("namespaces", "principals", "serviceAccounts")
            for name in strings(at(source, field))
        ]
        callers.update(dict.fromkeys(named or ["anybody" if not sources else "some"]))
    conditions = any(at(rule, "to") or at(rule, "when") for rule in items(rules))
    return f"{said} {listed(list(callers), 3)}{', on conditions' if conditions else ''}"
