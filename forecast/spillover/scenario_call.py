"""What Python users call with settings alone and the command line puts together itself."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from ...data.errors import UsageError

if TYPE_CHECKING:
    import pandas as pd

    from ..settings import Settings


#: Most months of a scenario, here and on the command line.
LONGEST = 12


def simulate_scenario(
    settings: Settings, changes: Sequence[str], months: int = 6, ahead: int = 6
) -> pd.DataFrame:
    """What another course of some regions would mean for all others, as ``harmattan scenario`` says it.

    The baseline is the newest release from the same counts in ``settings.out``, else the path model's own forecast.
    What lies beyond the record, or is no scenario of lost ground, is warned of in the log ``harmattan``.

    Parameters
    ----------
    settings : Settings
        Data, origin, draws and seed.
    changes : sequence of str
        ``MLI-gao=2x``, ``MLI-gao=+20``, ``MLI-gao=12`` (events per month) or ``MLI-gao=@2012`` (as in that year).
    months : int
        Months that the changes last, 1..12.
    ahead : int
        Months that are simulated, 1..12; never fewer than the changes last.

    Returns
    -------
    pandas.DataFrame
        See :func:`harmattan.forecast.spillover.scenario.run_scenario`: one row per region or country and month.

    Raises
    ------
    UsageError
        Months out of bounds; one text where a list of changes is meant.
    HarmattanError
        A change that cannot be read, an unknown region, data without links across a border.

    Examples
    --------
    >>> from harmattan import Settings, simulate_scenario
    >>> table = simulate_scenario(Settings.load({"draws": 200}), ["MLI-gao=2x"])  # doctest: +SKIP
    >>> table.query("level == 'country'")[["place", "month", "difference"]]  # doctest: +SKIP
    """
    from ..settings import settings_of
    from .analogues import scenario_warnings
    from .job import prepare, published_means
    from .scenario import parse_change, plan_of, run_scenario

    for name, value in (("months", months), ("ahead", ahead)):
        whole = isinstance(value, int | np.integer) and not isinstance(value, bool)
        if not whole or not 1 <= value <= LONGEST:
            raise UsageError(
                f"{value!r} is no number of months.", name, f"Give a whole number, 1 to {LONGEST}."
            )
    if isinstance(changes, str | Mapping) or not all(isinstance(c, str) for c in changes):
        raise UsageError(f"{changes!r} is no list of changes.", "changes", 'Write ["REGION=2x"].')
    settings = settings_of(settings)
    read = [change for text in changes for change in parse_change(text)]
    _, view, origin = prepare(settings)
    plan = plan_of(read, view.problem.panel, max(months, ahead), months)
    rng = np.random.default_rng(np.random.SeedSequence([settings.seed, 4]))
    published, _ = published_means(settings, view.problem.panel, max(months, ahead))
    table = run_scenario(view.model, view.problem, origin, plan, settings.draws, rng, published)
    years = [(change.region_id, int(change.value)) for change in read if change.kind == "year"]
    for text in scenario_warnings(view.problem.panel, table, years):
        logging.getLogger("harmattan").warning(text)
    return table
