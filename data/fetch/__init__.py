"""The sources' files from the network: cached, checked, never half."""

from typing import TYPE_CHECKING

from ..lazy import lazy_names

if TYPE_CHECKING:
    from .acled import ACLED, ACLED_PASSWORD, ACLED_USER, fetch_acled
    from .cache import Fetched, secret_of
    from .current import bring_current
    from .ucdp import UCDP_API, UCDP_FILES, UCDP_TOKEN, fetch_ucdp, fetch_ucdp_api, ucdp_address
else:
    __getattr__, __dir__ = lazy_names(__name__)

__all__ = [
    "ACLED",
    "ACLED_PASSWORD",
    "ACLED_USER",
    "UCDP_API",
    "UCDP_FILES",
    "UCDP_TOKEN",
    "Fetched",
    "bring_current",
    "fetch_acled",
    "fetch_ucdp",
    "fetch_ucdp_api",
    "secret_of",
    "ucdp_address",
]
