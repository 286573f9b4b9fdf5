"""How long the rules take, by themselves and beside what else there is."""
