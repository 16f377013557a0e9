"""Loaded by Python before anything else: whatever is unpickled in this process is an error, and leaves a mark."""

import _pickle
import os
import pickle
import traceback


class Unpickled(BaseException):
    """No handler of ordinary errors can swallow this."""


def refuse(*args: object, **options: object) -> object:
    """Stand in for everything that unpickles."""
    with open(os.environ["GUARD_MARK"], "a", encoding="utf-8") as mark:
        mark.write("".join(traceback.format_stack()))
    raise Unpickled("something was unpickled")


class Unpickler:
    """Stand in for the class: made and subclassed freely, but it loads nothing."""

    def __init__(self, *args: object, **options: object) -> None:
        self.load = refuse


if "GUARD_MARK" in os.environ:
    for module in (pickle, _pickle):
        for name in ("load", "loads"):
            setattr(module, name, refuse)
        module.Unpickler = Unpickler  # type: ignore[misc, assignment]
    pickle._load = pickle._loads = pickle._Unpickler.load = refuse  # type: ignore[attr-defined]
