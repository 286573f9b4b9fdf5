"""Durations as Go and Istio write them: `35s`, `1m5s`, `1.5h`, `35000ms`."""

import re
from typing import Final

_UNITS: Final = {
    "h": 3600.0,
    "m": 60.0,
    "s": 1.0,
    "ms": 1e-3,
    "us": 1e-6,
    "µs": 1e-6,
    "μs": 1e-6,
    "ns": 1e-9,
}
_PART: Final = re.compile(r"(\d+\.?\d*|\.\d+)(ns|us|µs|μs|ms|s|m|h)", re.ASCII)
_LONGEST: Final = 2**63 / 1e9
"""Go counts nanoseconds in 64 bits: some 292 years."""
_WHOLE: Final = re.compile(rf"[-+]?(?:{_PART.pattern})+", re.ASCII)


def seconds(duration: str) -> float | None:
    """Return the seconds of a duration, None for what is none, or too long for Go.

    Only `0` needs no unit.
    """
    if duration in ("0", "+0", "-0"):
        return 0.0
    if len(duration) > 100 or not _WHOLE.fullmatch(duration):
        return None
    sign = -1 if duration.startswith("-") else 1
    total = sum(float(size) * _UNITS[unit] for size, unit in _PART.findall(duration))
    return sign * total if total < _LONGEST else None
