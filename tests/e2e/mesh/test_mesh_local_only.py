"""The mesh is for this machine only, and leaves nothing behind."""

import ipaddress
from pathlib import Path

import pytest

from mesh.installation import BOTH, Installation

pytestmark = [pytest.mark.e2e, pytest.mark.mesh, BOTH]


def listening(pid: int) -> set[str]:
    """Return the addresses on which a process accepts TCP connections."""
    sockets = {str(fd.readlink()) for fd in Path(f"/proc/{pid}/fd").iterdir()}
    found = set()
    for table in ("tcp", "tcp6"):
        for line in Path(f"/proc/{pid}/net/{table}").read_text().splitlines()[1:]:
            fields = line.split()
            if fields[3] == "0A" and f"socket:[{fields[9]}]" in sockets:
                packed = bytes.fromhex(fields[1].partition(":")[0])
                words = (packed[at : at + 4][::-1] for at in range(0, len(packed), 4))
                found.add(str(ipaddress.ip_address(b"".join(words))))
    return found


def test_every_part_listens_on_loopback_only(installation: Installation) -> None:
    found = {pid: listening(pid) for pid in installation.mesh.pids()}
    assert len(found) >= 8
    assert any(found.values())
    assert [
        (address, Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")[:2])
        for pid, addresses in found.items()
        for address in addresses
        if not ipaddress.ip_address(address).is_loopback
    ] == []
