"""The ingress gateway may read the secrets that its Gateways name."""

from collections.abc import Iterator
from typing import Final

from mesh_policy.documented.kinds import (
    CLUSTER_ROLE,
    CLUSTER_ROLE_BINDING,
    GATEWAY,
    MESH_KINDS,
    ROLE,
    ROLE_BINDING,
)
from mesh_policy.documented.sections import MESH_SECTION
from mesh_policy.findings import Finding, Severity, Undetermined
from mesh_policy.mesh.knative_gateways import ingress_gateways
from mesh_policy.mesh.mesh import Mesh
from mesh_policy.reading.istio_credentials import credentials, secret_name
from mesh_policy.reading.label_selectors import labels
from mesh_policy.reading.objects import Object
from mesh_policy.reading.rbac import Account, Grant, grants, service_account
from mesh_policy.reading.values import UNKNOWN, show
from mesh_policy.rule import Rule
from mesh_policy.world import World

_RBAC: Final = frozenset({ROLE, ROLE_BINDING, CLUSTER_ROLE, CLUSTER_ROLE_BINDING})


def check(world: World) -> Iterator[Finding]:
    """Check the service account of each gateway that somebody deployed for Knative's Gateways."""
    mesh = world.serverless_mesh
    accounts: dict[Account, Object] = {}
    for deployment in _deployments(world, mesh) if mesh else ():
        name = service_account(deployment.get("spec", "template"))
        if name is UNKNOWN:
            yield deployment.unknown("spec.template.spec.serviceAccountName")
        else:
            accounts.setdefault(Account(deployment.ref.namespace, str(name)), deployment)
    for account, deployment in accounts.items():
        if _RBAC.isdisjoint(world.unread):
            yield from _account(world, deployment, account)


def _deployments(world: World, mesh: Mesh) -> Iterator[Object]:
    """List the gateways that serve a secret for one of Knative's Gateways."""
    selectors = [
        labels(gateway.get("spec", "selector"))
        for gateway in ingress_gateways(world)
        if any(secret_name(each, mesh.ingress.namespace) for _, each in credentials(gateway))
    ]
    for item in mesh.deployments:
        carried = labels(item.get("spec", "template", "metadata", "labels"))
        if any(carried and selector and selector <= carried for selector in selectors):
            yield item


def _account(world: World, deployment: Object, account: Account) -> Iterator[Finding]:
    found = list(grants(world, account))
    if any(each.bound and each.lists for each in found):
        return
    needed = f"the right to list secrets in {account.namespace} for {account.user}"
    unsure = [each for each in found if each.bound is not False and each.lists is not False]
    fault = next(_faults(found, needed), None)
    if unsure:
        yield _unsure(unsure[0])
    elif fault is not None:
        yield fault
    elif world.objects(ROLE_BINDING) or world.objects(CLUSTER_ROLE_BINDING) or not world.complete:
        yield from world.missing(ROLE_BINDING, account.namespace, "", needed)
    else:
        # No cluster is without any.
        yield deployment.unsure("spec.template.spec.serviceAccountName", f"{needed} can't be seen")


def _faults(found: list[Grant], needed: str) -> Iterator[Finding]:
    """Say what is wrong with what is evidently meant to give the right: a Role for secrets."""
    for each in found:
        if each.role is None or each.binding.ref.kind != ROLE_BINDING:
            continue
        if each.bound and each.touches:
            yield each.role.breaks(
                "rules",
                f"{show(each.role.get('rules'))}, without list on every secret",
                f"{needed}: the verb list without resourceNames",
                (each.binding.ref,),
            )
        elif each.bound is False and each.lists and each.role.ref.kind == ROLE:
            subjects = show(each.binding.get("subjects"))
            yield each.binding.breaks("subjects", subjects, needed, (each.role.ref,))


def _unsure(grant: Grant) -> Undetermined:
    if grant.role is None:
        return Undetermined(
            grant.role_ref,
            "",
            f"not among the objects given; {grant.binding.ref} gives it to the gateway",
        )
    if grant.bound is None:
        return grant.binding.unsure("subjects", "not known until the update")
    return grant.role.unsure("rules", "not known until the update, or gathered by the cluster")


RULE = Rule(
    id="gateway-reads-secret",
    title="The ingress gateway may read the secrets that its Gateways name",
    severity=Severity.ERROR,
    why=(
        "istiod gives a gateway a secret of its own namespace only, and only if the service "
        "account of its pods may list secrets there. Else port 443 resets every connection."
    ),
    remedy=(
        "Bind a Role with the verbs get, watch and list on secrets to the service account of the "
        "gateway's pods, in their namespace."
    ),
    section=MESH_SECTION,
    kinds=MESH_KINDS | {GATEWAY} | _RBAC,
    check=check,
    in_mesh=True,
)
