"""The rooms of the house: one ComponentResource a file, its manifests made by pure functions."""
