"""Everything that was fitted at one origin, as text files: what is trained once and used until the next training.

A trained model is a folder of JSON and of LightGBM's text format, with the SHA-256 of every file in ``model.json``.
Nothing in it is pickled, and it needs no training data to forecast.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import pandas as pd

from ..data.errors import ModelError, OriginError
from ..data.show import Brief
from ..features.recipe import Recipe
from ..features.terms import Function
from .canonical_json import json_text
from .surroundings import Surroundings

if TYPE_CHECKING:
    # A registry that compares scores needs no models: these are imported by whoever asks for them.
    from ..data.panel import Panel
    from .diffusion.model import Diffusion
    from .onset import OnsetModels
    from .pool.dependence import Template
    from .pool.fitted import FittedPool

T = TypeVar("T")
#: Version of the files' layout; a reader refuses any other.
FORMAT = 1
CARD, RECIPE, PLACES = "model.json", "recipe.json", "places.json"
TEMPLATE, DIFFUSION, ONSET = "template.json", "diffusion.json", "onset.json"
SURROUNDINGS = "surroundings.json"
#: Columns of the scores of recent watch lists.
LIST_SCORES = ("of", "months", "origin", "cases", "happened", "log_score")
AGAIN = "Fetch the model again, or train a new one with: harmattan train."


@dataclass(frozen=True, repr=False)
class TrainedModel(Brief):
    """A trained model.

    Attributes
    ----------
    card : mapping
        ``origin, targets, horizons, seed, draws, data_hash, package_version, settings``: what it is and comes from.
    files : mapping of str to str
        Text by relative path, without the card.
    trusted : tuple of str
        Classes that users brought and declare, by their paths: no other is imported.
    functions : mapping of str to callable
        Features of users' own in the recipe, by name.
    """

    card: Mapping[str, Any]
    files: Mapping[str, str]
    trusted: tuple[str, ...] = field(default=(), compare=False)
    functions: Mapping[str, Callable[..., Any]] = field(default_factory=dict, compare=False, repr=False)

    @property
    def origin(self) -> pd.Period:
        """The last month that was learned from, frequency ``M``."""
        return pd.Period(self.card["origin"], freq="M")

    @property
    def targets(self) -> tuple[str, ...]:
        """``events``, ``deaths``, or one of them."""
        return tuple(self.card["targets"])

    @property
    def horizons(self) -> tuple[int, ...]:
        """Months ahead."""
        return tuple(self.card["horizons"])

    @property
    def seed(self) -> int:
        """Root of the random streams of a forecast."""
        return int(self.card["seed"])

    @property
    def draws(self) -> int:
        """Draws per forecast."""
        return int(self.card["draws"])

    @property
    def package_version(self) -> str:
        """What it was trained with."""
        return str(self.card["package_version"])

    @property
    def data_hash(self) -> str:
        """SHA-256 of the panel that it was trained on."""
        return str(self.card["data_hash"])

    @cached_property
    def recipe(self) -> Recipe:
        """The features, in order."""
        return self._read(RECIPE, lambda text: Recipe.from_json(text, self.functions))

    @cached_property
    def places(self) -> dict[str, Any]:
        """``region_ids, names, countries`` and ``links`` (or None) that it was trained for."""
        return self._read(PLACES, json.loads)

    @cached_property
    def links(self) -> pd.DataFrame | None:
        """``region_a, region_b, border_km, crosses_border``; None where the panel had none."""
        found = self.places["links"]
        return None if found is None else pd.DataFrame(found)

    @property
    def mixture(self) -> dict[str, Any]:
        """How members are put together: ``weights`` (``learned``, ``equal`` or ``one model``) and ``calibrated``."""
        shares = [list(pool.shares.values()) for pool in self.pools.values()]
        equal = all(len(set(each)) == 1 for each in shares)
        alone = all(len(each) == 1 for each in shares)
        return {
            "weights": "one model" if alone else "equal" if equal else "learned",
            "calibrated": all(pool.calibration is not None for pool in self.pools.values()),
        }

    @cached_property
    def pools(self) -> dict[tuple[str, int], FittedPool]:
        """Members, weights and calibration by target and horizon."""
        return {(t, h): self._pool(t, h) for t in self.targets for h in self.horizons}

    @property
    def member_names(self) -> dict[tuple[str, int], tuple[str, ...]]:
        """Members by target and horizon."""
        return {
            (t, h): tuple(self._read(f"{pool_folder(t, h)}/pool.json", json.loads)["members"])
            for t in self.targets
            for h in self.horizons
        }

    def trusting(
        self, paths: Iterable[str], functions: Mapping[str, Callable[..., Any]] | None = None
    ) -> TrainedModel:
        """The same model, which may import these classes, and is given these functions for its recipe."""
        return replace(self, trusted=tuple(paths), functions=dict(functions or {}))

    @property
    def template(self) -> Template | None:
        """How regions and months err together; None where no past errors were known."""
        from .pool.dependence import Template

        if TEMPLATE not in self.files:
            return None
        stored = self._read(TEMPLATE, json.loads)
        return Template(**{name: tuple(value) for name, value in stored.items()})

    @cached_property
    def scores(self) -> pd.DataFrame:
        """The recent record of every member, one row per target, member and horizon."""
        return self.table("scores")

    def has_table(self, name: str) -> bool:
        """Whether a table of the recent record is kept; models trained by an earlier version keep fewer."""
        return f"{name}.json" in self.files

    def table(self, name: str) -> pd.DataFrame:
        """A table of the record: ``scores, reliability, rehearsal, judged``, those of parts and of watch lists."""
        stored = self._read(f"{name}.json", json.loads)
        table = pd.DataFrame(stored["rows"], columns=stored["columns"])
        # JSON has no word for "not a number": a column of nothing else comes back as objects.
        return table.astype({c: float for c in table if len(table) and table[c].isna().all()})

    @cached_property
    def surroundings(self) -> Surroundings:
        """What a forecast reads beside a table of counts.

        Raises
        ------
        ModelError
            An earlier version of the package trained the model, did not keep them, and its forecasts need them.
        """
        if SURROUNDINGS in self.files:
            return self._read(SURROUNDINGS, Surroundings.from_text)
        if self.onset is not None and (self.onset.entry or any(self.onset.onset.hazard.coefficients[2:])):
            what = "the model reads where events lie inside regions, and was trained before that was kept with it."
            raise ModelError(
                what, SURROUNDINGS, "Train it again, or forecast from the files: harmattan forecast."
            )
        return Surroundings()

    def diffusion(self, panel: Panel) -> Diffusion | None:
        """The spillover model on a panel of the same regions; None where there was no border to cross."""
        from .diffusion.model import Diffusion

        if DIFFUSION not in self.files:
            return None
        return self._read(DIFFUSION, lambda text: Diffusion.from_json(json.loads(text), panel))

    @cached_property
    def onset(self) -> OnsetModels | None:
        """The models of onset and entry; None where there are none."""
        from .onset import OnsetModels

        return self._read(ONSET, OnsetModels.from_text) if ONSET in self.files else None

    @cached_property
    def past_lists(self) -> pd.DataFrame | None:
        """Scores of recent watch lists by month (``of, months, origin, cases, happened, log_score``).

        None where there are no models of onset; empty where they were trained by a version that did not score them.
        """
        if ONSET not in self.files:
            return None
        known = self.has_table("watch_origins")
        return self.table("watch_origins") if known else pd.DataFrame(columns=list(LIST_SCORES))

    @cached_property
    def past_parts(self) -> pd.DataFrame:
        """Scores of the parts at recent origins, month by month; empty where parts were not scored."""
        known = self.has_table("part_origins")
        return self.table("part_origins") if known else pd.DataFrame(columns=["target"])

    @property
    def card_text(self) -> str:
        """``model.json``: the card, with the SHA-256 of every file."""
        sums = {name: _sha256(text) for name, text in sorted(self.files.items())}
        return json_text({**self.card, "format": FORMAT, "files": sums})

    @property
    def digest(self) -> str:
        """SHA-256 of the whole."""
        return _sha256(self.card_text)

    def to_files(self) -> dict[str, str]:
        """Every file's text by relative path, the card among them."""
        return {CARD: self.card_text, **self.files}

    @classmethod
    def from_files(cls, files: Mapping[str, str]) -> TrainedModel:
        """What :meth:`to_files` gave.

        Raises
        ------
        ModelError
            A file that is missing, changed or one too many; a model of a newer version of this package.
        """
        if CARD not in files:
            raise ModelError(f"this is no trained model: {CARD} is missing.", remedy=AGAIN)
        try:
            card = json.loads(files[CARD])
            written, promised, layout = card["package_version"], card.pop("files"), card.pop("format")
        except (ValueError, KeyError, AttributeError, TypeError):
            raise ModelError(f"{CARD} cannot be read.", CARD, AGAIN) from None
        _check_version(written, layout)
        others = {name: text for name, text in files.items() if name != CARD}
        found = {name: _sha256(text) for name, text in others.items()}
        for name in sorted(found.keys() | promised.keys()):
            if found.get(name) != promised.get(name):
                how = (
                    "is missing" if name not in found else "has changed" if name in promised else "is unknown"
                )
                raise ModelError(f"a file of the trained model {how}.", name, AGAIN)
        return cls(card, others)

    def write(self, folder: Path) -> None:
        """Write every file below a folder, which is made."""
        for name, text in self.to_files().items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8", newline="\n")

    @classmethod
    def read(cls, folder: Path) -> TrainedModel:
        """What :meth:`write` wrote; see :meth:`from_files` for what is refused."""
        try:
            paths = sorted(p for p in folder.rglob("*") if p.is_file())
            files = {p.relative_to(folder).as_posix(): p.read_bytes().decode("utf-8") for p in paths}
        except (OSError, UnicodeDecodeError) as reason:
            raise ModelError(f"the trained model cannot be read ({reason}).", str(folder), AGAIN) from None
        return cls.from_files(files)

    def check_serves(
        self, panel: Panel, origin: pd.Period, horizons: tuple[int, ...], targets: tuple[str, ...]
    ) -> None:
        """Refuse what the model cannot forecast.

        Raises
        ------
        ModelError
            Other regions, horizons or targets than those of the model, or months after the origin that it has seen.
        OriginError
            A history that is too short for its features.
        """
        if origin < self.origin:
            raise ModelError(
                f"the model was trained on months up to {self.origin} and must not forecast from {origin}.",
                remedy="Choose a later origin, or leave --model out to fit at this one.",
            )
        lacking = [str(h) for h in horizons if h not in self.horizons] + [
            t for t in targets if t not in self.targets
        ]
        if lacking:
            raise ModelError(
                f"the model was not trained for {', '.join(lacking)}.",
                remedy=f"It forecasts {', '.join(self.targets)}, {', '.join(map(str, self.horizons))} months ahead.",
            )
        if _in_order(json.loads(places_of(panel))) != _in_order(self.places):
            here, there = set(panel.region_ids), set(self.places["region_ids"])
            odd = sorted(here ^ there)
            what = f", such as {odd[0]}" if odd else " in another order, or with other links"
            raise ModelError(
                f"the model was trained for other regions than these{what}.", remedy="Train it on this panel."
            )
        unserved = self.recipe.served(panel)[1]
        if unserved:
            raise OriginError(
                f"the panel is too short for {len(unserved)} features of the model: "
                f"'{unserved[0][0]}' {unserved[0][1]}",
                remedy="Give the model the whole history.",
            )

    def _pool(self, target: str, horizon: int) -> FittedPool:
        from .pool.fitted import FittedPool

        stem = pool_folder(target, horizon) + "/"
        mine = {name.removeprefix(stem): text for name, text in self.files.items() if name.startswith(stem)}
        return self._read(
            f"{stem}pool.json", lambda _: FittedPool.from_files(mine, self.trusted, self.functions)
        )

    def _read(self, name: str, parse: Callable[[str], T]) -> T:
        """One file, parsed; whatever is wrong with it becomes a :class:`ModelError` that names it."""
        if name not in self.files:
            raise ModelError("a file of the trained model is missing.", name, AGAIN)
        try:
            return parse(self.files[name])
        except (ValueError, KeyError, TypeError, IndexError) as reason:
            raise ModelError(
                f"a file of the trained model cannot be used ({reason}).", name, AGAIN
            ) from reason


def pool_folder(target: str, horizon: int) -> str:
    """Where one pool's files lie.

    >>> pool_folder("events", 3)
    'events/h03'
    """
    return f"{target}/h{horizon:02d}"


def places_of(panel: Panel) -> str:
    """The regions and links of a panel as text, the same for the same places."""
    links = None
    if panel.links is not None:
        columns = ["region_a", "region_b", "border_km", "crosses_border"]
        links = [
            dict(zip(columns, row, strict=True))
            for row in panel.links[columns].to_numpy(dtype=object).tolist()
        ]
    return json_text(
        {
            "region_ids": list(panel.region_ids),
            "names": list(panel.names),
            "countries": list(panel.countries),
            "links": links,
        }
    )


def _in_order(places: Mapping[str, Any]) -> dict[str, Any]:
    """The same places with their links in one order, which says nothing."""
    links = places["links"]
    if links is not None:
        links = sorted(links, key=lambda link: (link["region_a"], link["region_b"]))
    return {**places, "links": links}


def make_trained_model(
    panel: Panel,
    recipe: Recipe,
    pools: Mapping[tuple[str, int], Mapping[str, str]],
    template: Template | None,
    diffusion: Diffusion | None,
    tables: Mapping[str, pd.DataFrame],
    onset: str | None = None,
    trusted: Iterable[str] = (),
    training: Sequence[Panel] = (),
    recipes: Iterable[Recipe] = (),
    **card: Any,
) -> TrainedModel:
    """Put the pieces of a training run together.

    Parameters
    ----------
    panel : Panel
        What it was trained on, up to the origin.
    recipe : Recipe
    pools : mapping of (str, int) to mapping of str to str
        Files of each pool (:meth:`FittedPool.to_files`) by target and horizon.
    template, diffusion
        Where there are any.
    tables : mapping of str to pandas.DataFrame
        The recent record: ``scores, reliability, rehearsal, judged``.
    onset : str, optional
        Models of onset and entry as text.
    trusted : iterable of str
        Classes of members that users brought, by their paths.
    training : sequence of Panel
        Regions that were learned from beside it.
    recipes : iterable of Recipe
        What members of users' own learn from.
    **card
        ``seed, draws, package_version, settings`` and whatever else is to be told.
    """
    beside = Surroundings.of(panel, training).to_text()
    files = {RECIPE: recipe.to_json(), PLACES: places_of(panel), SURROUNDINGS: beside}
    files |= {f"{name}.json": json_text(_plain(table)) for name, table in tables.items()}
    for (target, horizon), texts in pools.items():
        files |= {f"{pool_folder(target, horizon)}/{name}": text for name, text in texts.items()}
    if template is not None:
        files[TEMPLATE] = json_text(asdict(template))
    if diffusion is not None:
        files[DIFFUSION] = json_text(diffusion.to_json())
    if onset is not None:
        files[ONSET] = onset
    targets = list(dict.fromkeys(target for target, _ in pools))
    about = {
        "origin": str(panel.months[-1]),
        "targets": targets,
        "horizons": [h for target, h in pools if target == targets[0]],
        "data_hash": panel.digest(),
        **card,
    }
    functions = {
        f.term.label: f.term.function for r in (recipe, *recipes) for f in r if isinstance(f.term, Function)
    }
    return TrainedModel(json.loads(json_text(about)), files, tuple(trusted), functions)


def at_horizons(template: Template, horizons: tuple[int, ...]) -> Template:
    """A template for other horizons, each like the nearest of its own."""
    at = [min(range(len(template.horizons)), key=lambda i: abs(template.horizons[i] - h)) for h in horizons]
    near, far = tuple(template.near[i] for i in at), tuple(template.far[i] for i in at)
    return replace(template, horizons=horizons, near=near, far=far)


def _plain(frame: pd.DataFrame) -> dict[str, Any]:
    """A table as columns and rows of plain values, nothing for NaN."""
    cells = frame.astype(object).where(frame.notna(), None).to_numpy(dtype=object).tolist()
    rows = [[cell.item() if hasattr(cell, "item") else cell for cell in row] for row in cells]
    return {"columns": list(frame.columns), "rows": rows}


def _check_version(written: str, layout: Any) -> None:
    from importlib.metadata import version

    from packaging.version import InvalidVersion, Version

    here = version("harmattan")
    try:
        newer = Version(str(written)) > Version(here)
    except InvalidVersion:
        newer = True
    if newer or layout != FORMAT:
        raise ModelError(
            f"the model comes from version {written} of this package, which is not {here} and cannot be read by it.",
            remedy=f"Install version {written}, or train a new model.",
        )


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8")).hexdigest()
