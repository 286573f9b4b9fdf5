"""What a machine that reaches only package registries needs in order to run the project.

Nothing here is needed against a real cluster; the program never imports it.
"""
