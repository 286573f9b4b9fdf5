"""The policy pack: rules over a World, which is the cluster as it will be after the update."""

__version__ = "0.1.0"
"""Of the whole project: the pack, the commands and the program are released together."""
