"""Stand-in for the official plugin `random`: RandomUuid."""

import uuid
from typing import Any, Final

from toolchain.providers.logical import Kind, LogicalProvider, Outcome, serve


def _uuid(text: str) -> Outcome:
    result = str(uuid.UUID(text))
    return result, {"result": result}


def _keepers(value: Any) -> None:
    if not isinstance(value, dict) or not all(isinstance(text, str) for text in value.values()):
        raise ValueError("takes a mapping of texts")


KINDS: Final = {
    "random:index/randomUuid:RandomUuid": Kind(
        inputs={"keepers": _keepers},
        outputs=("result",),
        compute=lambda _: _uuid(str(uuid.uuid4())),
        optional=frozenset({"keepers"}),
        imported=_uuid,
    )
}

if __name__ == "__main__":
    serve(LogicalProvider("random", KINDS))
