"""Objects and values of any shape, and how each consumer reads its configuration."""
