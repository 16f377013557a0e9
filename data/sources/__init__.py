"""Where incidents come from: one module per source, each with a ``read(path, ...) -> Incidents``."""

from typing import TYPE_CHECKING

from ..lazy import lazy_names

if TYPE_CHECKING:
    from .actors import GROUPS, armed_groups, groups_in
    from .group_table import SHIPPED_THEATRE, GroupTable, with_groups
    from .read import SOURCES, build_from_files, read_source
    from .tables import read_table
    from .tabular import is_panel, mapping_of, read_panel
    from .ucdp import months_of as ucdp_months
    from .ucdp import read as read_ucdp
else:
    __getattr__, __dir__ = lazy_names(__name__)

__all__ = [
    "GROUPS",
    "SHIPPED_THEATRE",
    "SOURCES",
    "GroupTable",
    "armed_groups",
    "build_from_files",
    "groups_in",
    "is_panel",
    "mapping_of",
    "read_panel",
    "read_source",
    "read_table",
    "read_ucdp",
    "ucdp_months",
    "with_groups",
]
