"""Stand-ins for Pulumi's official provider plugins `random` and `tls`, which can't be had here.

Each makes the resources that the program declares, with the inputs that it gives, and writes
properties, ids and state as the official plugin does. Anything else fails with an error that names
the official plugin.
"""
