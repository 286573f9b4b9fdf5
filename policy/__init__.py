"""The policy pack: rules over a World, which is the cluster as it will be after the update."""
