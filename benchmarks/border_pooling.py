"""How hard should borders be pulled to zero? Gain in CRPS of border regions by strength, in the six months after a fit.

    python benchmarks/border_pooling.py

Fixed strengths against one that is learned at every origin by empirical Bayes (the precision at which the prior
expects coefficients as large as those found, Laplace's approximation). Counts to 2022-12 only.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import scoringrules
from scipy import stats
from threadpoolctl import threadpool_limits

from harmattan.data.snapshot import load_snapshot
from harmattan.forecast.spillover.job import problem_of
from harmattan.training.diffusion.additive import Likelihood
from harmattan.training.diffusion.design import Design, make_design
from harmattan.training.diffusion.newton import FitResult

STRENGTHS = (0.1, 1.0, 4.0, 16.0)
MONTHS, ROUNDS = 6, 8


def fit(design: Design, likelihood: Likelihood, start: np.ndarray, strength: float) -> FitResult:
    """The fit with one strength of pooling."""
    pooled = replace(design, border_precision=strength)
    return pooled.fit(likelihood.under(pooled.prior()), start)


def learned(design: Design, likelihood: Likelihood, start: FitResult) -> tuple[float, FitResult]:
    """The strength at which the prior expects what is found, and its fit."""
    at = [design.position(t) for t in design.terms if t.kind == "across"]
    strength, found = 1.0, start
    for _ in range(ROUNDS):
        found = fit(design, likelihood, found.params, strength)
        sd = np.sqrt(np.diag(np.linalg.pinv(found.information, hermitian=True))[at])
        mean = found.params[at]
        # Second moment of a normal cut off at zero.
        hazard = np.exp(stats.norm.logpdf(mean / sd) - stats.norm.logcdf(mean / sd))
        strength = float(np.clip(1 / np.mean(mean**2 + sd**2 + mean * sd * hazard), 0.04, 100))
    return strength, found


def main() -> None:
    """Print the gain of every strength over a model without borders."""
    problem = problem_of(load_snapshot().panel.until("2022-12"))
    scores: dict[str, float] = {}
    with threadpool_limits(1):
        for origin in pd.period_range("2015-12", "2022-06", freq="M")[::6]:
            design, _ = make_design(problem, origin, None, 24, 2.0)
            likelihood = design.likelihood()
            best = design.fit(likelihood, design.start())
            closed = [t for t in design.terms if t.kind == "across"]
            fits = {"without": design.fit(likelihood, best.params, closed=closed)}
            fits |= {f"{s:g}": fit(design, likelihood, best.params, s) for s in STRENGTHS}
            strength, fits["learned"] = learned(design, likelihood, best)
            border, first = np.flatnonzero(design.far.any(axis=1)), problem.row(origin)
            for name, found in fits.items():
                for row in range(first, first + MONTHS):
                    mean, size = (v[border] for v in design.mean_after(found.params, row))
                    crps = scoringrules.crps_negbinom(
                        problem.counts[row + 1, border], size, size / (size + mean)
                    )
                    scores[name] = scores.get(name, 0.0) + float(crps.sum())
            print(f"{origin}: learned strength {strength:.1f}", flush=True)
    for name, score in scores.items():
        print(f"{name:>8}: {100 * (1 - score / scores['without']):+.2f} %")


if __name__ == "__main__":
    main()
