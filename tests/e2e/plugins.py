"""The plugins of resources without a remote side, run once for all engines of one test process.

To start both takes longer than all that they do, and every update would start them anew.
A test in `tests/toolchain/test_stand_in_plugins.py` has the engine start them itself.
"""

import subprocess
from functools import cache
from typing import Final

from toolchain.paths import PULUMI_HOME
from toolchain.processes import die_with_parent

ATTACHED: Final = ("tls", "random")
ATTACH: Final = "PULUMI_DEBUG_PROVIDERS"
"""The engine's variable for plugins that run already."""


@cache
def running_plugins() -> dict[str, str]:
    """Start the plugins, to end with this process; return what engines need to use them."""
    return {ATTACH: ",".join(f"{name}:{_started(name)}" for name in ATTACHED)}


def _started(name: str) -> int:
    (program,) = PULUMI_HOME.glob(f"plugins/resource-{name}-v*/pulumi-resource-{name}")
    process = subprocess.Popen(
        # Without an engine's address the official ones, too, wait for engines to attach.
        [program],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        preexec_fn=die_with_parent,
        text=True,
    )
    assert process.stdout is not None
    return int(process.stdout.readline())
