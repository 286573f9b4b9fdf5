"""The one root of everything that the program refuses."""


class ServerlessMeshError(Exception):
    """Something is not as it has to be; the message says what was found and what to do."""
