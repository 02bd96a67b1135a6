"""The error that every step raises when it cannot go on."""


class RebuildError(Exception):
    """A bundled file cannot be rebuilt; the text says why."""
