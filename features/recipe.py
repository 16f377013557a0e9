"""An ordered list of named features, and the cube they give for a panel."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from ..data.errors import ConfigError, HarmattanError, UsageError, nearest
from ..data.panel import Panel
from .cube import FeatureCube
from .static import static_columns
from .terms import Term
from .user import Function
from .view import Array, View

if TYPE_CHECKING:
    from pathlib import Path


__all__ = ["Feature", "FeatureCube", "Recipe", "as_panel"]


@dataclass(frozen=True)
class Feature:
    """A term under a name.

    Attributes
    ----------
    name : str
        Column name in a cube.
    term : Term
    optional : bool
        Whether a panel that cannot serve it may go without (and the cube say so), or is an error.
    """

    name: str
    term: Term
    optional: bool = False


@dataclass(frozen=True, init=False)
class Recipe:
    """An ordered list of named features.

    Parameters
    ----------
    features : iterable of Term, (str, Term) or Feature
        A term names itself unless a name is given.

    Raises
    ------
    ConfigError
        If two features have one name.

    Examples
    --------
    >>> from harmattan.features import Ewm, Neighbours, Recipe, Sum
    >>> print(Recipe([Sum(12), Neighbours(of=Ewm(3), across_border=True)]))
    name                 unit              family             latest month
    events_sum12         events            own history        t
    abroad1_events_ewm3  events per month  across the border  t
    """

    features: tuple[Feature, ...]

    def __init__(self, features: Iterable[Term | tuple[str, Term] | Feature]) -> None:
        made = tuple(_feature(f) for f in features)
        seen: set[str] = set()
        for feature in made:
            if feature.name in seen:
                raise ConfigError(
                    f"two features are called '{feature.name}'.", remedy="Give one of them another name."
                )
            seen.add(feature.name)
        object.__setattr__(self, "features", made)

    @classmethod
    def default(cls) -> Recipe:
        """The features that the package's own models use; a panel that lacks something goes without some."""
        from .default import default_terms

        return cls(Feature(t.name, t, optional=True) for t in default_terms())

    @classmethod
    def default_for(cls, panel: Panel) -> Recipe:
        """The default features that a panel can serve."""
        recipe = cls.default()
        missing = dict(recipe.unserved(panel))
        return cls(f for f in recipe.features if f.name not in missing)

    @property
    def names(self) -> tuple[str, ...]:
        """Names, in order."""
        return tuple(f.name for f in self.features)

    def __len__(self) -> int:
        return len(self.features)

    def __iter__(self) -> Iterator[Feature]:
        return iter(self.features)

    def __add__(self, other: Recipe | Iterable[Term | tuple[str, Term] | Feature]) -> Recipe:
        return Recipe([*self.features, *other])

    def add(
        self,
        name: str,
        function: Callable[[Panel], Array],
        *,
        latest: int | None = 0,
        unit: str = "",
        family: str = "user",
    ) -> Recipe:
        """The recipe with a feature of one's own: a function of a panel that returns (months, regions).

        Parameters
        ----------
        name : str
            Its name.
        function : callable
            Row t of its result may use months up to ``t - latest``.
        latest : int or None
            The last month read, counted back; None if no month is read.
        unit, family : str
            For the table.

        Examples
        --------
        >>> from harmattan.features import Recipe
        >>> Recipe([]).add("squared", lambda panel: panel.measure("events") ** 2, unit="events^2").names
        ('squared',)
        """
        made = Function(function=function, label=name, last=latest, measured_in=unit, kind=family)
        return Recipe([*self.features, (name, made)])

    def without(self, names: Iterable[str]) -> Recipe:
        """The recipe without some features."""
        gone = list(names)
        for name in gone:
            if name not in self.names:
                raise UsageError(f"no feature '{name}' in this recipe.", remedy=nearest(name, self.names))
        return Recipe(f for f in self.features if f.name not in gone)

    def select(self, names: Iterable[str]) -> Recipe:
        """The recipe of some features, in the order given."""
        at = {f.name: f for f in self.features}
        wanted = list(names)
        for name in wanted:
            if name not in at:
                raise UsageError(f"no feature '{name}' in this recipe.", remedy=nearest(name, at))
        return Recipe(at[name] for name in wanted)

    def table(self) -> pd.DataFrame:
        """One row per feature: ``name, unit, family, latest, earliest`` (latest and earliest month used)."""
        return pd.DataFrame(
            {
                "name": self.names,
                "unit": [f.term.unit for f in self.features],
                "family": [f.term.family for f in self.features],
                "latest": [month_label(f.term.latest, f.term.latest) for f in self.features],
                "earliest": [month_label(f.term.earliest, f.term.latest) for f in self.features],
            }
        )

    def __str__(self) -> str:
        head = {"name": "name", "unit": "unit", "family": "family", "latest": "latest month"}
        table = self.table()
        columns = [[title, *table[key].astype(str)] for key, title in head.items()]
        widths = [max(map(len, column)) for column in columns]
        lines = (
            "  ".join(c.ljust(w) for c, w in zip(row, widths, strict=True))
            for row in zip(*columns, strict=True)
        )
        return "\n".join(line.rstrip() for line in lines)

    def to_dict(self) -> dict[str, Any]:
        """Plain lists, numbers and strings: what JSON, TOML and a tracking server can hold."""
        from .recipe_file import to_dict

        return to_dict(self)

    def digest(self) -> str:
        """SHA-256 of what the recipe says; the same for the same features in the same order anywhere."""
        text = json.dumps(self.to_dict(), sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()

    def to_json(self) -> str:
        """The recipe as JSON."""
        return json.dumps(self.to_dict(), indent=1)

    def to_toml(self) -> str:
        """The recipe as TOML."""
        from .recipe_file import to_toml

        return to_toml(self)

    @classmethod
    def from_json(cls, text: str, functions: Mapping[str, Callable[[Panel], Array]] | None = None) -> Recipe:
        """A recipe from what :meth:`to_json` wrote; ``functions`` gives features of one's own by name."""
        from .recipe_file import from_json

        return from_json(text, functions or {})

    @classmethod
    def from_toml(cls, text: str, functions: Mapping[str, Callable[[Panel], Array]] | None = None) -> Recipe:
        """A recipe from what :meth:`to_toml` wrote; ``functions`` gives features of one's own by name."""
        from .recipe_file import from_toml

        return from_toml(text, functions or {})

    @classmethod
    def read(
        cls, path: str | Path, functions: Mapping[str, Callable[[Panel], Array]] | None = None
    ) -> Recipe:
        """A recipe from a ``.toml`` or ``.json`` file; errors name the file."""
        from .recipe_file import read

        return read(path, functions or {})

    def unserved(self, panel: Panel, static: pd.DataFrame | None = None) -> list[tuple[str, str]]:
        """Features that a panel cannot serve, each with the reason."""
        view = _view(panel, slice(None), static)
        return [(f.name, e.message) for f in self.features if (e := _refusal(f, view)) is not None]

    def build(
        self,
        panel: Panel | Any,
        *,
        links: pd.DataFrame | None = None,
        static: pd.DataFrame | None = None,
        missing: str | None = None,
        threads: int = 1,
    ) -> FeatureCube:
        """The cube of a panel.

        Parameters
        ----------
        panel : Panel, or pandas, polars or Arrow table
            A long table has ``month, region_id, events`` and any other measures.
        links : pandas.DataFrame, optional
            ``region_a, region_b, border_km`` for a long table.
        static : pandas.DataFrame, optional
            One row per region: ``region_id`` and columns that do not change; default
            ``panel.attrs["static"]``.
        missing : {"drop", "raise"}, optional
            What to do with a feature the panel cannot serve; default: as each feature says (``optional``).
        threads : int
            At most so many at once; the result does not depend on it.

        Raises
        ------
        SchemaError, UsageError, ConfigError
            If a feature that is not optional needs a measure, links, a static column or more months than
            there are.

        Examples
        --------
        >>> import pandas as pd
        >>> from harmattan.features import Recipe, Sum
        >>> frame = pd.DataFrame({"month": ["2023-01", "2023-02"], "region_id": "MLI-gao", "events": [3, 5]})
        >>> Recipe([Sum(2)]).build(frame).values.ravel().tolist()
        [6.0, 8.0]
        """
        panel = as_panel(panel, links)
        recipe, dropped = self.served(panel, static, missing)
        cube = recipe.build_block(panel, slice(None), static, threads)
        return replace(cube, dropped=tuple(dropped))

    def served(
        self, panel: Panel, static: pd.DataFrame | None = None, missing: str | None = None
    ) -> tuple[Recipe, list[tuple[str, str]]]:
        """The recipe less what a panel cannot serve, and that with reasons; raises where it may not drop."""
        if missing not in (None, "drop", "raise"):
            raise UsageError(f"missing={missing!r}.", remedy="Give 'drop', 'raise' or nothing.")
        view = _view(panel, slice(None), static)
        kept, dropped = [], []
        for feature in self.features:
            error = _refusal(feature, view)
            if error is None:
                kept.append(feature)
            elif missing == "drop" or (missing is None and feature.optional):
                dropped.append((feature.name, error.message))
            else:
                error.where = f"feature '{feature.name}'" + (f", {error.where}" if error.where else "")
                error.args = (error.message,)
                raise error
        return Recipe(kept), dropped

    def build_block(
        self,
        panel: Panel,
        columns: slice,
        static: pd.DataFrame | None = None,
        threads: int = 1,
        store: dict[Any, Any] | None = None,
    ) -> FeatureCube:
        """The cube of some of the panel's regions; ``store`` shares what blocks have in common."""
        view = _view(panel, columns, static, store)
        n_months, n_regions = view.shape
        out = np.empty((len(self.features), n_months, n_regions), dtype=np.float32)
        _compute(self.features, view, out, threads)
        ids = panel.region_ids[columns]
        return FeatureCube(
            values=out.transpose(1, 2, 0),
            names=self.names,
            families=tuple(f.term.family for f in self.features),
            units=tuple(f.term.unit for f in self.features),
            latest=tuple(f.term.latest for f in self.features),
            months=panel.months,
            region_ids=ids,
            observed=panel.observed[:, columns],
            panel=panel if len(ids) == len(panel.region_ids) else panel.select(regions=ids),
            digest=self.digest(),
        )

    def marks(self, panel: Panel, name: str, static: pd.DataFrame | None = None) -> Array:
        """Where a feature rests on months that were not observed, bool (months, regions)."""
        at = {f.name: f for f in self.features}
        if name not in at:
            raise UsageError(f"no feature '{name}' in this recipe.", remedy=nearest(name, at))
        return at[name].term.marks(_view(panel, slice(None), static))


def as_panel(data: Panel | Any, links: pd.DataFrame | None = None) -> Panel:
    """A panel, or a long pandas, polars or Arrow table made into one."""
    if isinstance(data, Panel):
        return data
    if isinstance(data, pd.DataFrame):
        return Panel.from_frame(data, links)
    if not hasattr(data, "__arrow_c_stream__"):
        raise UsageError(
            f"a recipe cannot be built from a {type(data).__name__}.",
            remedy="Give a Panel, or a long pandas, polars or Arrow table.",
        )
    import pyarrow as pa

    return Panel.from_frame(pa.table(data).to_pandas(), links)


def month_label(back: int | None, latest: int | None) -> str:
    """How a month counted back is shown: ``t``, ``t-3``, ``start`` or ``none``."""
    if latest is None:
        return "none"
    if back is None:
        return "start"
    return f"t-{back}" if back else "t"


def _feature(item: Term | tuple[str, Term] | Feature) -> Feature:
    if isinstance(item, Feature):
        return item
    if isinstance(item, Term):
        return Feature(item.name, item)
    if isinstance(item, tuple) and len(item) == 2 and isinstance(item[1], Term):
        return Feature(str(item[0]), item[1])
    raise ConfigError(f"{item!r} is not a feature.", remedy="Give a term, or a name and a term.")


def _view(
    panel: Panel,
    columns: slice,
    static: pd.DataFrame | None,
    store: dict[Any, Any] | None = None,
) -> View:
    start, stop, _ = columns.indices(len(panel.region_ids))
    table = static if static is not None else panel.attrs.get("static")
    known = static_columns(table, panel) if isinstance(table, pd.DataFrame) else {}
    return View(panel, slice(start, stop), static=known, store={} if store is None else store)


def _refusal(feature: Feature, view: View) -> HarmattanError | None:
    """Why a panel cannot serve a feature, or None."""
    term = feature.term
    try:
        term.check(view)
    except HarmattanError as error:
        return error
    n_months = view.shape[0]
    if term.earliest is not None and term.earliest >= n_months:
        return UsageError(
            f"looks back {term.earliest + 1} months, but the panel has {n_months}.",
            remedy="Shorten it, or bring a longer history.",
        )
    return None


def _compute(features: tuple[Feature, ...], view: View, out: Array, threads: int) -> None:
    """Every feature into its own block of ``out``."""
    if threads <= 1:
        for k, feature in enumerate(features):
            feature.term.compute(view, out[k])
        return
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(lambda k: features[k].term.compute(view, out[k]), range(len(features))))
