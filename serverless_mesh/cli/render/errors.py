"""Why nothing was rendered."""


class RenderError(Exception):
    """The preview can't be rendered, or the folder not be written; it says what to do."""
