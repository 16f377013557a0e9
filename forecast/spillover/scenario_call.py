"""What Python users call with settings alone and the command line puts together itself."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import pandas as pd

    from ..settings import Settings


def simulate_scenario(
    settings: Settings, changes: Sequence[str], months: int = 6, lasting: int = 6
) -> pd.DataFrame:
    """What another course of some regions would mean for all others, as ``harmattan scenario`` says it.

    Parameters
    ----------
    settings : Settings
        Data, origin, draws and seed.
    changes : sequence of str
        ``MLI-gao=2x``, ``MLI-gao=+20``, ``MLI-gao=12`` (events per month) or ``MLI-gao=@2012`` (as in that year).
    months : int
        Months that are simulated, from 1; ``--ahead`` on the command line.
    lasting : int
        Months that the changes last, 1..months; ``--months`` on the command line.

    Returns
    -------
    pandas.DataFrame
        See :func:`harmattan.forecast.spillover.scenario.run_scenario`: one row per region or country and month.

    Raises
    ------
    HarmattanError
        A change that cannot be read, an unknown region, data without links across a border.

    Examples
    --------
    >>> from harmattan import Settings, simulate_scenario
    >>> table = simulate_scenario(Settings.load({"draws": 200}), ["MLI-gao=2x"])  # doctest: +SKIP
    >>> table.query("level == 'country'")[["place", "month", "difference"]]  # doctest: +SKIP
    """
    from .job import prepare
    from .scenario import parse_change, plan_of, run_scenario

    read = [change for text in changes for change in parse_change(text)]
    _, view, origin = prepare(settings)
    plan = plan_of(read, view.problem.panel, max(months, lasting), lasting)
    rng = np.random.default_rng(np.random.SeedSequence([settings.seed, 4]))
    return run_scenario(view.model, view.problem, origin, plan, settings.draws, rng)
