"""How recent lists did, month by month: what a training records, and the gate holds against the champion's."""

from __future__ import annotations

import numpy as np
import pandas as pd

from ...data.errors import ModelError
from ...training.onset import AHEAD, OnsetFits
from ...training.trained_model import LIST_SCORES
from .evaluation import MODEL, cases_of
from .scores import figures, log_losses

#: One row per kind of list and months ahead, over all origins.
SCORE_COLUMNS = ("of", "months", "cases", "happened", "auc", "ap", "log_skill", "brier_skill", "ratio")


def score_recent(fits: OnsetFits, origin: pd.Period, count: int) -> dict[str, pd.DataFrame]:
    """Score the lists of the months before an origin against what is known at it.

    Parameters
    ----------
    fits : OnsetFits
        Of a history that ends with the origin, at least.
    origin : pandas.Period
        The last month that outcomes are taken from.
    count : int
        How many lists good for six months are looked at; those for one and three reach nearer to the origin.

    Returns
    -------
    dict
        ``watch_scores`` (:data:`SCORE_COLUMNS`: AUC, average precision, skill of log and Brier scores over a constant,
        observed over forecast) and ``watch_origins`` (:data:`LIST_SCORES`; ``log_score`` is the negative logarithm
        of the chance of what came, the lower the better). No row where nothing could be forecast.
    """
    known = fits.history.months[fits.history.months < origin][-(count + AHEAD - 1) :]
    parts = []
    for month in known:
        try:
            parts += [p[p["origin"] + p["months"] <= origin.ordinal] for p in cases_of(fits, month, 0)]
        except ModelError:  # too early to have learned anything
            continue
    scores, origins = [], []
    if parts:
        columns = ["of", "months", "origin", MODEL, "happened"]
        for (of, months), rows in pd.concat([p[columns] for p in parts], ignore_index=True).groupby(
            ["of", "months"]
        ):
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
