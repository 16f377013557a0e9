"""How recent lists did, month by month: what a training records, and the gate holds against the champion's."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from ...data.errors import ModelError
from ...data.panel import Panel
from ...training.models.base import Problem
from ...training.onset import AHEAD, OnsetFits, OnsetModels, history_of
from ...training.trained_model import LIST_SCORES
from .evaluation import MODEL, cases_of
from .scores import figures, log_losses

#: One row per kind of list and months ahead, over all origins.
SCORE_COLUMNS = ("of", "months", "cases", "happened", "auc", "ap", "log_skill", "brier_skill", "ratio")


@dataclass
class _Stored(OnsetFits):
    """One trained model at every month, in place of fits of its own."""

    models: OnsetModels

    def at(self, month: pd.Period) -> OnsetModels:
        """The trained model, whatever the month."""
        return self.models


def score_stored(
    models: OnsetModels, problem: Problem, others: Sequence[Panel], first: pd.Period
) -> pd.DataFrame:
    """The lists of a trained model from the month on that it was trained to, held against what came.

    Parameters
    ----------
    models : OnsetModels
    problem : Problem
        Of events, up to the last month that outcomes are taken from.
    others : sequence of Panel
        Regions that are learned from only.
    first : pandas.Period
        The first month that a list is made at.

    Returns
    -------
    pandas.DataFrame
        :data:`LIST_SCORES`.
    """
    last = problem.panel.last_month
    known = [p.until(min(last, p.last_month)) for p in others]
    fits = _Stored(history_of(problem.panel, known), problem, models)
    return score_recent(fits, last, len(problem.panel.months), first)["watch_origins"]


def score_recent(
    fits: OnsetFits, origin: pd.Period, count: int, first: pd.Period | None = None
) -> dict[str, pd.DataFrame]:
    """Score the lists of the months before an origin against what is known at it.

    Parameters
    ----------
    fits : OnsetFits
        Of a history that ends with the origin, at least.
    origin : pandas.Period
        The last month that outcomes are taken from.
    count : int
        How many lists good for six months are looked at; those for one and three reach nearer to the origin.
    first : pandas.Period, optional
        No list before that month is looked at.

    Returns
    -------
    dict
        ``watch_scores`` (:data:`SCORE_COLUMNS`: AUC, average precision, skill of log and Brier scores over a constant,
        observed over forecast) and ``watch_origins`` (:data:`LIST_SCORES`; ``log_score`` is the negative logarithm
        of the chance of what came, the lower the better). No row where nothing could be forecast.
    """
    known = fits.history.months[fits.history.months < origin][-(count + AHEAD - 1) :]
    known = known if first is None else known[known >= first]
    parts, columns = [], ["of", "months", "origin", MODEL, "happened"]
    for month in known:
        try:
            each = [p[columns] for p in cases_of(fits, month, 0) if len(p)]
        except ModelError:  # too early to have learned anything
            continue
        parts += [p for p in each if month.ordinal + p["months"].iloc[0] <= origin.ordinal]
    scores, origins = [], []
    if parts:
        for (of, months), rows in pd.concat(parts, ignore_index=True).groupby(["of", "months"]):
            chance, happened = rows[MODEL].to_numpy(float), rows["happened"].to_numpy(bool)
            head = {"of": of, "months": months}
            if happened.any() and not happened.all():
                counts = {"cases": len(rows), "happened": int(happened.sum())}
                scores.append({**head, **counts, **figures(chance, happened)})
            rows = rows.assign(lost=log_losses(chance, happened))
            for ordinal in sorted(set(rows["origin"].tolist())):
                here = rows[rows["origin"] == ordinal]
                sums = {"cases": len(here), "happened": int(here["happened"].sum())}
                at = str(pd.Period(ordinal=ordinal, freq="M"))
                origins.append({**head, "origin": at, **sums, "log_score": float(np.sum(here["lost"]))})
    return {
        "watch_scores": pd.DataFrame(scores, columns=list(SCORE_COLUMNS)),
        "watch_origins": pd.DataFrame(origins, columns=list(LIST_SCORES)),
    }
