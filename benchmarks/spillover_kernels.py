"""Do other weights of neighbours, or saturation, fit the real counts better, and do they change what is declared?

    python benchmarks/spillover_kernels.py

Counts to 2022-12 only. Every kernel has the same number of coefficients, so that log-likelihoods compare directly.
"""

from __future__ import annotations

from harmattan.data.snapshot import load_snapshot
from harmattan.forecast.settings import Settings
from harmattan.forecast.spillover.job import border_rng, problem_of
from harmattan.training.diffusion.border_signal import CLOSE
from harmattan.training.diffusion.fit import fit_diffusion
from harmattan.training.diffusion.kernel import Kernel

DECAYS = (None, 0.5, 1.0, 2.0, 4.0)
SATURATIONS = (None, 5.0, 20.0, 80.0)


def main() -> None:
    """Print one row per kernel."""
    problem = problem_of(load_snapshot().panel.until("2022-12"))
    first: float | None = None
    print(
        "| decay | saturation | log-likelihood, against the default | declared (too close to call) |\n|---|---|---|---|"
    )
    for kernel in [Kernel(d, None) for d in DECAYS] + [Kernel(None, s) for s in SATURATIONS[1:]]:
        rng = border_rng(Settings().seed)
        model = fit_diffusion(problem, problem.panel.months[-1], rng=rng, intervals=False, kernel=kernel)
        found = float(model.account["loglike"])
        first = found if first is None else first
        told = model.pairs.assign(name=model.pairs["source_country"] + " to " + model.pairs["target_country"])
        close = [f"({name})" for name in told.loc[told["verdict"] == CLOSE, "name"]]
        names = ", ".join([*told.loc[told["declared"], "name"], *close]) or "none"
        print(
            f"| {kernel.decay or '-'} | {kernel.saturation or '-'} | {found - first:+.1f} | {names} |",
            flush=True,
        )


if __name__ == "__main__":
    main()
