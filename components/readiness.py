"""Why an object did not become ready, in the words of its operator.

The Kubernetes plugin says only that the time is over; the object's conditions say why.
"""

from collections.abc import Mapping
from typing import Any, Final

from mesh_policy.findings import Ref

_WAY_ON: Final = (
    "It is kept. When the cause is gone, run the update again; where it only needs longer, raise "
    "serverless-mesh:readyTimeoutSeconds"
)


def explanation(ref: Ref, found: Mapping[str, Any] | None) -> str:
    """Say what the conditions of an object are; `found` is None where it can't be read."""
    if found is None:
        return f"{ref} can't be read: the cluster does not answer, or it is gone. {_WAY_ON}"
    conditions = found.get("status", {}).get("conditions") or []
    lines = [_condition(each) for each in conditions if each.get("status") != "True"]
    said = "; ".join(lines) or "no condition says why. Does its operator run?"
    return f"{ref} is not ready: {said}. {_WAY_ON}"


def _condition(condition: Mapping[str, Any]) -> str:
    why = ": ".join(filter(None, (condition.get("reason"), condition.get("message"))))
    return f"condition {condition['type']} is {condition['status']}" + (f" ({why})" if why else "")
