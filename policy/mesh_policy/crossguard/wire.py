"""Resources as the engine hands them to a policy, turned into what rules read, and back.

The SDK unwraps secrets before it validates, and keeps them before it remediates. Rules must know
what is secret, so both go the second way here.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from pulumi_policy import deserialize, proxy
from pulumi_policy import policy as sdk
from pulumi_policy.secret import Secret as Marked

from mesh_policy.reading.values import UNKNOWN, Secret

_SENTINELS: Final = frozenset(
    value for name, value in vars(proxy).items() if name.startswith("UNKNOWN_")
)


def keep_secrets() -> None:
    """Have the SDK mark the secrets of what it hands to policies of either kind."""

    def marked(props: dict[str, Any], _secrets: bool = True) -> Any:
        return deserialize.deserialize_properties(props, True)

    vars(sdk)["deserialize_properties"] = marked


def raw(value: Any) -> Any:
    """Take the SDK's proxies away; unknown values are its sentinels, secrets are marked."""
    if isinstance(value, Mapping):
        inner = value if isinstance(value, dict) else value["__target"]
        return {key: raw(child) for key, child in inner.items()}
    if isinstance(value, Sequence) and not isinstance(value, str | bytes):
        inner = value if isinstance(value, list) else value["__target"]  # type: ignore[call-overload]
        return [raw(child) for child in inner]
    if isinstance(value, Marked):
        return Marked(raw(value.value))
    return value


def properties(value: Any) -> Any:
    """Turn `raw` values into what rules read: UNKNOWN, and secrets as `Secret`."""
    if isinstance(value, dict):
        return {key: properties(child) for key, child in value.items()}
    if isinstance(value, list):
        return [properties(child) for child in value]
    if isinstance(value, Marked):
        return Secret(properties(value.value))
    if isinstance(value, str) and value in _SENTINELS:
        return UNKNOWN
    return value


def opened(value: Any) -> Any:
    """Return properties with the secrets' values in their places."""
    if isinstance(value, dict):
        return {key: opened(child) for key, child in value.items()}
    if isinstance(value, list):
        return [opened(child) for child in value]
    return opened(value.value) if isinstance(value, Secret) else value


def holds_secret(value: Any) -> bool:
    """Say whether any part of the properties is a secret."""
    if isinstance(value, dict):
        return any(map(holds_secret, value.values()))
    if isinstance(value, list):
        return any(map(holds_secret, value))
    return isinstance(value, Secret)


def remediated(value: Any, before: Any, after: Any) -> Any:
    """Return the `raw` value with the changes from `before` to `after`, and nothing else changed.

    What did not change stays in the engine's own form: unknown, or marked as a secret.
    """
    if after == before:
        return value
    if isinstance(value, Marked):
        return Marked(remediated(value.value, before, after))
    if isinstance(value, dict) and isinstance(before, Mapping) and isinstance(after, Mapping):
        return {
            key: remediated(value[key], before[key], child) if key in value else _marked(child)
            for key, child in after.items()
        }
    if isinstance(value, list) and isinstance(before, list) and isinstance(after, list):
        known = len(value)
        return [
            remediated(value[index], before[index], child) if index < known else _marked(child)
            for index, child in enumerate(after)
        ]
    return _marked(after)


def _marked(value: Any) -> Any:
    """Mark the secrets in what a rule has put in a new place."""
    if isinstance(value, Mapping):
        return {key: _marked(child) for key, child in value.items()}
    if isinstance(value, list):
        return [_marked(child) for child in value]
    return Marked(_marked(value.value)) if isinstance(value, Secret) else value
