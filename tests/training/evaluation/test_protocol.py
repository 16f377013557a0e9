"""The house benchmark is what it says it is, the vault stays shut, and a first release is a part of the whole."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from harmattan.data.errors import RegionError, UsageError
from harmattan.data.panel import Panel
from harmattan.data.snapshot import load_snapshot, reporting_delay
from harmattan.training.evaluation.protocol import (
    HOUSE,
    LAST_OPEN,
    LIVE,
    VAULT,
    check_vault,
    first_released,
    scored_regions,
)
from harmattan.training.margins import empirical


@pytest.fixture(scope="module")
def snapshot() -> Panel:
    return load_snapshot().panel


def test_the_house_has_55_origins_and_47_regions(snapshot: Panel) -> None:
    origins = HOUSE.origins(1)
    assert (len(origins), str(origins[0]), str(origins[-1])) == (55, "2017-12", "2022-06")
    regions = scored_regions(snapshot, HOUSE)
    per_country = pd.Series([r[:3] for r in regions]).value_counts().to_dict()
    assert per_country == {"MLI": 9, "BFA": 13, "NER": 8, "BEN": 12, "TGO": 5}


@pytest.mark.parametrize(("horizon", "expected"), [(1, 0.410), (3, 0.433), (6, 0.453)])
def test_conflictology_scores_what_it_is_known_to_score(
    snapshot: Panel, horizon: int, expected: float
) -> None:
    # Computed here from the counts alone, so that a change of panel, months or regions cannot pass unseen.
    at = [snapshot.region_ids.index(r) for r in scored_regions(snapshot, HOUSE)]
    counts = snapshot.measure("events", fill=0)[:, at].astype(int)
    rows = [snapshot.position(origin) for origin in HOUSE.origins(horizon)]
    crps = [empirical(counts[r - 11 : r + 1]).crps(counts[r + horizon]).mean() for r in rows]
    assert np.mean(crps) == pytest.approx(expected, abs=0.001)


def test_the_house_and_the_live_table_stop_before_the_vault() -> None:
    for protocol in (HOUSE, LIVE):
        assert protocol.last_target == LAST_OPEN
        assert not check_vault(protocol.last_target, unseal=False)


def test_the_vault_judges_every_horizon_on_the_months_of_2023() -> None:
    for horizon in VAULT.horizons:
        targets = [origin + horizon for origin in VAULT.origins(horizon)]
        assert (len(targets), str(targets[0]), str(targets[-1])) == (12, "2023-01", "2023-12")


def test_the_vault_opens_only_when_it_is_asked_to() -> None:
    with pytest.raises(UsageError, match=r"scoring 2023-12 opens the vault.*unseal, which is recorded"):
        check_vault(VAULT.last_target, unseal=False)
    assert check_vault(VAULT.last_target, unseal=True)


def test_a_panel_without_the_countries_of_the_benchmark(snapshot: Panel) -> None:
    with pytest.raises(RegionError, match="no region of TGO"):
        scored_regions(snapshot.select(countries=["MLI", "BFA", "NER", "BEN"]), HOUSE)


def world(seed: int = 1) -> Panel:
    """Two countries, four months, parts that add up."""
    rng = np.random.default_rng(seed)
    rows = []
    for month in pd.period_range("2022-01", periods=4, freq="M"):
        for region in [f"MLI-r{i}" for i in range(30)] + [f"SEN-r{i}" for i in range(5)]:
            state, one = rng.integers(0, 30, 2)
            jnim, late = rng.integers(0, state + one + 1, 2)
            rows.append(
                {
                    "month": str(month),
                    "region_id": region,
                    "events": state + one,
                    "late_events": late,
                    "events_state_based": state,
                    "events_one_sided": one,
                    "events_jnim": jnim,
                    "events_other": state + one - jnim,
                    "deaths_low": state,
                    "deaths_best": 2 * state,
                    "deaths_high": 3 * state,
                }
            )
    return Panel.from_frame(pd.DataFrame(rows))


def test_a_first_release_loses_only_its_own_month_and_country() -> None:
    panel = world()
    thin = first_released(panel, pd.Period("2022-03", "M"), {"MLI": 0.6}, np.random.default_rng(3))
    mali = np.array([c == "MLI" for c in panel.countries])
    for name in panel.measures:
        before, after = panel.measure(name), thin.measure(name)
        np.testing.assert_array_equal(after[[0, 1, 3]], before[[0, 1, 3]])
        np.testing.assert_array_equal(after[2, ~mali], before[2, ~mali])
        assert (after[2] <= before[2]).all()
    kept = thin.measure("events")[2, mali].sum() / panel.measure("events")[2, mali].sum()
    assert kept == pytest.approx(0.6, abs=0.05)


def test_the_parts_of_a_first_release_add_up() -> None:
    thin = first_released(world(), pd.Period("2022-04", "M"), {"MLI": 0.5}, np.random.default_rng(3))
    last = {name: thin.measure(name)[3] for name in thin.measures}
    np.testing.assert_array_equal(last["events"], last["events_state_based"] + last["events_one_sided"])
    np.testing.assert_array_equal(last["events"], last["events_jnim"] + last["events_other"])
    assert (last["late_events"] <= last["events"]).all()
    assert (last["deaths_low"] <= last["deaths_best"]).all()
    assert (last["deaths_best"] <= last["deaths_high"]).all()


def test_the_given_panel_stays_as_it_was() -> None:
    panel = world()
    before = panel.digest()
    first_released(panel, pd.Period("2022-04", "M"), {"MLI": 0.5}, np.random.default_rng(3))
    assert panel.digest() == before


def test_the_shares_are_those_of_the_published_vintages(real_data: Path) -> None:
    table = pd.read_csv(real_data / "vintages" / "country_month_first_vs_final.csv")
    delay = reporting_delay(table, np.random.default_rng(1), draws=10).set_index("country")["share"]
    names = {"Benin": "BEN", "Burkina Faso": "BFA", "Mali": "MLI", "Niger": "NER", "Togo": "TGO"}
    for name, code in names.items():
        assert LIVE.first_release[code] == pytest.approx(min(delay[name], 1.0), abs=0.0051)
