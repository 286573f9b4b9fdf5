"""The pack's entry: `pulumi up --policy-pack policy`."""

from concurrent.futures import ThreadPoolExecutor

from pulumi_policy import PolicyPack

from mesh_policy.crossguard import project, state, wire
from mesh_policy.crossguard.pack import policies
from mesh_policy.crossguard.session import Session
from mesh_policy.rules import RULES

wire.keep_secrets()
# Asked at once, in the background, since the answer takes as long as starting `pulumi` does.
_previous = ThreadPoolExecutor(1).submit(
    lambda: state.owned(state.export(state.stack_name(), project.folder()))
)
PolicyPack("serverless-mesh", policies(RULES, Session(RULES, _previous.result)))
