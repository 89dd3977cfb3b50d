"""The error of this package."""


class ExportError(Exception):
    """A failed export or verification. Files that existed before are left as they were."""
