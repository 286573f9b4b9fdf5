"""Stand-ins for Pulumi's official provider plugins, where those can't be had.

They speak the engine's own protocol and write properties, ids and state as the official ones do.
What they do not support fails with an error that names the official plugin.
"""
