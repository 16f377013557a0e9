"""Simulated worlds hold the truth they claim."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from harmattan.data.errors import UsageError
from harmattan.data.panel import build_panel
from harmattan.data.simulation import (
    Truth,
    World,
    grid_regions,
    propagation_matrix,
    simulate,
    simulate_counts,
)
from harmattan.data.snapshot import load_snapshot
from harmattan.data.sources import build_from_files

OPEN = World(months=120, permeability={("MLI", "BFA"): 1.5})


def truth_of(world: World = OPEN, seed: int = 1) -> Truth:
    return simulate_counts(world, grid_regions(("MLI", "BFA")), np.random.default_rng(seed))


def test_counts_have_the_means_and_variance_that_are_stated() -> None:
    truth = truth_of(World(months=3000, permeability={("MLI", "BFA"): 1.0}))
    residual = truth.counts - truth.means
    standardised = residual / np.sqrt(truth.means + truth.means**2 / truth.world.size)
    assert abs(standardised.mean()) < 0.02
    assert standardised.var() == pytest.approx(1, abs=0.05)


def test_means_follow_from_counts_by_a_plain_loop() -> None:
    truth = truth_of(World(months=30, permeability={("MLI", "BFA"): 0.7}))
    weights, ids = truth.world.lag_weights, truth.regions.region_ids
    for t in (6, 17, 29):
        for i in (0, 5, 17):
            mean = truth.endemic[t, i]
            border = truth.regions.links
            mine = border[(border.region_a == ids[i]) | (border.region_b == ids[i])]
            lag = {
                j: sum(weights[k - 1] * truth.counts[t - k, j] for k in range(1, 7)) for j in range(len(ids))
            }
            mean += truth.world.own * lag[i]
            for row in mine.itertuples():
                j = ids.index(row.region_b if row.region_a == ids[i] else row.region_a)
                factor = 1.0 if ids[j][:3] == ids[i][:3] else (0.7 if ids[i][:3] == "BFA" else 0.0)
                mean += truth.world.spread * factor * row.border_km / mine.border_km.sum() * lag[j]
            assert truth.means[t, i] == pytest.approx(mean)


def test_a_closed_border_carries_nothing() -> None:
    truth = truth_of()
    into_mali = [c == "MLI" for c in truth.regions.countries]
    assert truth.parts["across"][:, into_mali].sum() == 0
    shares = truth.shares().set_index(["source_country", "target_country"])["share_direct"]
    assert shares["BFA", "MLI"].max() == 0
    assert shares["MLI", "BFA"].max() > 0.05


def test_attributable_shares_equal_brute_force_simulation() -> None:
    truth = truth_of()
    origin, horizon = 80, 4
    direct, total = truth.attributable("MLI", origin, horizon)
    rng = np.random.default_rng(5)
    of = np.array(truth.regions.countries)
    cut = truth.propagation.copy()
    cut[np.ix_(of != "MLI", of == "MLI")] = 0
    sums = []
    for matrix in (truth.propagation, cut):
        paths = np.repeat(truth.counts[None, origin - 5 : origin + 1], 6000, axis=0).astype(float)
        for step in range(horizon):
            lag = np.einsum("k,pkr->pr", truth.world.lag_weights[::-1], paths[:, -6:])
            mean = truth.endemic[origin + 1 + step] + lag @ matrix.T
            paths = np.concatenate([paths, rng.poisson(mean)[:, None]], axis=1)
        sums.append(paths[:, 6:].sum(axis=1).mean(axis=0))
    expected = 1 - sums[1] / sums[0]
    assert total[of == "BFA"] == pytest.approx(expected[of == "BFA"], abs=0.03)
    assert (direct <= total + 1e-12).all()
    assert total[of == "MLI"] == pytest.approx(0)


def test_events_rebuild_the_counts_on_real_geometry() -> None:
    regions = load_snapshot().regions.select(["MLI", "BFA", "NER"])
    world = simulate(World(months=24, permeability={("MLI", "BFA"): 0.5}), regions, np.random.default_rng(2))
    panel = build_panel(world.incidents, regions).panel
    assert (panel.measures["events"] == world.truth.counts).all()
    assert panel.digest() != world.truth.panel().digest()


def test_vague_places_are_dropped_and_counted() -> None:
    world = simulate(World(months=36, imprecise_share=0.2), grid_regions(), np.random.default_rng(4))
    built = build_panel(world.incidents, world.regions)
    outcomes = built.ledger.by("outcome").set_index("outcome")["events"]
    assert outcomes["imprecise_place"] + outcomes["placed"] == world.truth.counts.sum()
    assert 0.1 < outcomes["imprecise_place"] / world.truth.counts.sum() < 0.3


def test_reports_come_late() -> None:
    world = simulate(World(months=36, delay=1.0), grid_regions(), np.random.default_rng(4))
    then = world.as_of("2011-06")
    last = build_panel(then, world.regions).panel
    row = last.position("2011-06")
    assert last.measures["events"][row].sum() < world.truth.counts[row].sum()
    assert str(last.last_month) == "2011-06"


def test_coverage_that_ends_early_is_missing_not_zero() -> None:
    world = simulate(
        World(months=36, coverage_end={"BFA": "2010-12"}), grid_regions(), np.random.default_rng(4)
    )
    panel = build_panel(world.incidents, world.regions).panel
    burkina = [c == "BFA" for c in panel.countries]
    assert not panel.observed[panel.position("2011-01") :, burkina].any()
    assert panel.observed.sum() == world.truth.panel().observed.sum()


def test_same_seed_same_world_other_seed_other_world() -> None:
    assert (truth_of(seed=3).counts == truth_of(seed=3).counts).all()
    assert (truth_of(seed=3).counts != truth_of(seed=4).counts).any()


def test_written_world_can_be_read_back(tmp_path: Path) -> None:
    world = simulate(World(months=24), grid_regions(), np.random.default_rng(6))
    world.write(tmp_path)
    built = build_from_files(
        f"ucdp:{tmp_path / 'events.csv'}",
        tmp_path / "regions.geojson",
        coverage={"MLI": ("2009-01", "2010-12"), "BFA": ("2009-01", "2010-12")},
    )
    assert (built.panel.measures["events"] == world.truth.counts).all()


def test_impossible_worlds_are_refused() -> None:
    with pytest.raises(UsageError, match="explodes"):
        propagation_matrix(World(own=0.9, spread=0.5), grid_regions())
    with pytest.raises(UsageError, match="permeability names 'GHA'"):
        propagation_matrix(World(permeability={("GHA", "BFA"): 1.0}), grid_regions())
    with pytest.raises(UsageError, match="size=0 is outside its support"):
        World(size=0)
