"""The pack's entry: `pulumi up --policy-pack policy`."""

import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

# The engine puts this folder first, where the package's modules would hide the standard library's.
_HERE = Path(__file__).resolve().parent
sys.path[:] = [str(_HERE.parent), *(path for path in sys.path if Path(path).resolve() != _HERE)]

from pulumi_policy import PolicyPack  # noqa: E402

from policy import state, wire  # noqa: E402
from policy.pack import policies  # noqa: E402
from policy.rules import RULES  # noqa: E402
from policy.session import Session  # noqa: E402

wire.keep_secrets()
# Asked at once, in the background, since the answer takes as long as starting `pulumi` does.
_previous = ThreadPoolExecutor(1).submit(lambda: state.owned(state.export(state.stack_name())))
PolicyPack("serverless-mesh", policies(RULES, Session(RULES, _previous.result)))
