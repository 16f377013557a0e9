"""How the main objects look in a notebook: a title, a few facts and a small table, every text escaped."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from html import escape
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import pandas as pd

#: Rows of a table that are shown.
ROWS = 10
#: Longest text of one field, and of a whole object.
FIELD, WHOLE = 40, 300


class Brief:
    """What a frozen object prints: one line, large fields by their size.

    >>> from dataclasses import dataclass
    >>> @dataclass(frozen=True, repr=False)
    ... class Found(Brief):
    ...     origin: str
    ...     table: list[int]
    >>> Found("2023-12", list(range(1000)))
    Found(origin='2023-12', table: 1000)
    """

    def __repr__(self) -> str:
        """The class, and its fields as far as they are short."""
        shown = [_brief(f.name, getattr(self, f.name)) for f in fields(self) if f.repr]  # type: ignore[arg-type]
        whole = f"{type(self).__name__}({', '.join(shown)})"
        return whole if len(whole) <= WHOLE else f"{whole[:WHOLE]}...)"


def _brief(name: str, value: Any) -> str:
    shape = getattr(value, "shape", None)
    if shape:
        return f"{name}: {' x '.join(map(str, shape))}"
    if hasattr(value, "__len__") and not isinstance(value, str) and len(value) > 4:
        return f"{name}: {len(value)}"
    text = repr(value)
    return f"{name}={text}" if len(text) <= FIELD else f"{name}={text[:FIELD]}..."


def card(title: str, facts: Mapping[str, Any], table: pd.DataFrame | None = None, rows: int = ROWS) -> str:
    """HTML for ``_repr_html_``.

    Parameters
    ----------
    title : str
        What it is, and how large.
    facts : mapping of str to object
        Shown as text, one a line.
    table : pandas.DataFrame, optional
        Its first ``rows`` rows are shown, and how many there are.
    rows : int

    Returns
    -------
    str
        No script, no style that reaches beyond it.

    Examples
    --------
    >>> card("Panel", {"source": "<b>"})
    '<div><strong>Panel</strong><br>source: &lt;b&gt;</div>'
    """
    lines = [f"<strong>{escape(title)}</strong>"]
    lines += [f"{escape(name)}: {escape(str(value))}" for name, value in facts.items()]
    shown = "" if table is None else _table(table, rows)
    return f"<div>{'<br>'.join(lines)}{shown}</div>"


def _table(table: pd.DataFrame, rows: int) -> str:
    head = "".join(f"<th>{escape(str(name))}</th>" for name in table.columns)
    body = "".join(
        f"<tr>{''.join(_cell(value) for value in row)}</tr>"
        for row in table.head(rows).itertuples(index=False)
    )
    more = f"<br>{len(table) - rows} more rows" if len(table) > rows else ""
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>{more}"


def _cell(value: Any) -> str:
    """A value as a cell: numbers short and to the right, all else as escaped text."""
    if isinstance(value, bool | np.bool_ | str) or value is None:
        return f'<td style="text-align:left">{escape("" if value is None else str(value))}</td>'
    if isinstance(value, int | float | np.integer | np.floating):
        return f'<td style="text-align:right">{short(float(value))}</td>'
    return f'<td style="text-align:left">{escape(str(value))}</td>'


def short(value: float) -> str:
    """A number in at most three digits behind the point; whole ones as such, missing ones as a dash.

    >>> short(1234.0), short(0.12345), short(float("nan"))
    ('1,234', '0.123', '–')
    """
    if not np.isfinite(value):
        return "–" if np.isnan(value) else str(value)
    return f"{value:,.0f}" if value == round(value) else f"{value:,.3f}"
