"""Stand-in for the official plugin `tls`."""
