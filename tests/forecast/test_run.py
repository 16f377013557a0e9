"""One run on the embedded snapshot, and small ones on panels of one's own."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from small_worlds import ladder_panel

from harmattan.data.errors import OriginError, RegionError
from harmattan.data.panel import Panel
from harmattan.data.snapshot import load_snapshot
from harmattan.forecast.report.page import render
from harmattan.forecast.result import ForecastResult
from harmattan.forecast.run import run_forecast
from harmattan.forecast.settings import Settings
from harmattan.training.evaluation.backtest import run_backtest
from harmattan.training.pool.explain import FAMILIES
from harmattan.training.problems import build_problems

SHORT = Settings(
    draws=200, horizons=(1, 2), backtest_origins=2, workers=1, targets=("events",), seed=5, track=False
)


def same_draws(one: ForecastResult, other: ForecastResult) -> bool:
    return all(
        one.draws[t].values.tobytes() == other.draws[t].values.tobytes()
        and one.draws[t].mean().tobytes() == other.draws[t].mean().tobytes()
        for t in one.draws
    )


@pytest.fixture(scope="module")
def result() -> ForecastResult:
    return run_forecast(SHORT)


@pytest.fixture(scope="module")
def own_panel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("panel") / "panel.parquet"
    ladder_panel(6, 72).write_parquet(path)
    return path


def run_own(path: Path, **options: Any) -> ForecastResult:
    return run_forecast(replace(SHORT, panel=path, **options))


@pytest.mark.slow
def test_no_draw_has_deaths_and_no_event() -> None:
    both = run_forecast(replace(SHORT, targets=("events", "deaths"), backtest_origins=0))
    events, deaths = both.draws["events"].values, both.draws["deaths"].values
    assert not ((deaths > 0) & (events == 0)).any()
    assert (both.draws["deaths"].prob_at_least(1) <= both.draws["events"].prob_at_least(1)).all()
    assert (both.countries["deaths"].prob_at_least(1) <= both.countries["events"].prob_at_least(1)).all()


@pytest.mark.slow
def test_a_back_test_judges_what_is_published(own_panel: Path) -> None:
    """Also where it is quiet, where months follow the model of onsets, and of deaths, which follow the events."""
    targets = ("events", "deaths")
    published = run_own(own_panel, targets=targets, horizons=(1, 3), backtest_origins=0)
    problems = build_problems(Panel.read_parquet(own_panel), list(targets))
    options = {"learns": False, "draws": SHORT.draws, "compared": ()}
    records = run_backtest(list(problems.values()), [published.origin], (1, 3), **options)
    plain = run_backtest(problems["events"], [published.origin], (1, 3), onsets=False, **options)
    for record in records:
        draws, at = published.draws[record.target], (1, 3).index(record.horizon)
        for k in (1, 5):
            judged = record.of("pool", f"p{k}")[0]
            np.testing.assert_allclose(judged, draws.prob_at_least(k)[at], atol=1 / SHORT.draws)
        np.testing.assert_allclose(record.of("pool", "mean")[0], draws.mean()[at], rtol=1e-6)
    assert any(
        (a.of("pool", "mean") != b.of("pool", "mean")).any() for a, b in zip(records, plain, strict=False)
    )


# --- on the snapshot ---------------------------------------------------------------------------------------------


def test_quantiles_are_never_negative_and_never_cross(result: ForecastResult) -> None:
    quantiles = result.draws["events"].quantile(np.linspace(0.01, 0.99, 23))
    assert quantiles.min() >= 0
    assert (np.diff(quantiles, axis=0) >= 0).all()
    countries = result.countries["events"].quantile(np.linspace(0.01, 0.99, 23))
    assert (np.diff(countries, axis=0) >= 0).all()


@pytest.mark.slow
def test_the_same_model_again_says_what_was_published_and_sees_what_is_changed(
    result: ForecastResult,
) -> None:
    assert result.again is not None
    mean = result.again(result.panel, (1, 2), None)
    assert mean is not None
    np.testing.assert_allclose(mean, result.draws["events"].mean(), rtol=1e-6, atol=1e-6)
    # Of the countries alone that are published it says the same: models see the others all the same.
    some = result.panel.select(countries=["MLI", "BFA"])
    at = [result.panel.region_ids.index(region) for region in some.region_ids]
    part = result.again(some, (1,), None)
    assert part is not None
    np.testing.assert_allclose(part[0], mean[0, at], rtol=1e-6, atol=1e-6)
    assert result.again(result.panel, (1,), {"name": "gone", "digest": "0"}) is None


def test_the_most_violent_regions_lead(result: ForecastResult) -> None:
    events = result.panel.measure("events")[-12:].sum(axis=0)
    busiest = set(np.argsort(-events)[:10])
    leading = np.argsort(-result.draws["events"].mean()[0])[:5]
    assert set(leading) <= busiest
    assert {result.panel.countries[i] for i in leading} <= {"MLI", "BFA"}
    assert result.draws["events"].mean()[0].sum() == pytest.approx(events.sum() / 12, rel=0.4)


def test_countries_are_sums_of_joint_draws(result: ForecastResult) -> None:
    draws, countries = result.draws["events"], result.countries["events"]
    assert countries.region_ids == tuple(sorted(set(result.panel.countries)))
    for i, name in enumerate(countries.region_ids):
        inside = [k for k, c in enumerate(result.panel.countries) if c == name]
        np.testing.assert_array_equal(countries.values[..., i], draws.values[..., inside].sum(axis=-1))
        np.testing.assert_allclose(countries.mean()[:, i], draws.mean()[:, inside].sum(axis=-1))


def test_regions_do_not_rise_and_fall_as_one(result: ForecastResult) -> None:
    values = result.draws["events"].values[:, 0].astype(float)
    spread = values.sum(axis=1).std()
    assert spread < 0.6 * values.std(axis=0).sum()


def test_the_origin_and_the_months_are_those_of_the_data(result: ForecastResult) -> None:
    assert result.origin == pd.Period("2023-12", "M")
    assert result.months == (pd.Period("2024-01", "M"), pd.Period("2024-02", "M"))
    assert result.draws["events"].values.shape == (200, 2, 89)
    assert (result.level, str(result.run_date)) == ("amber", "2024-01-31")
    assert "2023-12, not current" in result.banner
    assert result.data_hash == load_snapshot().panel.digest()


def test_contributions_add_up_to_what_is_published(result: ForecastResult) -> None:
    table = result.contributions
    whole = table.pivot_table(index="horizon", columns="region_id", values="value", aggfunc="sum")
    mean = result.draws["events"].mean()
    np.testing.assert_allclose(whole[list(result.panel.region_ids)].to_numpy(), mean, rtol=1e-6)
    assert whole.loc[1].idxmax().startswith(("MLI", "BFA"))
    assert set(table.family) == set(FAMILIES)


def test_scores_compare_every_member_with_conflictology(result: ForecastResult) -> None:
    scores = result.scores
    assert {"conflictology", "pool", "endemic_epidemic", "boosted"} <= set(scores.member)
    assert set(scores.horizon) == {1}
    assert (scores.cases == 2 * 89).all()
    assert (scores.skill_vs_conflictology[scores.member == "conflictology"] == 0).all()


def test_spillover_goes_across_borders_only(result: ForecastResult) -> None:
    table = result.spillover
    assert (table.source_country != table.target_country).all()
    assert set(table.horizon) == {1}
    assert (table.risk_difference >= 0).all()
    assert set(zip(table.source_country, table.target_country, strict=True)) <= set(
        zip(result.pairs.source_country, result.pairs.target_country, strict=True)
    )


def test_models_are_text_that_can_be_read_again(result: ForecastResult) -> None:
    assert "diffusion.json" in result.models
    for name, text in result.models.items():
        if name.endswith(".json"):
            json.loads(text, parse_constant=lambda word, name=name: pytest.fail(f"{word} in {name}"))
        else:
            assert text.startswith("tree"), name


@pytest.mark.slow
def test_both_targets_on_the_snapshot_do_not_depend_on_the_workers() -> None:
    one, two = (
        run_forecast(replace(SHORT, targets=("events", "deaths"), workers=workers)) for workers in (1, 2)
    )
    assert same_draws(one, two)
    pd.testing.assert_frame_equal(one.spillover, two.spillover, check_exact=True)
    pd.testing.assert_frame_equal(one.scores, two.scores, check_exact=True)
    pd.testing.assert_frame_equal(one.contributions, two.contributions, check_exact=True)
    assert one.models == two.models


# --- on a panel of one's own -------------------------------------------------------------------------------------


@pytest.mark.slow
def test_another_seed_gives_other_draws_of_the_same_margins(own_panel: Path) -> None:
    one, two = (run_own(own_panel, seed=seed, backtest_origins=0) for seed in (1, 2))
    assert (one.model["weights"], one.model["calibrated"]) == ("equal", False)
    assert not same_draws(one, two)
    np.testing.assert_array_equal(
        np.sort(one.draws["events"].values, axis=0), np.sort(two.draws["events"].values, axis=0)
    )


def test_a_run_as_of_a_month_sees_no_later_one(own_panel: Path, tmp_path: Path) -> None:
    panel = ladder_panel(6, 72)
    panel.until(panel.months[60]).write_parquet(tmp_path / "cut.parquet")
    whole = run_own(own_panel, as_of=str(panel.months[60]), backtest_origins=1)
    short = run_own(tmp_path / "cut.parquet", backtest_origins=1)
    assert whole.origin == panel.months[60]
    assert same_draws(whole, short)
    pd.testing.assert_frame_equal(whole.spillover, short.spillover, check_exact=True)
    pd.testing.assert_frame_equal(whole.scores, short.scores, check_exact=True)
    assert whole.data_hash == short.data_hash


def test_only_the_countries_asked_for_are_published(own_panel: Path) -> None:
    whole, part = (run_own(own_panel, countries=c, backtest_origins=0) for c in ((), ("BBB",)))
    assert part.panel.region_ids == ("BBB-1", "BBB-2", "BBB-3", "BBB-4")
    assert part.draws["events"].region_ids == part.panel.region_ids
    assert part.countries["events"].region_ids == ("BBB",)
    assert set(part.contributions.region_id) == set(part.panel.region_ids)
    assert set(part.spillover.target_region) <= set(part.panel.region_ids)
    # The other country is still learned from: the numbers are those of the whole run.
    np.testing.assert_array_equal(part.draws["events"].values, whole.draws["events"].values[..., 4:])
    np.testing.assert_array_equal(part.draws["events"].mean(), whole.draws["events"].mean()[:, 4:])


def test_a_country_that_is_not_there_stops_the_run_before_it_works(own_panel: Path) -> None:
    stages: list[str] = []
    with pytest.raises(RegionError, match="'CCC' is not in this panel"):
        run_forecast(
            replace(SHORT, panel=own_panel, countries=("BBB", "CCC")),
            lambda stage, share: stages.append(stage),
        )
    assert "models" not in stages


def test_progress_runs_from_nothing_to_the_end_of_the_models(own_panel: Path) -> None:
    heard: list[tuple[str, float]] = []
    run_forecast(
        replace(SHORT, panel=own_panel, backtest_origins=0), lambda stage, share: heard.append((stage, share))
    )
    shares = [share for _, share in heard]
    assert shares == sorted(shares)
    assert heard[0] == ("data", 0.0)
    assert max(shares) <= 1


@pytest.mark.parametrize(
    ("as_of", "says"),
    [
        ("1999-12", "1999-12 is outside the data, which run from 2001-01 to 2006-12"),
        ("2030-01", "2030-01 is outside the data"),
        ("2002-01", "2002-01 cannot be an origin: forecasts need at least 36 months"),
    ],
)
def test_an_origin_that_the_data_cannot_serve_is_named(own_panel: Path, as_of: str, says: str) -> None:
    with pytest.raises(OriginError, match=says):
        run_own(own_panel, as_of=as_of)


def test_a_short_panel_is_an_origin_error(tmp_path: Path) -> None:
    ladder_panel(1, 30).write_parquet(tmp_path / "panel.parquet")
    with pytest.raises(OriginError, match="Bring a longer history"):
        run_own(tmp_path / "panel.parquet")


def test_too_many_regions_leave_spillover_out_and_the_page_says_so(tmp_path: Path) -> None:
    ladder_panel(6, 60).write_parquet(tmp_path / "panel.parquet")
    result = run_own(tmp_path / "panel.parquet", backtest_origins=0, spillover_regions=7)
    assert result.spillover.empty
    assert "Spillover across borders was not estimated in this run" in render(result)


@pytest.mark.parametrize("links", ["none", "domestic"])
def test_without_a_border_to_cross_there_is_a_forecast_and_no_spillover(links: str, tmp_path: Path) -> None:
    panel = ladder_panel(6, 60)
    inside = panel.links[~panel.links.crosses_border] if links == "domestic" else None
    replace(panel, links=inside).write_parquet(tmp_path / "panel.parquet")
    result = run_own(tmp_path / "panel.parquet", backtest_origins=0, targets=("events", "deaths"))
    assert result.spillover.empty
    assert result.pairs.empty
    assert result.scores.empty
    assert set(result.draws) >= {"events", "deaths"}
    assert result.regions is None
    assert "<html" in render(result)
    values = result.draws["events"].values[:, 0, :].astype(float)
    assert values.sum(axis=1).std() == pytest.approx(np.sqrt(values.var(axis=0).sum()), rel=0.3)


def test_a_country_whose_coverage_ended_is_still_forecast(tmp_path: Path) -> None:
    observed = np.ones((72, 8), dtype=bool)
    observed[55:, 4:] = False
    ladder_panel(6, 72, observed).write_parquet(tmp_path / "panel.parquet")
    result = run_own(tmp_path / "panel.parquet", backtest_origins=2)
    assert np.isfinite(result.draws["events"].mean()).all()
    assert (result.scores.cases == 2 * 4).all()
