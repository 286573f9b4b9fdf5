"""What the bench's programs raise."""


class BenchError(Exception):
    """It could not be measured; the message says why and what to do."""


class LimitError(BenchError):
    """It was measured, and takes more than it may; the message says of what."""
