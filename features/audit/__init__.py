"""Does a feature know what it cannot know yet?"""

from typing import TYPE_CHECKING

from ...data.lazy import lazy_names

if TYPE_CHECKING:
    from .run import audit
else:
    __getattr__, __dir__ = lazy_names(__name__)

__all__ = [
    "audit",
]
