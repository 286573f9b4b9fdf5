"""How a proxy is told to drain, as Istio's agent reads it.

The annotation of a pod is laid over what the mesh has. A proxy with the variable set ends when its
last connection has, however long it is told to drain.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from mesh_policy.reading.documents import DocumentError, parse
from mesh_policy.reading.durations import seconds
from mesh_policy.reading.values import UNKNOWN, at, text, truth

ANNOTATION: Final = "proxy.istio.io/config"
DRAIN: Final = "terminationDrainDuration"
PROTO_DRAIN: Final = "termination_drain_duration"
"""The same field, as its proto file names it."""
_METADATA: Final = "proxyMetadata"
_UNTIL_IDLE: Final = "EXIT_ON_ZERO_ACTIVE_CONNECTIONS"
_WORD: Final = re.compile("_([a-z])")


@dataclass(frozen=True)
class Draining:
    """How long a proxy drains, as written, and whether it waits for its connections instead."""

    duration: Any
    until_idle: bool | None

    def outlasts(self, length: float) -> bool | None:
        """Say whether it drains longer; None: not known."""
        if self.until_idle:
            return True
        if self.duration is UNKNOWN or self.until_idle is None:
            return None
        lasts = self.seconds
        return lasts is not None and lasts > length

    @property
    def seconds(self) -> float | None:
        """The seconds of the drain, None where it is no duration."""
        return seconds(text(self.duration))


def by_json_names(config: Any) -> Any:
    """Return a ProxyConfig with its fields by their names in JSON.

    Istio takes the names of the proto file, too; of a field that is there by both, JSON's counts.
    """
    if not isinstance(config, Mapping):
        return config
    return {**{_json_name(key): value for key, value in config.items()}, **config}


def _json_name(key: Any) -> Any:
    return _WORD.sub(lambda word: word[1].upper(), key) if isinstance(key, str) else key


def draining(config: Any, below: Draining | None = None) -> Draining:
    """Return how proxies with this ProxyConfig drain, laid over another one."""
    duration, waits = at(config, DRAIN), at(config, _METADATA, _UNTIL_IDLE)
    until_idle = None if waits is UNKNOWN else truth(waits) is True
    if below is None:
        return Draining(duration, until_idle)
    return Draining(
        below.duration if duration is None else duration,
        below.until_idle if waits is None else until_idle,
    )


def annotated(annotations: Any, below: Draining) -> Draining | None:
    """Return how the proxy of a pod with these annotations drains.

    None: the annotation can't be read, so that the pod is refused.
    """
    written = at(annotations, ANNOTATION)
    if written is None:
        return below
    if written is UNKNOWN:
        return Draining(UNKNOWN, None)
    try:
        config = parse(text(written))
    except DocumentError:
        return None
    if not isinstance(config, Mapping | None):
        return None
    return draining(by_json_names(config), below)
