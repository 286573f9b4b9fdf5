"""What can go wrong with the local environment, in words for the user."""


class LocalEnvironmentError(Exception):
    """The message says what failed, why, and where its log is."""
