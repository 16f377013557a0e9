"""How long simulated paths take: 2,000 paths x 6 months x 200 regions, one world, against SciPy's inverse CDF.

Run by hand: ``python benchmarks/paths.py``.
"""

from __future__ import annotations

import time

import numpy as np
from scipy import stats

from harmattan.training.diffusion.design import LAG_HALF_LIVES
from harmattan.training.diffusion.model import Diffusion
from harmattan.training.diffusion.simulation import negative_binomial_quantile, simulate, size_at_origin

PATHS, MONTHS, REGIONS, GOAL = 2000, 6, 200, 2.0


def main() -> None:
    import pandas as pd

    rng = np.random.default_rng(1)
    reach = rng.random((REGIONS, REGIONS)) * (rng.random((REGIONS, REGIONS)) < 0.03)
    model = Diffusion(
        endemic=rng.gamma(0.5, 0.6, REGIONS),
        lag_shares=np.full(len(LAG_HALF_LIVES), 1 / len(LAG_HALF_LIVES)),
        own=np.full(REGIONS, 0.6),
        domestic=0.05 * reach,
        across=0.05 * reach.T,
        spread=0.0,
        slope=0.5,
        pairs=pd.DataFrame(),
        countries=("AAA",) * 100 + ("BBB",) * 100,
        scaled_by=1.0,
        account={},
    )
    states = rng.gamma(0.4, 8.0, size=(REGIONS, len(LAG_HALF_LIVES)))
    uniforms = rng.random((PATHS, MONTHS, REGIONS))
    size = size_at_origin(model, states)
    times = []
    for _ in range(5):
        start = time.perf_counter()
        paths = simulate(model, states, size, uniforms)
        times.append(time.perf_counter() - start)
    print(f"one world: {min(times):.2f} s of {GOAL} s allowed; {paths.mean():.2f} events per region-month")
    mean = np.broadcast_to(model.endemic + 1.0, (PATHS, REGIONS))
    start = time.perf_counter()
    mine = negative_binomial_quantile(uniforms[:, 0], mean, size)
    middle = time.perf_counter()
    theirs = stats.nbinom.ppf(uniforms[:, 0], size, size / (size + mean))
    end = time.perf_counter()
    assert (mine == theirs).all()
    print(
        f"one month's quantiles: {(end - middle) / (middle - start):.0f} times faster than scipy.stats, equal"
    )


if __name__ == "__main__":
    main()
