"""Orders to the stand-in, for tests: the config map `operators-stand-in` in `kube-system`.

Its keys are kinds (`KnativeServing`), its values one of `delay: 5s` (of a new generation),
`fail: REASON MESSAGE` and `hold` (never ready). A change takes effect at once.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Self

NAMESPACE: Final = "kube-system"
CONFIG_MAP: Final = "operators-stand-in"


@dataclass(frozen=True)
class Failure:
    """The reason (one word) and the message of a condition that is False."""

    reason: str
    message: str


@dataclass(frozen=True)
class Order:
    """What a kind was told to do; `delay` is in seconds."""

    delay: float = 0
    hold: bool = False
    failure: Failure | None = None

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read an order; one that can't be understood makes its kind fail, so that it is seen."""
        text = text.strip()
        if match := re.fullmatch(r"delay: *(\d+(?:\.\d+)?)s", text):
            return cls(delay=float(match[1]))
        if match := re.fullmatch(r"fail: *(\w+) +(.+)", text, re.DOTALL):
            return cls(failure=Failure(match[1], match[2]))
        if text == "hold":
            return cls(hold=True)
        takes = "`delay: SECONDSs`, `fail: REASON MESSAGE` or `hold`"
        return cls(failure=Failure("OrderNotUnderstood", f"found {text!r}, takes {takes}"))


def orders(data: Mapping[str, str]) -> dict[str, Order]:
    """Read the config map's data: kind to order."""
    return {kind: Order.parse(text) for kind, text in data.items()}
