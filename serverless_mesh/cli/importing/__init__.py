"""From an integration that was made by hand to a stack that has it."""
