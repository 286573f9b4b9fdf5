"""Where the program has its say beside the Kubernetes plugin: before it creates, and when it fails.

The engine calls these hooks of the program around each object, in previews too where that is asked
for. They close what the plugin leaves open (see `ownership` and `readiness`).
"""

import asyncio
from collections.abc import Callable, Container
from typing import Any, Final

import pulumi

from components.ownership import TakeOverError, refusal
from components.readiness import explanation
from policy.model import Ref
from policy.world import ref_of

NOTHING_TAKEN_OVER: Final = "nothing-taken-over"
WHY_NOT_READY: Final = "why-not-ready"

Find = Callable[[Ref], dict[str, Any] | None]
"""Returns an object of the cluster as it is now, None where there is none or no answer."""


def attach(find: Find, former: Callable[[], Container[Ref]]) -> None:
    """Attach the hooks to every Kubernetes object that is declared from now on.

    `former` returns what the state has, and is asked only when an object is there: to replace an
    object, the engine creates one of the stack's own again.

    An object that was made by hand can be imported without a parent: it is found by its alias.
    """

    async def look(args: pulumi.ResourceHookArgs) -> None:
        ref = ref_of(args.new_inputs or {})
        found = await asyncio.to_thread(find, ref)
        if found is not None and ref not in await asyncio.to_thread(former):
            raise TakeOverError(refusal(args.type, args.name, ref, found))

    async def explain(args: pulumi.ErrorHookArgs) -> bool:
        ref = ref_of(args.new_inputs or {})
        pulumi.log.error(explanation(ref, await asyncio.to_thread(find, ref)))
        # The plugin has waited for as long as it was told to.
        return False

    looking = pulumi.ResourceHook(NOTHING_TAKEN_OVER, look, pulumi.ResourceHookOptions(True))
    explaining = pulumi.ErrorHook(WHY_NOT_READY, explain)
    # A patch takes no object: the fields that others set to other values are conflicts.
    patch = pulumi.ResourceOptions(hooks=pulumi.ResourceHookBinding(on_error=[explaining]))
    whole = pulumi.ResourceOptions(
        hooks=pulumi.ResourceHookBinding(before_create=[looking], on_error=[explaining]),
        aliases=[pulumi.Alias(parent=pulumi.ROOT_STACK_RESOURCE)],
    )

    def transform(
        args: pulumi.ResourceTransformationArgs,
    ) -> pulumi.ResourceTransformationResult | None:
        if not args.type_.startswith("kubernetes:"):
            return None
        hooks = patch if args.type_.endswith("Patch") else whole
        return pulumi.ResourceTransformationResult(
            args.props, pulumi.ResourceOptions.merge(args.opts, hooks)
        )

    pulumi.runtime.register_stack_transformation(transform)
