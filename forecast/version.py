"""The version of the package, as installed."""

from importlib.metadata import version as _installed


def package_version() -> str:
    """The installed version, such as ``0.1.0``."""
    return _installed("harmattan")
