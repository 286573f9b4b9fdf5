"""Objects that hold other objects, which are no cluster's before somebody takes them out.

Of a template, parameters are still missing; what a policy has are parts of objects, and a work is
for another cluster than the one that it is in itself.
"""

import shlex
from collections.abc import Iterator, Mapping
from typing import Any, Final

from mesh_policy.documented.kinds import Kind
from mesh_policy.reading.objects import kind_of
from serverless_mesh.cli.manifests import STANDARD_INPUT

_CLUSTER: Final = "`serverless-mesh check --context <cluster>`"
_TEMPLATE: Final = (
    "an OpenShift Template, to be checked as it is rendered: "
    "`oc process -f {file} --local -o yaml | serverless-mesh check -f -`"
)
_POLICY: Final = f"a {{kind}}, to be checked on a cluster that it is enforced on: {_CLUSTER}"
_OTHERS: Final = (
    f"a {{kind}}, of which the objects at {{path}} are to be checked as their own cluster's: by "
    f"themselves, or there: {_CLUSTER}"
)
_WORKS: Final = "work.open-cluster-management.io"
_POLICIES: Final = "policy.open-cluster-management.io"
_HIVE: Final = "hive.openshift.io"
_WRAPPERS: Final[Mapping[Kind, tuple[str, str]]] = {
    Kind("template.openshift.io", "Template"): (_TEMPLATE, ""),
    Kind(_POLICIES, "Policy"): (_POLICY, ""),
    Kind(_POLICIES, "ConfigurationPolicy"): (_POLICY, ""),
    Kind(_WORKS, "ManifestWork"): (_OTHERS, "spec.workload.manifests"),
    Kind(_WORKS, "ManifestWorkReplicaSet"): (
        _OTHERS,
        "spec.manifestWorkTemplate.workload.manifests",
    ),
    Kind(_HIVE, "SyncSet"): (_OTHERS, "spec.resources"),
    Kind(_HIVE, "SelectorSyncSet"): (_OTHERS, "spec.resources"),
}
"""How each is checked, and where the objects stand that need nothing but to be taken out."""


def without_wrappers(body: Any) -> tuple[Any, list[Kind]]:
    """Return an object, or a list of them, without wrappers, and the kinds of these.

    None: nothing is left.
    """
    if not isinstance(body, Mapping):
        return body, []
    kind = kind_of(body)
    if kind in _WRAPPERS:
        return None, [kind]
    items = body.get("items")
    if not kind.name.endswith("List") or not isinstance(items, list):
        return body, []
    single = kind._replace(name=kind.name.removesuffix("List"))
    if single in _WRAPPERS:
        return None, [single] * bool(items)
    parts = [without_wrappers(each) for each in items]
    found = [each for _, kinds in parts for each in kinds]
    if not found:
        return body, []
    left = [part for part, kinds in parts if part is not None or not kinds]
    return ({**body, "items": left} if left else None), found


def lines(kinds: list[Kind], name: str, place: str) -> Iterator[str]:
    """Say of each kind of wrappers once how they are checked: what is called `name` has them."""
    file = "-" if name == STANDARD_INPUT else shlex.quote(name)
    for kind in dict.fromkeys(kinds):
        how, path = _WRAPPERS[kind]
        yield f"{place}: it is {how.format(kind=kind.name, file=file, path=path)}"
