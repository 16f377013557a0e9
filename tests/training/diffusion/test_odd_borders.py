"""Panels whose borders are odd: every region an enclave, a border of one link, a country of one region."""

from __future__ import annotations

import numpy as np
import pandas as pd
from small_worlds import panel_of, problem_of

from harmattan.data.panel import Panel
from harmattan.training.diffusion import fit_diffusion
from harmattan.training.diffusion.border_signal import ANYWHERE, NONE_SHOWN, SOME
from harmattan.training.diffusion.model import Diffusion
from harmattan.training.diffusion.uncertainty import Ensemble


def links(*pairs: tuple[str, str]) -> pd.DataFrame:
    """Links of 100 km each."""
    table = pd.DataFrame(pairs, columns=["region_a", "region_b"])
    crosses = [a[:3] != b[:3] for a, b in pairs]
    return table.assign(border_km=100.0, crosses_border=crosses)


def followed(
    leader: int, follower: int, level: list[float], months: int = 150, pull: float = 0.9
) -> np.ndarray:
    """Counts in which one region's events follow another's a month later."""
    rng = np.random.default_rng(5)
    counts = rng.poisson(level, size=(months, len(level)))
    counts[:, leader] = rng.poisson(rng.gamma(1.0, level[leader], size=months))
    counts[1:, follower] += rng.poisson(pull * counts[:-1, leader])
    return counts


def fitted(panel: Panel) -> Diffusion:
    rng = np.random.default_rng(1)
    return fit_diffusion(problem_of(panel), panel.months[-1], permutations=40, rng=rng)


def test_a_panel_of_nothing_but_enclaves_has_no_permeability_and_right_borders() -> None:
    """Nobody has a neighbour at home, so that there is no domestic boundary to compare with."""
    ids = ("AAA-1", "BBB-1", "AAA-2", "BBB-2", "AAA-3", "BBB-3")
    joined = links(*((ids[i], ids[i + 1]) for i in range(5)))
    model = fitted(panel_of(followed(0, 1, [2.0, 0.2, 0.3, 0.3, 0.3, 0.3]), ids, joined))
    pairs = model.pairs.set_index(["source_country", "target_country"])
    there, back = pairs.loc[("AAA", "BBB")], pairs.loc[("BBB", "AAA")]
    assert not model.domestic.any()
    assert pairs["permeability"].isna().all()
    assert there["coefficient"] > 5 * back["coefficient"]
    assert there["p_holm"] < 0.05 < back["p_holm"]
    found = Ensemble.of(model).expect(np.ones((6, 4)), 6)
    assert np.isfinite(found.mean).all()
    assert model.radius < 1


def test_a_border_of_one_link_is_judged_like_any_other() -> None:
    ids = tuple(f"{c}-{i}" for c in ("AAA", "BBB") for i in range(1, 5))
    inside = [(f"{c}-{i}", f"{c}-{i + 1}") for c in ("AAA", "BBB") for i in range(1, 4)]
    counts = followed(3, 4, [0.5, 0.5, 0.5, 3.0, 0.2, 0.5, 0.5, 0.5])
    model = fitted(panel_of(counts, ids, links(*inside, ("AAA-4", "BBB-1"))))
    pairs = model.pairs.set_index(["source_country", "target_country"])
    there = pairs.loc[("AAA", "BBB")]
    assert there["p_holm"] < 0.05
    # One of sixteen places is the link's own: evidence, which permutations cannot make into a declared signal.
    assert 0.03 < there["p_permuted"] < 0.13
    assert (there["grade"], bool(there["declared"])) == (SOME, False)
    assert pairs.loc[("BBB", "AAA"), "grade"] == NONE_SHOWN
    reached = np.argwhere(model.across > 0)
    assert [4, 3] in reached.tolist()
    assert {tuple(sorted(r)) for r in reached.tolist()} <= {(3, 4)}


def test_where_permuting_changes_nothing_no_border_is_declared() -> None:
    """Two countries of one region each: the border joins what it joins, and its place can prove nothing."""
    model = fitted(panel_of(followed(0, 1, [3.0, 0.2]), ("AAA-1", "BBB-1"), links(("AAA-1", "BBB-1"))))
    there = model.pairs.set_index(["source_country", "target_country"]).loc[("AAA", "BBB")]
    assert there["p_holm"] < 0.05
    assert there["p_permuted"] == 1.0
    assert (there["verdict"], bool(there["declared"])) == (ANYWHERE, False)
