"""Stand-in for the official plugin `random`."""
