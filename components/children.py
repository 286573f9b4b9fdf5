"""Options of what a component makes."""

import pulumi


def child_options(
    parent: pulumi.ComponentResource, opts: pulumi.ResourceOptions | None
) -> pulumi.ResourceOptions:
    """Return the options of a child, which waits for whatever its component waits for.

    Pulumi gives a child its parent's providers but not its dependencies: without this the order
    would stand in the program's run alone, and neither in the state nor in a targeted update.
    """
    return pulumi.ResourceOptions(parent=parent, depends_on=opts.depends_on if opts else None)
