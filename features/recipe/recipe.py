"""An ordered list of named features, and the cube they give for a panel."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import pandas as pd

from ...data.errors import ConfigError, UsageError, nearest
from ...data.panel import Panel
from ...data.show import Brief
from ..cube import FeatureCube
from ..series import Array
from ..terms import Feature, Function, Lag, Mean, Term
from . import file as recipe_file
from .compute import blocks as block_slices
from .compute import compute, parse_memory, part_of, refusal, unit_in, view_of

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True, init=False, repr=False)
class Recipe(Brief):
    """An ordered list of named features.

    Parameters
    ----------
    features : iterable of Term, (str, Term) or Feature
        A term names itself unless a name is given.

    Raises
    ------
    ConfigError
        If two features have one name, or one is called ``month`` or ``region_id``.

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
        made = tuple(_as_feature(f) for f in features)
        seen: set[str] = set()
        for feature in made:
            if feature.name in ("month", "region_id"):
                raise ConfigError(
                    f"no feature can be called '{feature.name}'.",
                    remedy="Long tables have a column of that name.",
                )
            if feature.name in seen:
                raise ConfigError(
                    f"two features are called '{feature.name}'.", remedy="Give one of them another name."
                )
            seen.add(feature.name)
        object.__setattr__(self, "features", made)

    @classmethod
    def default(cls, of: str = "events", panel: Panel | None = None) -> Recipe:
        """The features that the package's own models use; a panel that lacks something goes without some.

        Parameters
        ----------
        of : str
            The measure that they are about, where a panel counts no events.
        panel : Panel, optional
            Armed groups of the shipped theatre are features only where it counts them; no other groups are.
        """
        from .default import GROUPS, default_terms

        groups = [g for g in GROUPS if panel is None or f"events_{g}" in panel.measures]
        return cls(Feature(t.name, t, optional=True) for t in default_terms(of, groups))

    @classmethod
    def usual(cls, panel: Panel) -> Recipe:
        """What of the default features a panel can serve: about its events, or its first measure without any.

        A covariate adds its newest published value, and the mean of a year up to that.
        """
        recipe = cls.default(panel.main, panel)
        for name in panel.attrs.get("covariates", ()):
            newest = Lag(int(panel.attrs.get("delays", {}).get(name, 0)), of=name)
            recipe = recipe + [Feature(t.name, t, optional=True) for t in (newest, Mean(12, of=newest))]
        return recipe.served(panel)[0]

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
        gone = [self._feature(name) for name in names]
        return Recipe(f for f in self.features if f not in gone)

    def select(self, names: Iterable[str]) -> Recipe:
        """The recipe of some features, in the order given."""
        return Recipe(self._feature(name) for name in names)

    def _feature(self, name: str) -> Feature:
        found = next((f for f in self.features if f.name == name), None)
        if found is None:
            raise UsageError(f"no feature '{name}' in this recipe.", remedy=nearest(name, self.names))
        return found

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
        return recipe_file.to_dict(self.features)

    def digest(self) -> str:
        """SHA-256 of what the recipe says; the same for the same features in the same order anywhere."""
        text = json.dumps(self.to_dict(), sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()

    def to_json(self) -> str:
        """The recipe as JSON."""
        return json.dumps(self.to_dict(), indent=1)

    def to_toml(self) -> str:
        """The recipe as TOML."""
        return recipe_file.to_toml(self.features)

    @classmethod
    def from_json(cls, text: str, functions: Mapping[str, Callable[[Panel], Array]] | None = None) -> Recipe:
        """A recipe from what :meth:`to_json` wrote; ``functions`` gives features of one's own by name."""
        return cls(recipe_file.parse(text, "JSON", functions or {}))

    @classmethod
    def from_toml(cls, text: str, functions: Mapping[str, Callable[[Panel], Array]] | None = None) -> Recipe:
        """A recipe from what :meth:`to_toml` wrote; ``functions`` gives features of one's own by name."""
        return cls(recipe_file.parse(text, "TOML", functions or {}))

    @classmethod
    def read(
        cls, path: str | Path, functions: Mapping[str, Callable[[Panel], Array]] | None = None
    ) -> Recipe:
        """A recipe from a ``.toml`` or ``.json`` file; errors name the file."""
        return cls(recipe_file.read(path, functions or {}))

    def unserved(self, panel: Panel, static: pd.DataFrame | None = None) -> list[tuple[str, str]]:
        """Features that a panel cannot serve, each with the reason."""
        view = view_of(panel, static=static)
        refused = ((f.name, refusal(f.term, view)) for f in self.features)
        return [(name, error.message) for name, error in refused if error is not None]

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
        panel = panel if isinstance(panel, Panel) else Panel.from_frame(panel, links)
        shared: dict[Any, Any] = {}
        recipe, dropped = self.served(panel, static, missing, shared)
        cube = recipe._part(panel, (slice(None), slice(None)), static, threads, shared)
        return replace(cube, dropped=tuple(dropped))

    def blocks(
        self,
        panel: Panel,
        memory: str | int = "4GB",
        *,
        by: str = "regions",
        static: pd.DataFrame | None = None,
        missing: str | None = None,
        threads: int = 1,
        copies: int = 1,
    ) -> Iterator[FeatureCube]:
        """The cube, some regions or some months at a time; put together they are the cube, to the bit.

        Parameters
        ----------
        panel : Panel
        memory : str or int
            Budget for the panel, a block and its making: ``"4GB"``, or bytes.
        by : {"regions", "months"}
            Months cost a pass over the whole history for each block, regions do not.
        static, missing, threads
            As for :meth:`build`.
        copies : int
            How many copies of a block the caller holds at once.

        Raises
        ------
        ConfigError
            If the budget is too small for the smallest block.
        """
        shared: dict[Any, Any] = {}
        recipe, dropped = self.served(panel, static, missing, shared)
        for part in block_slices(panel, len(recipe), parse_memory(memory), threads, by, copies):
            yield replace(recipe._part(panel, part, static, threads, shared), dropped=tuple(dropped))

    def served(
        self,
        panel: Panel,
        static: pd.DataFrame | None = None,
        missing: str | None = None,
        shared: dict[Any, Any] | None = None,
    ) -> tuple[Recipe, list[tuple[str, str]]]:
        """The recipe less what a panel cannot serve, and that with reasons; raises where it may not drop."""
        if missing not in (None, "drop", "raise"):
            raise UsageError(f"missing={missing!r}.", remedy="Give 'drop', 'raise' or nothing.")
        view = view_of(panel, static=static, shared=shared)
        kept, dropped = [], []
        for feature in self.features:
            error = refusal(feature.term, view)
            if error is None:
                kept.append(feature)
            elif missing == "drop" or (missing is None and feature.optional):
                dropped.append((feature.name, error.message))
            else:
                error.where = f"feature '{feature.name}'" + (f", {error.where}" if error.where else "")
                error.args = (error.message,)
                raise error
        return Recipe(kept), dropped

    def _part(
        self,
        panel: Panel,
        part: tuple[slice, slice],
        static: pd.DataFrame | None,
        threads: int,
        shared: dict[Any, Any],
    ) -> FeatureCube:
        """The cube of some regions and months of a panel."""
        columns, rows = part
        view = view_of(panel, columns, static, shared)
        values = compute((f.term for f in self.features), view, rows, threads)
        here = part_of(panel, columns, rows)
        return FeatureCube(
            values=values.transpose(1, 2, 0),
            names=self.names,
            families=tuple(f.term.family for f in self.features),
            units=tuple(unit_in(panel, f.term) for f in self.features),
            latest=tuple(f.term.latest for f in self.features),
            months=here.months,
            region_ids=here.region_ids,
            observed=here.observed,
            panel=here,
            digest=self.digest(),
        )

    def marks(self, panel: Panel, name: str, static: pd.DataFrame | None = None) -> Array:
        """Where a feature rests on months that were not observed, bool (months, regions)."""
        return self._feature(name).term.marks(view_of(panel, static=static))


def month_label(back: int | None, latest: int | None) -> str:
    """How a month counted back is shown: ``t``, ``t-3``, ``start`` or ``none``."""
    if latest is None:
        return "none"
    if back is None:
        return "start"
    return f"t-{back}" if back else "t"


def _as_feature(item: Term | tuple[str, Term] | Feature) -> Feature:
    if isinstance(item, Feature):
        return item
    if isinstance(item, Term):
        return Feature(item.name, item)
    if isinstance(item, tuple) and len(item) == 2 and isinstance(item[1], Term):
        return Feature(str(item[0]), item[1])
    raise ConfigError(f"{item!r} is not a feature.", remedy="Give a term, or a name and a term.")
