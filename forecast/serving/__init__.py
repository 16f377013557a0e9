"""A trained model as MLflow saves and serves it."""

from typing import TYPE_CHECKING

from ...data.lazy import lazy_names

if TYPE_CHECKING:
    from .save import example_of, measures_read, save_model, serve
else:
    __getattr__, __dir__ = lazy_names(__name__)

__all__ = [
    "example_of",
    "measures_read",
    "save_model",
    "serve",
]
