"""The mesh is for this machine only, and leaves nothing behind."""

import ipaddress
from pathlib import Path

import pytest

from mesh.installation import Installation

pytestmark = [pytest.mark.e2e, pytest.mark.mesh]


def listening(pid: int) -> set[str]:
    """Return the addresses on which a process accepts TCP connections."""
    sockets = {str(fd.readlink()) for fd in Path(f"/proc/{pid}/fd").iterdir()}
    found = set()
    for table in ("tcp", "tcp6"):
        for line in Path(f"/proc/{pid}/net/{table}").read_text().splitlines()[1:]:
            fields = line.split()
            if fields[3] == "0A" and f"socket:[{fields[9]}]" in sockets:
                packed = bytes.fromhex(fields[1].partition(":")[0])
                found.add(str(ipaddress.ip_address(packed[::-1] if table == "tcp" else packed)))
    return found


def test_every_part_listens_on_loopback_only(installation: Installation) -> None:
    pids = installation.mesh.pids()
    assert len(pids) >= 8
    addresses = {address for pid in pids for address in listening(pid)}
    assert addresses
    assert {
        address for address in addresses if not ipaddress.ip_address(address).is_loopback
    } == set()
