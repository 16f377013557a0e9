"""Spillover from one origin, by itself: every answer as a table, without the pool's forecast."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ...data.errors import ModelError, OriginError, RegionError, ReleaseError, listed, nearest
from ...data.panel import Panel
from ...data.show import Brief
from ...training.diffusion.fit import fit_diffusion
from ...training.diffusion.kernel import Kernel
from ...training.diffusion.model import Diffusion
from ...training.models.base import Problem
from ...training.models.excitation import border_weights
from ..inputs import Inputs
from ..loading import load_inputs
from ..settings import Settings
from .attribution import SPANS, Worlds, simulate_worlds, spillover_table
from .breakdown import ModelAtOrigin, exact_answers
from .stress import stress_response

Progress = Callable[[str, float], None]
#: The first two years only feed the lags; three years of outcomes are the least that a fit is asked to explain.
FEWEST_MONTHS = 60


@dataclass(frozen=True, repr=False)
class Spillover(Brief):
    """Everything that is said about spillover from one origin.

    Attributes
    ----------
    origin : pandas.Period
    view : ModelAtOrigin
        The fitted model and what it was fitted to.
    tables : mapping of str to pandas.DataFrame
        ``pairs, countries, regions, routes, chains, stress``, and ``groups`` where armed groups are known.
    inputs : Inputs
        What was read.
    """

    origin: pd.Period
    view: ModelAtOrigin
    tables: Mapping[str, pd.DataFrame]
    inputs: Inputs

    def write(self, folder: Path) -> list[Path]:
        """One CSV per table, and the model as JSON; a :class:`ReleaseError` where that cannot be done."""
        from ..release import csv_text

        try:
            folder.mkdir(parents=True, exist_ok=True)
            written = []
            for name, table in self.tables.items():
                written.append(folder / f"{name}.csv")
                written[-1].write_text(csv_text(table), encoding="utf-8")
            written.append(folder / "diffusion.json")
            text = json.dumps(self.view.model.to_json(), indent=1, sort_keys=True)
            written[-1].write_text(text + "\n", encoding="utf-8")
        except OSError as reason:
            raise ReleaseError(
                f"the tables cannot be written ({reason.strerror}).", str(folder), "Choose another --out."
            ) from None
        return written


def prepare(settings: Settings, permutations: int | None = None) -> tuple[Inputs, ModelAtOrigin, pd.Period]:
    """Read the data and fit the diffusion model at the origin.

    Raises
    ------
    OriginError
        An origin outside the data, or in which a country is no longer observed.
    HarmattanError
        Input that cannot be read; no links, or none across a border; more regions than ``spillover_regions``.
    """
    inputs = load_inputs(settings)
    origin = inputs.panel.last_month if settings.as_of is None else pd.Period(settings.as_of, freq="M")
    panel = inputs.panel.until(origin)
    if settings.countries:
        check_sources(settings.countries, panel)
    check_coverage(panel)
    check_length(panel)
    check_size(panel, settings.spillover_regions)
    problem = problem_of(panel)
    rng = border_rng(settings.seed)
    extra: dict[str, Any] = {} if permutations is None else {"permutations": permutations}
    model = fit_diffusion(problem, origin, rng=rng, kernel=kernel_of(settings), **extra)
    return replace(inputs, panel=panel), ModelAtOrigin.at(model, problem, origin), origin


def published_means(settings: Settings, panel: Panel, months: int) -> tuple[np.ndarray | None, str]:
    """Expected events of the newest release from the same counts, (months, regions), and its name.

    None and an empty name where the folder of releases has none, or none so long.
    """
    from ..release import PastRelease, all_releases

    digest = panel.digest()
    for info in reversed(all_releases(settings.out) if settings.out.is_dir() else []):
        if info.level in ("green", "amber") and info.manifest.get("data", {}).get("sha256") == digest:
            draws = PastRelease.read(info.path).draws.get("events")
            if draws is None or list(draws.horizons[:months]) != list(range(1, months + 1)):
                continue
            if tuple(draws.region_ids) == panel.region_ids:
                return draws.mean()[:months], info.name
    return None, ""


def border_rng(seed: int) -> np.random.Generator:
    """What draws the permutations of a fit: the same everywhere, so that all commands say the same of one origin."""
    return np.random.default_rng(np.random.SeedSequence([seed, 3]))


def check_size(panel: Panel, most: int) -> None:
    """A :class:`ModelError` where there are too many regions: time grows with more than their square."""
    if panel.shape[1] > most:
        raise ModelError(
            f"spillover between {panel.shape[1]} regions would take long; at most {most} are let through.",
            remedy="Bring fewer regions, or raise spillover_regions in the settings "
            f"(HARMATTAN_SPILLOVER_REGIONS={panel.shape[1]}).",
        )


def check_length(panel: Panel) -> None:
    """An :class:`OriginError` where there are too few months to tell anything."""
    if len(panel.months) < FEWEST_MONTHS:
        raise OriginError(
            f"there are {len(panel.months)} months up to {panel.last_month}, too few to tell what crosses a border.",
            remedy=f"Bring at least {FEWEST_MONTHS} months, or choose a later --as-of.",
        )


def kernel_of(settings: Settings) -> Kernel:
    """Weights of neighbours, and saturation, as the settings have them."""
    return Kernel(settings.spillover_decay, settings.spillover_saturation)


def problem_of(panel: Panel) -> Problem:
    """A problem for the diffusion model, which uses counts and links, and no features."""
    from ...features import Lag, Recipe

    return Problem(panel, Recipe([Lag(0)]).build(panel), "events")


def check_coverage(panel: Panel) -> None:
    """An :class:`OriginError` where a country is not observed at the panel's last month."""
    of = np.array(panel.countries)
    for country in sorted(set(panel.countries)):
        seen = np.asarray(panel.observed[:, of == country].any(axis=1))
        if not seen[-1]:
            last = panel.months[np.flatnonzero(seen)[-1]] if seen.any() else None
            raise OriginError(
                f"{country} is not observed in {panel.months[-1]}, so nothing can be said about what leaves it.",
                remedy=f"Choose --as-of {last}, or leave {country} out of the data."
                if last
                else f"Leave {country} out of the data.",
            )


def check_sources(countries: Sequence[str], panel: Panel) -> None:
    """An error where a source country is unknown (:class:`RegionError`), or none has a link across its border.

    An island among others is named in a warning.
    """
    of = np.array(panel.countries)
    # Without any link the fit itself says what is missing.
    crossing = border_weights(panel, crossing=True) if panel.links is not None else np.zeros((0, len(of)))
    alone: list[str] = []
    for country in countries:
        here = of == country
        if not here.any():
            raise RegionError(f"'{country}' is not in this panel.", remedy=nearest(country, set(of)))
        if crossing.any() and not crossing[:, here].any():
            alone.append(country)
    if alone and len(alone) == len(set(countries)):
        raise ModelError(
            f"no link of {listed(alone)} crosses its border, so nothing can be said about what leaves it.",
            remedy="Bring links that join it to another country, or leave it out of --countries.",
        )
    if alone:
        what = f"No link of {listed(alone)} crosses its border: nothing is said about what leaves it."
        logging.getLogger("harmattan").warning(what)


def run_spillover(settings: Settings, progress: Progress | None = None) -> Spillover:
    """Fit the model and answer every question about spillover from one origin.

    Parameters
    ----------
    settings : Settings
        Source, origin, draws (paths), seed; ``countries`` keeps the rows of these source countries.
    """
    say = progress or (lambda stage, share: None)
    say("fit", 0.0)
    inputs, view, origin = prepare(settings)
    months = max((s for s in SPANS if s <= max(settings.horizons)), default=1)
    rng = np.random.default_rng(np.random.SeedSequence([settings.seed, 1]))
    say("paths", 0.5)
    worlds = simulate_worlds(view.model, view.problem, origin, months, settings.draws, rng)
    tables = {
        "pairs": view.model.pairs,
        "countries": country_table(view.model, worlds, inputs),
        **exact_answers(view, [s for s in SPANS if s <= months]),
    }
    say("stress", 0.8)
    tables["stress"] = stress_response(view, worlds.uniforms)
    if settings.countries:
        keep = set(settings.countries)
        tables = {k: t[t["source_country"].isin(keep)].reset_index(drop=True) for k, t in tables.items()}
    say("done", 1.0)
    return Spillover(origin, view, tables, inputs)


def country_table(model: Diffusion, worlds: Worlds, inputs: Inputs) -> pd.DataFrame:
    """The spillover table without the pool: its column stays empty."""
    from ...training.distribution import Draws

    panel = inputs.panel
    months = worlds.paths.shape[1]
    horizons = tuple(range(1, months + 1))
    own = Draws(worlds.paths, panel.months[-1], horizons, panel.region_ids, "events")
    return spillover_table(model, worlds, panel, own, inputs.borders).assign(pool_risk=np.nan)


def total_shares(view: ModelAtOrigin, span: int) -> pd.DataFrame:
    """Share of each country's expected events that is traced to each other country, over all generations.

    Returns
    -------
    pandas.DataFrame
        ``source_country, target_country, horizon, events, share, declared``.
    """
    rows = []
    whole = view.expected(view.model, span)
    for source in view.sources:
        crossing = whole - view.expected(view.model.cut(source), span)
        for target in sorted(set(view.country) - {source}):
            at = view.country == target
            events = float(crossing[at].sum())
            rows.append(
                (source, target, span, events, events / whole[at].sum(), view.declared(source, target))
            )
    names = ["source_country", "target_country", "horizon", "events", "share", "declared"]
    return pd.DataFrame(rows, columns=names)
