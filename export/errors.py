"""The error of this package."""


class ExportError(Exception):
    """An export, or its verification, failed. Whatever stood at its place before still stands there."""
