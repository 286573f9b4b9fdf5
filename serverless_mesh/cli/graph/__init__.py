"""A picture of the integration: a model out of a World, and printers of it."""
