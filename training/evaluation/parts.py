"""How well parts were forecast: against conflictology of the part itself, and last year's share of the pool."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from ...data import AGAINST_CIVILIANS
from ...data.panel import Panel
from ..margins import Margins, empirical
from ..parts import CIVILIANS, CivilianShare, Division, Divisions, ShareModel, civilian_division, divisions_of
from ..record import Record
from .scores import block_bootstrap_skill, interval_coverage

#: Who is compared: the pool's parts, the part's own last 12 months, and the pool by the shares of the last 12 months.
MEMBERS = ("pool", "conflictology_12", "last_year_share")
#: Skill over last year's shares of the pool, and its interval.
SHARE_SKILL = ("skill_vs_last_year", "share_low", "share_high")
#: Columns of the record by month.
ORIGIN_COLUMNS = ("target", "horizon", "origin", "cases", "observed", "crps", "crps_conflictology")
#: Draws that parts are scored on, and months of the two rivals.
DRAWS, MONTHS = 400, 12
#: Events against civilians, by whatever name.
AGAINST = tuple(f"events_{name}" for name in AGAINST_CIVILIANS)
#: Entropy of the random stream of a case, beside origin and horizon.
STREAM = 28


class PartScore(NamedTuple):
    """One origin's forecasts of one part: ``crps`` (members, regions), what was observed, and the pool's transform."""

    crps: np.ndarray
    observed: np.ndarray
    lower: np.ndarray
    upper: np.ndarray
    mean: np.ndarray


@dataclass(frozen=True)
class PartJudge:
    """Splits the pool's forecasts from past origins and scores the parts.

    Attributes
    ----------
    panel : Panel
        Shares are learned up to each origin.
    divisions : Divisions
        Of the whole panel.
    keep : numpy.ndarray
        Positions of the regions that are scored.
    model : ShareModel
    drawn : dict
        By row of an origin: draws of all events and of those against civilians, which civilian deaths follow.
    """

    panel: Panel
    divisions: Divisions
    keep: np.ndarray
    model: ShareModel = field(default_factory=ShareModel)
    drawn: dict[int, tuple[np.ndarray, np.ndarray]] = field(default_factory=dict)

    @classmethod
    def of(cls, panel: Panel, keep: np.ndarray) -> PartJudge:
        """The judge of a panel's parts."""
        return cls(panel, divisions_of(panel), keep)

    def scores(
        self, target: str, pool: Margins, row: int, horizon: int, lag: int = 0
    ) -> dict[str, PartScore]:
        """Scores of every part of a total at one origin; empty where nothing was observed.

        Parameters
        ----------
        target : str
            The total. Civilian deaths follow the types of events where these were judged first.
        pool : Margins
            The pool's forecast of the total, of the kept regions.
        row : int
            The origin's row.
        horizon, lag : int
            Months ahead, and months before the origin that were not published then.
        """
        at, known = row + horizon, row - lag
        if at >= self.panel.shape[0]:
            return {}
        totals = pool.stratified(DRAWS)
        if target == "events":
            found: dict[str, PartScore] = {}
            rng = np.random.default_rng([STREAM, row, horizon])
            for division in self.divisions.found:
                ours = self._split(division, totals, known, rng)
                found |= self._of(division, division.names, ours, totals, (known, at), rng)
                of_type = next((n for n in AGAINST if n in division.names), None)
                if of_type is not None and CIVILIANS in self.panel.measures:
                    # A copy: a view would hold the draws of all parts from here to the last origin.
                    self.drawn[row] = totals, ours[..., division.names.index(of_type)].copy()
            return found
        if target != "deaths" or not {CIVILIANS, "deaths_best"} <= set(self.panel.measures):
            return {}
        rng, division = np.random.default_rng([STREAM, row, horizon, 1]), civilian_division(self.panel)
        share = CivilianShare.fit(self.panel, known) if row in self.drawn else None
        if share is None:
            ours = self._split(division, totals, known, rng)
        else:
            events, against = self.drawn.pop(row)
            ours = share.counts(totals, against, events, rng)[..., None]
        return self._of(division, (CIVILIANS,), ours, totals, (known, at), rng)

    def _split(
        self, division: Division, totals: np.ndarray, row: int, rng: np.random.Generator
    ) -> np.ndarray:
        """Draws of the parts by shares as they are known at a row, (draws, regions, parts)."""
        known = self.model.at(division, self.panel.countries, row)
        region = self.keep[np.nonzero(totals)[1]]
        gamma = rng.standard_gamma(known.shape[region])
        whole = gamma.sum(axis=-1, keepdims=True)
        share = np.where(whole > 1e-300, gamma / np.maximum(whole, 1e-300), known.mean[region])
        return _spread(totals, share / share.sum(axis=-1, keepdims=True), rng)

    def _of(
        self,
        division: Division,
        names: Sequence[str],
        ours: np.ndarray,
        totals: np.ndarray,
        rows: tuple[int, int],
        rng: np.random.Generator,
    ) -> dict[str, PartScore]:
        """Scores of the first parts of a division, as they were known at one row, in the month of another."""
        (row, at), keep = rows, self.keep
        shares = last_shares(division, self.panel.countries, row)[keep[np.nonzero(totals)[1]]]
        theirs = _spread(totals, shares, rng)
        seen = division.observed[at, keep]
        past = division.counts[max(row - MONTHS + 1, 0) : row + 1][:, keep].astype(np.int64)
        out = {}
        for k, name in enumerate(names):
            y = np.where(seen, division.counts[at, keep, k], 0)
            mine, *rivals = (np.ascontiguousarray(s[..., k]) for s in (ours, past, theirs))
            crps = np.stack([empirical(s).crps(y) for s in (mine, *rivals)])
            lower, upper = (mine < y).mean(axis=0), (mine <= y).mean(axis=0)
            out[name] = PartScore(crps, np.where(seen, y, np.nan), lower, upper, mine.mean(axis=0))
        return out


def _spread(totals: np.ndarray, shares: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Totals of draws and regions spread over parts by the shares of each pair that has any, (pairs, parts)."""
    parts = np.zeros((*totals.shape, shares.shape[1]), dtype=np.int64)
    some = np.nonzero(totals)
    parts[some] = rng.multinomial(totals[some], shares)
    return parts


def last_shares(division: Division, countries: Sequence[str], row: int) -> np.ndarray:
    """Shares of a region's last 12 months; its country's where it had none, everybody's where that had none."""
    own = division.counts[max(row - MONTHS + 1, 0) : row + 1].sum(axis=0)
    home = pd.factorize(np.asarray(countries, dtype=object), sort=True)[0]
    national = np.zeros((home.max(initial=-1) + 1, own.shape[1]))
    np.add.at(national, home, own)
    whole = own.sum(axis=0) if own.sum() > 0 else np.ones(own.shape[1])
    chosen = np.where(own.sum(axis=1, keepdims=True) > 0, own, national[home])
    chosen = np.where(chosen.sum(axis=1, keepdims=True) > 0, chosen, whole)
    return np.asarray(chosen / chosen.sum(axis=1, keepdims=True))


def parts_table(records: Iterable[Record], seed: int) -> pd.DataFrame:
    """:func:`part_board` of every record whose parts were judged, one below the other; no rows where none was."""
    boards = [
        part_board(r.parts, r.horizon, np.random.default_rng([seed, STREAM, r.horizon]))
        for r in records
        if r.parts
    ]
    columns = ["target", "member", "horizon", "cases", "crps"]
    return pd.concat(boards, ignore_index=True) if boards else pd.DataFrame(columns=columns)


def part_origins(records: Iterable[Record]) -> pd.DataFrame:
    """How the pool's parts did month by month, in :data:`ORIGIN_COLUMNS`: what the gate compares.

    Scores and outcomes are sums over regions.
    """
    found = [
        part_scores(judged, record.horizon, origin)
        for record in records
        for origin, judged in zip(record.origins, record.parts, strict=False)
    ]
    return pd.concat(found, ignore_index=True) if found else pd.DataFrame(columns=list(ORIGIN_COLUMNS))


def part_scores(judged: Mapping[str, PartScore], horizon: int, origin: pd.Period) -> pd.DataFrame:
    """One origin's rows of :func:`part_origins`."""
    rows = []
    for name, score in judged.items():
        seen = np.isfinite(score.observed)
        crps = score.crps[:, seen].sum(axis=1).tolist()
        case = (name, horizon, str(origin), int(seen.sum()), int(score.observed[seen].sum()))
        rows += [(*case, crps[0], crps[1])] if seen.any() else []
    return pd.DataFrame(rows, columns=list(ORIGIN_COLUMNS))


def part_board(
    judged: Sequence[Mapping[str, PartScore]], horizon: int, rng: np.random.Generator
) -> pd.DataFrame:
    """One row per part and member, in the columns of a run's scores.

    Skill is over conflictology of the part; the pool has :data:`SHARE_SKILL` beside it.

    Parameters
    ----------
    judged : sequence of mapping
        By origin in order, what :meth:`PartJudge.scores` gave.
    horizon : int
    rng : numpy.random.Generator
        Draws the bootstrap samples of months, and randomises the transform.
    """
    rows = []
    for name in dict.fromkeys(name for each in judged for name in each):
        mine = [each[name] for each in judged if name in each]
        observed = np.stack([s.observed for s in mine])
        seen, crps = np.isfinite(observed), np.stack([s.crps for s in mine], axis=1)
        if not seen.any():
            continue
        some = seen.any(axis=1)
        monthly = np.nanmean(np.where(seen, crps, np.nan)[:, some], axis=2)
        lower, upper = np.stack([s.lower for s in mine]), np.stack([s.upper for s in mine])
        transform = lower + rng.random(lower.shape) * (upper - lower)
        for m, member in enumerate(MEMBERS):
            skill, low, high = block_bootstrap_skill(monthly[m], monthly[1], rng)
            row: dict[str, Any] = {
                "target": name,
                "member": "conflictology" if m == 1 else member,
                "horizon": horizon,
                "cases": int(seen.sum()),
                "crps": float(crps[m][seen].mean()),
                "skill_vs_conflictology": skill,
                "skill_low": low,
                "skill_high": high,
            }
            if m == 0:
                row |= dict(zip(SHARE_SKILL, block_bootstrap_skill(monthly[0], monthly[2], rng), strict=True))
                covered = interval_coverage(transform[seen])
                row |= {f"coverage_{int(level * 100)}": share for level, share in covered.items()}
            rows.append(row)
    return pd.DataFrame(rows)
