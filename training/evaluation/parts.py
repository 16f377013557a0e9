"""How well parts were forecast: against conflictology of the part itself, and last year's share of the pool."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
import pandas as pd

from ...data.panel import Panel
from ..margins import Margins, empirical
from ..parts import Division, Divisions, ShareModel, divisions_of
from ..record import Record
from .scores import block_bootstrap_skill, interval_coverage

#: Who is compared: the pool's parts, the part's own last 12 months, and the pool by the shares of the last 12 months.
MEMBERS = ("pool", "conflictology_12", "last_year_share")
#: Draws that parts are scored on, and months of the two rivals.
DRAWS, MONTHS = 400, 12
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
    divisions : Divisions
        Of the whole panel; shares are learned up to each origin.
    countries : tuple of str
        Of the panel's regions.
    keep : numpy.ndarray
        Positions of the regions that are scored.
    model : ShareModel
    """

    divisions: Divisions
    countries: tuple[str, ...]
    keep: np.ndarray
    model: ShareModel = field(default_factory=ShareModel)

    @classmethod
    def of(cls, panel: Panel, keep: np.ndarray) -> PartJudge:
        """The judge of a panel's parts."""
        return cls(divisions_of(panel), panel.countries, keep)

    def scores(self, pool: Margins, row: int, horizon: int, lag: int = 0) -> dict[str, PartScore]:
        """Scores of every part of the events at one origin; empty where nothing was observed.

        Parameters
        ----------
        pool : Margins
            The pool's forecast of all events, of the kept regions.
        row : int
            The origin's row.
        horizon, lag : int
            Months ahead, and months before the origin that were not published then.
        """
        found: dict[str, PartScore] = {}
        rng = np.random.default_rng([STREAM, row, horizon])
        for division in self.divisions.found:
            at = row + horizon
            if at < len(division.counts):
                found |= self._of(division, pool, row - lag, at, rng)
        return found

    def _of(
        self, division: Division, pool: Margins, row: int, at: int, rng: np.random.Generator
    ) -> dict[str, PartScore]:
        keep, known = self.keep, self.model.at(division, self.countries, row)
        totals = pool.stratified(DRAWS)
        gamma = rng.standard_gamma(np.broadcast_to(known.shape[keep], (DRAWS, *known.shape[keep].shape)))
        share = gamma / np.maximum(gamma.sum(axis=-1, keepdims=True), 1e-300)
        share = np.where(gamma.sum(axis=-1, keepdims=True) > 1e-300, share, known.mean[keep])
        share = share / share.sum(axis=-1, keepdims=True)
        ours = rng.multinomial(totals, share)
        theirs = rng.multinomial(totals, last_shares(division, self.countries, row)[keep])
        seen = division.observed[at, keep]
        past = division.counts[max(row - MONTHS + 1, 0) : row + 1][:, keep].astype(np.int64)
        out = {}
        for k, name in enumerate(division.names):
            y = np.where(seen, division.counts[at, keep, k], 0)
            crps = np.stack([empirical(s[..., k]).crps(y) for s in (ours, past, theirs)])
            mine = ours[..., k]
            lower, upper = (mine < y).mean(axis=0), (mine <= y).mean(axis=0)
            out[name] = PartScore(crps, np.where(seen, y, np.nan), lower, upper, mine.mean(axis=0))
        return out


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


def part_board(
    judged: Sequence[Mapping[str, PartScore]], horizon: int, rng: np.random.Generator
) -> pd.DataFrame:
    """One row per part and member, in the columns of a run's scores; skill is over conflictology of the part.

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
            row = {
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
                covered = interval_coverage(transform[seen])
                row |= {f"coverage_{int(level * 100)}": share for level, share in covered.items()}
            rows.append(row)
    return pd.DataFrame(rows)
