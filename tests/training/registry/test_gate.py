"""The gate: only a challenger that is better, and not by chance, becomes champion."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest

from harmattan.training.models.catalogue import BASELINES
from harmattan.training.registry.gate import (
    Verdict,
    best_baselines,
    common_origins,
    decide,
    origin_scores,
    with_lists,
    with_parts,
)

HORIZONS = (1, 3, 6)
REGIONS = 40


def record(
    gain: Callable[[int, int], float] | float = 0.0,
    *,
    origins: int = 36,
    seed: int = 7,
    noise: float = 0.05,
    covers: tuple[float, float, float] = (0.5, 0.8, 0.9),
    target: str = "events",
) -> pd.DataFrame:
    """Scores of a model that gains ``gain`` (of origin and horizon) on a rival whose gain is zero."""
    rng = np.random.default_rng(5)
    own = np.random.default_rng(seed)
    rows = []
    for t in range(origins):
        level = 0.4 * REGIONS * rng.gamma(4.0, 0.25)
        for h in HORIZONS:
            g = gain(t, h) if callable(gain) else gain
            rows.append(
                {
                    "target": target,
                    "horizon": h,
                    "origin": str(pd.Period("2019-01", freq="M") + t),
                    "member": "pool",
                    "cases": REGIONS,
                    "observed": int(10 * level),
                    "crps": level * (1 - g) * (1 + noise * own.normal()),
                    **{
                        f"inside_{int(100 * p)}": round(REGIONS * c)
                        for p, c in zip((0.5, 0.8, 0.9), covers, strict=True)
                    },
                }
            )
    return pd.DataFrame(rows)


def judge(challenger: pd.DataFrame, champion: pd.DataFrame | None = None) -> Verdict:
    champion = record(seed=1) if champion is None else champion
    return decide(champion, challenger, np.random.default_rng(3))


def test_a_better_challenger_is_accepted() -> None:
    verdict = judge(record(0.06, seed=2))
    assert verdict.ok, verdict.reasons
    assert verdict.figures["low"] > 0
    assert verdict.figures["p"] < 0.05
    assert "36 origins" in verdict.reasons[0]


def test_a_worse_challenger_is_refused() -> None:
    verdict = judge(record(-0.06, seed=2))
    assert not verdict.ok
    assert any("horizon 1 loses" in reason for reason in verdict.reasons)


def test_an_equal_challenger_is_refused() -> None:
    champion = record(seed=1)
    verdict = judge(champion.copy(), champion)
    assert not verdict.ok
    assert verdict.figures["skill"] == 0


def test_equal_skill_with_other_noise_is_refused() -> None:
    accepted = [judge(record(0.0, seed=seed)).ok for seed in range(10, 60)]
    assert sum(accepted) <= 3


def test_one_that_is_better_only_at_the_first_horizon_is_refused() -> None:
    verdict = judge(record(lambda t, h: 0.25 if h == 1 else 0.0, seed=2))
    assert verdict.figures["low"] > 0
    assert not verdict.ok
    assert any("rests on horizon 1 alone" in reason for reason in verdict.reasons)


def test_one_that_is_better_by_luck_on_six_origins_is_refused() -> None:
    verdict = judge(record(lambda t, h: 0.5 if t in {2, 3, 4, 5, 30, 31} else -0.03, seed=2))
    few = judge(record(0.2, seed=2, origins=6))
    assert verdict.figures["skill"] > 0.01
    assert not verdict.ok
    assert few.figures["low"] > 0
    assert few.reasons == ("only 6 common origins: 24 are needed",)


def test_a_refit_has_to_be_no_worse() -> None:
    champion, rng = record(seed=1), np.random.default_rng(3)
    assert decide(champion, champion.copy(), rng, better=False).ok
    assert not decide(champion, record(-0.06, seed=2), rng, better=False).ok
    assert not decide(champion, champion[champion["origin"] < "2019-07"], rng, better=False).ok


def test_a_refit_that_is_surely_a_little_worse_is_refused() -> None:
    """Every horizon loses less than the two per cent that one may lose, and there is no doubt about it."""
    quiet = {"seed": 1, "noise": 0.01}
    rng = np.random.default_rng(3)
    verdict = decide(record(**quiet), record(-0.01, **quiet), rng, better=False)
    assert not verdict.ok
    assert verdict.reasons[0].startswith("CRPS is 1.0% worse")
    assert decide(record(**quiet), record(-0.003, **quiet), rng, better=False).ok


def test_one_horizon_that_loses_more_than_two_percent_is_enough_to_refuse() -> None:
    verdict = judge(
        record(lambda t, h: -0.04 if h == 6 else 0.15, seed=2, noise=0.01), record(seed=1, noise=0.01)
    )
    assert [r for r in verdict.reasons if "horizon 6 loses 4" in r]


def test_a_gain_too_small_to_be_worth_it_is_refused() -> None:
    champion = record(seed=1)
    better = champion.assign(crps=champion["crps"] * 0.997)
    verdict = judge(better, champion)
    assert verdict.figures["low"] > 0
    assert verdict.reasons == ("CRPS gains +0.3%: at least +0.5% is needed",)


def test_coverage_out_of_band_is_refused() -> None:
    verdict = judge(record(0.06, seed=2, covers=(0.4, 0.8, 0.9)))
    assert verdict.reasons == ("events: the 50% interval covers 40.0%: out of its band of 2 points",)


def test_another_target_may_not_be_worse() -> None:
    better, other = record(0.06, seed=2), record(-0.1, seed=3, target="deaths")
    champion = pd.concat([record(seed=1), record(seed=4, target="deaths")])
    verdict = judge(pd.concat([better, other]), champion)
    assert not verdict.ok
    assert all(reason.startswith("deaths: horizon") for reason in verdict.reasons)


def both_targets(gain: float, seed: int) -> pd.DataFrame:
    return pd.concat([record(gain, seed=seed), record(gain, seed=seed + 1, target="deaths")])


def test_what_the_champion_forecasts_the_challenger_has_to_forecast_too() -> None:
    champion, better = both_targets(0.0, 1), both_targets(0.06, 3)
    assert judge(better, champion).ok
    one = judge(better[(better["target"] == "events") & (better["horizon"] == 1)], champion)
    assert one.reasons == (
        "deaths: the challenger does not forecast it",
        "events: the challenger does not forecast horizon 3",
        "events: the challenger does not forecast horizon 6",
    )
    dropped = judge(better[better["target"] != "deaths"], champion)
    assert dropped.reasons == ("deaths: the challenger does not forecast it",)


def test_each_horizon_needs_enough_origins_of_its_own() -> None:
    champion, better = both_targets(0.0, 1), both_targets(0.06, 3)
    early = better["origin"] < "2019-06"
    short = better[(better["target"] == "deaths") | (better["horizon"] != 6) | early]
    assert judge(short, champion).reasons == ("events: horizon 6 has only 5 common origins: 24 are needed",)
    assert not judge(better[(better["target"] == "events") | early], champion).ok
    refit = decide(champion, short, np.random.default_rng(3), better=False)
    assert not refit.ok


def test_a_challenger_may_forecast_more_than_the_champion() -> None:
    assert judge(both_targets(0.06, 3), record(seed=1)).ok


def test_origins_with_other_outcomes_are_not_the_same() -> None:
    champion = record(seed=1)
    revised = record(0.06, seed=2).assign(observed=lambda d: d["observed"] + (d["origin"] >= "2020-01"))
    assert sorted(set(common_origins(champion, revised)["origin"]))[-1] == "2019-12"
    assert judge(revised.assign(cases=3)).reasons == ("no origin is common to both on the same outcomes",)


def test_the_same_blocks_give_the_same_verdict() -> None:
    assert judge(record(0.06, seed=2)) == judge(record(0.06, seed=2))


@pytest.fixture
def cases() -> pd.DataFrame:
    rng = np.random.default_rng(7)
    rows = [
        ("events", member, h, f"2020-{m:02d}", region, 3, crps, float(rng.random()))
        for member, crps in (("pool", 0.4), ("zero", 0.7), ("conflictology_12", 0.5), ("boosted", 0.1))
        for h in (1, 3)
        for m in range(1, 5)
        for region in ("a", "b")
    ]
    names = ["target", "member", "horizon", "origin", "region_id", "observed", "crps", "pit"]
    frame = pd.DataFrame(rows, columns=names)
    return frame.astype({"target": "category", "member": "category", "origin": "category", "crps": "float32"})


def test_cases_become_sums_by_origin(cases: pd.DataFrame) -> None:
    scored = origin_scores(cases)
    assert set(scored["member"]) == {"pool", "zero", "conflictology_12"}
    pool = scored[(scored["member"] == "pool") & (scored["horizon"] == 1)]
    assert pool["cases"].tolist() == [2] * 4
    assert pool["crps"].to_numpy() == pytest.approx(0.8)
    drawn = cases[(cases["member"] == "pool") & (cases["horizon"] == 1)]["pit"]
    assert pool["inside_80"].sum() == ((drawn > 0.1) & (drawn < 0.9)).sum()


def test_the_rival_of_a_first_champion_is_the_best_baseline(cases: pd.DataFrame) -> None:
    assert "conflictology_12" in BASELINES
    assert set(best_baselines(origin_scores(cases))["member"]) == {"conflictology_12"}


def lists(worse: float = 0.0, months: int = 36, of: str = "onset") -> pd.DataFrame:
    """Log scores of past lists, higher by a share."""
    rng = np.random.default_rng(4)
    rows = [
        {
            "of": of,
            "months": m,
            "origin": str(pd.Period("2019-01", freq="M") + t),
            "cases": 60,
            "happened": t % 4,
        }
        for t in range(months)
        for m in (1, 3, 6)
    ]
    return pd.DataFrame(rows).assign(log_score=(4 + rng.gamma(4.0, 0.5, len(rows))) * (1 + worse))


GAINED = Verdict(True, ("CRPS of events +3.0%",), {"skill": 0.03})


@pytest.mark.parametrize("of", ["onset", "entry"])
def test_lists_that_are_clearly_worse_are_refused(of: str) -> None:
    both = lists(of="entry" if of == "onset" else "onset")
    champion, challenger = (pd.concat([lists(w, of=of), both]) for w in (0.0, 0.1))
    verdict = with_lists(GAINED, champion, challenger, np.random.default_rng(3))
    name = {"onset": "onsets", "entry": "entries"}[of]
    assert not verdict.ok
    assert verdict.reasons == (f"the log score of {name} within 3 months is 10.0% worse, at least 10.0%",)
    assert verdict.figures[f"{name}_skill"] == pytest.approx(-0.1)
    assert verdict.figures["skill"] == 0.03


def test_lists_as_good_or_a_little_worse_change_nothing() -> None:
    champion = pd.concat([lists(), lists(of="entry")])
    for worse in (-0.1, 0.0, 0.01):
        challenger = pd.concat([lists(worse), lists(worse, of="entry")])
        verdict = with_lists(GAINED, champion, challenger, np.random.default_rng(3))
        assert (verdict.ok, verdict.reasons) == (True, GAINED.reasons)


def test_lists_that_are_worse_by_chance_are_not_refused() -> None:
    champion = pd.concat([lists(), lists(of="entry")])
    early = champion["origin"] < "2020-07"
    challenger = champion.assign(log_score=champion["log_score"] * np.where(early, 1.5, 0.6))
    verdict = with_lists(GAINED, champion, challenger, np.random.default_rng(3))
    assert verdict.figures["entries_skill"] < -0.02 < 0.02 < verdict.figures["entries_high"]
    assert verdict.ok


def test_lists_that_cannot_be_compared_are_named() -> None:
    none = lists(months=0).reindex(columns=lists().columns)
    rng = np.random.default_rng(3)
    verdict = with_lists(GAINED, none, lists(), rng)
    assert verdict.ok
    assert "onsets are not compared: the champion has no record of them" in verdict.reasons
    verdict = with_lists(GAINED, lists(), lists(months=12), rng)
    assert verdict.ok
    assert "onsets are not compared: only 12 common origins: 24 are needed" in verdict.reasons
    assert with_lists(GAINED, None, lists(), rng) == GAINED
    assert with_lists(GAINED, lists(), None, rng).reasons == ("the challenger does not forecast onsets",)
    refused = Verdict(False, ("horizon 1 loses 3.0%",))
    assert with_lists(refused, none, lists(), rng).reasons == refused.reasons
    assert with_lists(refused, lists(), none, rng).reasons[0] == refused.reasons[0]


PARTS = ("events_one_sided", "events_jnim", "deaths_civilians")


def parts(gain: float = 0.0, origins: int = 36, names: tuple[str, ...] = PARTS) -> pd.DataFrame:
    """Scores of parts; those of their conflictology are 5 % higher than without a gain."""
    each = [record(origins=origins, seed=i, target=name) for i, name in enumerate(names)]
    table = pd.concat(each, ignore_index=True)
    return table.assign(crps_conflictology=table["crps"] * 1.05, crps=table["crps"] * (1 - gain))


def test_parts_that_are_clearly_worse_are_refused_and_others_are_not() -> None:
    rng = np.random.default_rng(3)
    for gain in (0.05, 0.0, -0.01):
        verdict = with_parts(GAINED, parts(), parts(gain), rng)
        assert (verdict.ok, verdict.reasons) == (True, GAINED.reasons)
    one = parts()
    one.loc[one["target"] == "events_jnim", "crps"] *= 1.06
    verdict = with_parts(GAINED, parts(), one, rng)
    assert verdict.reasons == ("CRPS of events_jnim is 6.0% worse, at least 6.0%",)
    assert not verdict.ok
    assert verdict.figures["skill_events_jnim"] == pytest.approx(-0.06)


def test_one_of_many_parts_may_lose_by_chance() -> None:
    names = tuple(f"events_group_{i}" for i in range(20))
    rng, months = np.random.default_rng(5), np.random.default_rng(9).normal(1.0, 0.15, 36)
    lost = parts(names=names)
    unlucky = lost["target"] == names[3]
    lost.loc[unlucky, "crps"] *= np.resize(months * 1.04, unlucky.sum())
    assert not with_parts(GAINED, parts(names=names[3:4]), lost[unlucky], rng).ok
    assert with_parts(GAINED, parts(names=names), lost, rng).ok


def test_parts_of_a_first_champion_are_held_against_their_own_conflictology() -> None:
    rng = np.random.default_rng(3)
    assert with_parts(GAINED, None, parts(), rng).ok
    assert "events_jnim is" in " ".join(with_parts(GAINED, None, parts(-0.12), rng).reasons)


def test_parts_that_cannot_be_compared_are_named() -> None:
    rng, none = np.random.default_rng(3), parts().iloc[:0]
    assert with_parts(GAINED, none, none, rng) == GAINED
    assert with_parts(GAINED, None, none, rng) == GAINED
    words = with_parts(GAINED, none, parts(), rng).reasons
    assert words[-1] == "parts are not compared: the champion has no record of them"
    few = with_parts(GAINED, parts(), parts(origins=12), rng)
    assert "events_jnim is not compared: only 12 common origins: 24 are needed" in few.reasons
    for lost in (none, parts(names=PARTS[:2])):
        verdict = with_parts(GAINED, parts(), lost, rng)
        assert "the challenger has no record of deaths_civilians" in verdict.reasons
