"""Stand-in for the official plugin `kubernetes`."""
