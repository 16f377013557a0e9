"""The history page and the stored evaluation: what is told, and that it is what the tables hold."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
from small_worlds import ladder_panel, panel_of

from harmattan.data.snapshot import load_snapshot
from harmattan.forecast.spillover.evaluation import shipped as spillover_stored
from harmattan.forecast.spillover.evaluation.hindcast import load_evaluation
from harmattan.forecast.spillover.evaluation.history import first_signals, history_page, history_table
from harmattan.forecast.spillover.evaluation.sensitivity import changed, joined, neighbour_links
from harmattan.forecast.spillover.evaluation.shipped import COLUMNS, evaluation_text, stored_tables, summary
from harmattan.forecast.spillover.words import SHOCK_RATE_DISTINGUISHABLE, SHOCK_RATES


@pytest.fixture
def history() -> pd.DataFrame:
    """Two sources into Burkina Faso over two years; the second is declared from May 2018 on."""
    origins = [str(m) for m in pd.period_range("2017-01", "2018-12", freq="M")]
    tables = []
    for source, share in (("NER", 0.02), ("MLI", 0.2)):
        tables.append(
            pd.DataFrame(
                {
                    "origin": origins,
                    "source_country": source,
                    "target_country": "BFA",
                    "events": np.linspace(1, 2, 24),
                    "share": share + np.linspace(0, 0.1, 24),
                    "p_holm": np.linspace(1, 0.02, 24),
                    "declared": [source == "MLI" and o >= "2018-05" for o in origins],
                    "distinguishable_from_shock": False,
                }
            )
        )
    return pd.concat(tables, ignore_index=True)


@pytest.fixture
def entries() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "origin": ["2017-03"],
            "group": ["JNIM"],
            "region_id": ["BFA-nord"],
            "country": ["BFA"],
            "rank_inflow": [2.0],
            "rank_next_door": [1.0],
        }
    )


def test_a_year_tells_its_strongest_source_and_first_signal(history: pd.DataFrame) -> None:
    table = history_table(history).set_index("year")
    assert table.source.tolist() == ["MLI", "MLI"]
    assert table.origins.tolist() == [12, 12]
    assert table.first_signal.tolist() == ["", "2018-05"]
    assert table.signals.tolist() == [0, 8]
    assert table.largest_share[2018] == pytest.approx(0.3)
    assert first_signals(history).to_dict("records") == [
        {"source_country": "MLI", "target_country": "BFA", "origin": "2018-05"}
    ]


def test_the_page_tells_years_and_arrivals(history: pd.DataFrame, entries: pd.DataFrame) -> None:
    page = history_page(history, entries)
    assert page.startswith("# Had it been run each month, 2017-01 to 2018-12\n")
    assert "| 2017 | Mali | 25% | 1.5 | 0.53 | never |" in page
    assert "from 2018-05, 8 of 12 months" in page
    assert "| 2017-03 | JNIM | BFA-nord | 2nd | 1st |" in page


def test_an_evaluation_is_stored_and_told_row_by_row(
    history: pd.DataFrame, monkeypatch: pytest.MonkeyPatch, tmp_path: object
) -> None:
    gain = pd.DataFrame(
        [("crps", 100, 0.3, 0.31, 0.03, -0.01, 0.05)],
        columns=["measure", "cases", "with_border", "without_border", "gain", "gain_low", "gain_high"],
    )
    about = pd.DataFrame([("2022-12", False, 7)], columns=["last_month", "unsealed", "seed"])
    text = evaluation_text({"about": about, "gain": gain, "history": history})
    assert text == evaluation_text({name: pd.DataFrame(rows) for name, rows in json.loads(text).items()})
    (tmp_path / "evaluation.json").write_text(text)  # type: ignore[operator]
    monkeypatch.setattr(spillover_stored, "FILE", "evaluation.json")
    monkeypatch.setattr(spillover_stored.resources, "files", lambda package: tmp_path)
    table = load_evaluation()
    assert table is not None
    assert tuple(table.columns) == COLUMNS
    assert table.attrs["about"]["last_month"] == "2022-12"
    first = table.iloc[0]
    assert (first.part, first.found, first.as_expected) == ("out of sample", 0.03, False)
    into = table[table.part == "history"].set_index("what")
    assert into.as_expected.to_dict() == {"BFA": False, "BEN": False, "TGO": False}
    assert "first declared at 2018-05" in into.words["BFA"]


def test_the_rate_beside_every_number_is_the_stored_one() -> None:
    stored = stored_tables()
    assert stored is not None
    worlds = stored["worlds"].set_index("setting")
    shocks = worlds[worlds.index.str.contains("shock")]
    passed = shocks.graded_either[shocks.graded_either > 0.1]
    assert (passed.min(), passed.max()) == pytest.approx(SHOCK_RATES, abs=0.005)
    assert shocks.distinguishable_either.max() == pytest.approx(SHOCK_RATE_DISTINGUISHABLE, abs=0.005)
    table = load_evaluation()
    assert table is not None
    assert set(table.part) >= {
        "simulated worlds",
        "permuted borders",
        "out of sample",
        "first events",
        "history",
    }


def test_without_a_stored_evaluation_nothing_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spillover_stored, "FILE", "there-is-none.json")
    assert load_evaluation() is None


def test_rates_are_judged_by_what_was_stated_beforehand() -> None:
    row = {
        "setting": "shock", "expected": "distinguishable in at most 10 %", "worlds": 100, "declared_a_to_b": 0.2,
        "declared_b_to_a": 0.1, "distinguishable_a_to_b": 0.05, "distinguishable_b_to_a": 0.02,
        "distinguishable_either": 0.07, "exactly_so": 0.7,
        "rate_low": 0.6, "rate_high": 0.8, "coefficient_covered": 0.9, "shares_covered": 0.9,
    }  # fmt: skip
    said = [row, {**row, "distinguishable_either": 0.2}, {**row, "expected": "declared in at most 10 %"}]
    found = summary({"worlds": pd.DataFrame(said)})
    assert found.as_expected.tolist() == [True, False, False]
    assert found.cases.tolist() == [100] * 3


def test_a_neighbour_is_joined_up_to_the_last_month_both_have() -> None:
    panel = ladder_panel(2, 60)
    observed = np.ones((50, 1), dtype=bool)
    more = panel_of(np.ones((50, 1)), ids=("CCC-1",), observed=observed)
    link = pd.DataFrame(
        {"region_a": ["AAA-4"], "region_b": ["CCC-1"], "border_km": [10.0], "crosses_border": [True]}
    )
    whole = joined(panel, more, link)
    assert str(whole.last_month) == str(more.last_month)
    assert set(whole.region_ids) == {*panel.region_ids, "CCC-1"}
    assert whole.links is not None
    assert panel.links is not None
    assert len(whole.links) == len(panel.links) + 1


def test_the_shipped_links_join_regions_that_are_shipped() -> None:
    snapshot, links = load_snapshot(), neighbour_links()
    assert snapshot.training is not None
    abroad, home = set(snapshot.training.region_ids), set(snapshot.panel.region_ids)
    ends = links[["region_a", "region_b"]].to_numpy()
    assert all((a in abroad) != (b in abroad) and {a, b} <= abroad | home for a, b in ends)
    assert links.crosses_border.all()
    assert links.border_km.gt(0).all()


def test_changed_verdicts_are_counted() -> None:
    table = pd.DataFrame(
        {
            "verdict_without": ["signal", "not significant", None],
            "verdict_with": ["signal", "signal", "signal"],
        }
    )
    assert changed(table) == {"borders": 2, "changed": 1}


def test_another_theatre_is_told_of_its_own_countries(history: pd.DataFrame) -> None:
    other = history.replace({"BFA": "UGA", "NER": "KEN", "MLI": "COD"})
    none = pd.DataFrame(columns=["origin", "group", "region_id", "country", "rank_inflow", "rank_next_door"])
    page = history_page(other, none.astype({"origin": str}))
    assert "## Uganda, 2017-2018" in page
    assert "| 2018 | DR Congo |" in page
    assert [name for name in ("Burkina", "Niger", "Benin", "Togo") if name in page] == []
