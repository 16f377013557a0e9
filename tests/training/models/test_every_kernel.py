"""Another BLAS kernel adds sums in another order; fits end at the same place all the same."""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys

import numpy as np
import pytest

#: Fits on the shipped counts whose search, left alone, ends where the last bits of its sums take it.
PROGRAM = """
import json
import pandas as pd
from harmattan.data.snapshot import load_snapshot
from harmattan.training.models.catalogue import fit_members
from harmattan.training.problems import build_problems

snapshot = load_snapshot()
problem = build_problems(snapshot.panel, ["events"], [snapshot.training])["events"]
origin = pd.Period("2021-12", "M")
names = ("exponential_nb", "endemic_epidemic", "boosted")
fitted = fit_members(problem, origin, 6, names)
print(json.dumps({n: m.margins(problem, origin).mean.tolist() for n, m in fitted.items()}))
"""


@pytest.mark.slow
@pytest.mark.skipif(platform.machine() != "x86_64", reason="the kernels are those of x86")
def test_fits_end_at_the_same_place_under_every_kernel() -> None:
    means = []
    for core in ("Haswell", "Nehalem"):
        alone = {**os.environ, "OPENBLAS_CORETYPE": core, "OMP_NUM_THREADS": "1"}
        done = subprocess.run(
            [sys.executable, "-c", PROGRAM], env=alone, capture_output=True, text=True, check=True
        )
        means.append(json.loads(done.stdout))
    for name, mean in means[0].items():
        np.testing.assert_allclose(mean, means[1][name], rtol=1e-6, err_msg=name)
