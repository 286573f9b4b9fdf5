"""Where the program has its say beside the Kubernetes plugin: before it creates, and when it fails.

The engine calls these hooks of the program around each object, in previews too where that is asked
for. They close what the plugin leaves open (see `ownership` and `readiness`).
"""

import asyncio
import json
import os
from collections.abc import Callable, Container
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

import pulumi

from components.readiness import explanation
from mesh_policy.cluster.kubeconfig import AT_ONCE
from mesh_policy.findings import Ref
from mesh_policy.reading.objects import ref_of
from mesh_policy.reading.ownership import IMPORT_FILE, import_file
from preflight.errors import ClusterError, PreflightError
from preflight.ownership import Declared, is_adopted, refusal

NOTHING_TAKEN_OVER: Final = "nothing-taken-over"
WHY_NOT_READY: Final = "why-not-ready"
_SAID: Final = "not made, since other objects are there already; see there"

Find = Callable[[Ref], dict[str, Any] | None]
"""Returns an object of the cluster as it is now, None where there is none."""


def attach(find: Find, owned: Callable[[], Container[Ref]]) -> None:
    """Attach the hooks to every Kubernetes object that is declared from now on.

    Before the first one is made, all of them are looked for: `owned` returns what the state has, so
    that an update in which nothing is made asks for neither. The program declares everything before
    the engine makes anything.

    An object that was made by hand can be imported without a parent: it is found by its alias.
    """
    declared: list[Declared] = []
    looked: list[asyncio.Task[str | None]] = []

    def in_the_way() -> str | None:
        mine = owned()
        others = [each for each in declared if each.ref not in mine]
        with ThreadPoolExecutor(AT_ONCE) as pool:
            found = list(pool.map(find, [each.ref for each in others]))
        there = [
            (each, it)
            for each, it in zip(others, found, strict=True)
            if it is not None and not is_adopted(each.ref, it)
        ]
        if there and (place := os.environ.get(IMPORT_FILE)):
            wanted = json.dumps(import_file(each for each, _ in there), indent=2)
            Path(place).write_text(f"{wanted}\n", "utf-8")
        return refusal(there) if there else None

    async def look(_: pulumi.ResourceHookArgs) -> None:
        first = not looked
        if first:
            looked.append(asyncio.ensure_future(asyncio.to_thread(in_the_way)))
        if (problem := await looked[0]) is not None:
            raise PreflightError(problem if first else _SAID)

    async def explain(args: pulumi.ErrorHookArgs) -> bool:
        ref = ref_of(args.new_inputs or {})
        found = None
        with suppress(ClusterError):
            found = await asyncio.to_thread(find, ref)
        pulumi.log.error(explanation(ref, found))
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
        ref = ref_of(args.props)
        if hooks is whole:
            declared.append(Declared(args.type_, args.name, ref))
        return pulumi.ResourceTransformationResult(
            args.props, pulumi.ResourceOptions.merge(args.opts, hooks)
        )

    pulumi.runtime.register_stack_transformation(transform)
