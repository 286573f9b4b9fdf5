"""Bootstrap servers of Apache Kafka: `host:port`, `10.0.0.5:9092`, `[fd00::5]:9092`."""

import re
from typing import NamedTuple

from mesh_policy.reading.dns_names import Address, address, is_host

_SERVER = re.compile(r"(?:\[(?P<v6>[^]]*)]|(?P<host>[^:]*))(?::(?P<port>[1-9][0-9]{0,4}))?")


class Server(NamedTuple):
    """Where a broker is. A name is in lower case and has no final dot."""

    host: str | Address
    port: int | None

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in str(self.host) else str(self.host)
        return host if self.port is None else f"{host}:{self.port}"


def parse(text: str) -> Server | None:
    """Return the server that is meant, None where it is none that pods could reach."""
    match = _SERVER.fullmatch(text)
    if match is None:
        return None
    port = int(match["port"]) if match["port"] else None
    if port is not None and port > 65535:
        return None
    if match["v6"] is not None:
        found = address(match["v6"])
        return Server(found, port) if found and found.version == 6 and _reached(found) else None
    name = match["host"].lower().removesuffix(".")
    if (found := address(name)) is not None:
        return Server(found, port) if _reached(found) else None
    return Server(name, port) if is_host(name) else None


def _reached(found: Address) -> bool:
    """Say whether a pod reaches another machine by the address."""
    return not (found.is_unspecified or found.is_loopback or found.is_multicast)
