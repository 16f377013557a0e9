"""What the record says in words: generated from counts, whatever places, groups and months are called."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from harmattan.data.errors import UsageError
from harmattan.data.panel import Panel
from harmattan.data.snapshot import load_snapshot
from harmattan.forecast.parts import actors_table, choose_parts, facts_table, main_targets


def texts(panel: Panel, place: str) -> list[str]:
    facts = facts_table(panel)
    return list(facts[facts["place"] == place]["text"])


def test_azawad_movements_came_back_to_timbuktu() -> None:
    found = texts(load_snapshot().panel.until("2023-08"), "MLI-timbuktu")
    assert any(
        "Azawad movements: " in t and "Timbuktu in August 2023, the first in three years." in t for t in found
    )


def test_koulikoro_had_its_highest_month() -> None:
    found = texts(load_snapshot().panel, "MLI-koulikoro")
    assert (
        "Koulikoro had 6 events in December 2023, its highest month on record (since January 1989)." in found
    )


def test_a_renamed_and_shifted_snapshot_says_the_same_of_the_new_names() -> None:
    """Regions, countries and groups change places with each other, and every month is twenty years later."""
    panel = load_snapshot().panel.until("2023-08")
    rng = np.random.default_rng(11)
    order = rng.permutation(len(panel.region_ids))
    codes = sorted(set(panel.countries))
    other = dict(zip(codes, rng.permutation(codes).tolist(), strict=True))
    groups = [g for g in panel.attrs["groups"] if g not in ("other", "jnim_vs_is")]
    swapped = dict(zip(groups, [*groups[1:], groups[0]], strict=True))
    measures = dict(panel.measures)
    for old, new in swapped.items():
        for kind in ("events", "against_civilians"):
            measures[f"{kind}_{new}"] = panel.measures[f"{kind}_{old}"]
    names = tuple(panel.names[i] for i in order)
    moved = replace(
        panel,
        months=panel.months + 240,
        names=names,
        region_ids=tuple(f"R-{i}" for i in range(len(order))),
        countries=tuple(other[c] for c in panel.countries),
        measures=measures,
        cells=None,
        links=None,
    )
    before, after = facts_table(panel), facts_table(moved)
    assert len(before) == len(after)
    assert len(before) > 10
    place = dict(zip(panel.region_ids, moved.region_ids, strict=True)) | other
    expected = {
        (place[r.place], r.kind, f"events_{swapped.get(a, a)}", r.months)
        for r in before.itertuples()
        for a in [str(r.about).removeprefix("events_")]
        if r.about != "events"
    }
    same = {(r.place, r.kind, r.about, r.months) for r in after.itertuples() if r.about != "events"}
    assert same == expected
    region = after[(after["level"] == "region") & (after["kind"] == "first")].iloc[0]
    assert region["name"] in region["text"]
    assert "August 2043" in region["text"]


def test_groups_of_too_few_events_in_a_country_are_withheld() -> None:
    months = pd.period_range("2020-01", "2023-12", freq="M").astype(str)
    rows = [
        {
            "month": m,
            "region_id": r,
            "events": 3,
            "events_big": 3 - (last and r == "AAA-1"),
            "events_small": int(last and r == "AAA-1"),
        }
        for m in months
        for last in [m == months[-1]]
        for r in ("AAA-0", "AAA-1")
    ]
    panel = Panel.from_frame(pd.DataFrame(rows))
    kept, withheld = actors_table(panel)
    assert set(kept["group"]) == {"big"}
    assert withheld[["file", "group", "past_events"]].values.tolist() == [["actors.csv", "small", 1]]
    assert not facts_table(panel)["about"].eq("events_small").any()


def test_actors_add_up_to_the_panel() -> None:
    panel = load_snapshot().panel
    kept, withheld = actors_table(panel)
    for group in ("jnim", "islamic_state", "azawad"):
        total = int(np.nansum(panel.measure(f"events_{group}")))
        left = withheld.loc[withheld["group"] == group, "past_events"].astype(int).sum()
        assert kept.loc[kept["group"] == group, "events_all"].sum() + left == total
    share = kept[kept["group"] == "state_only"]["one_sided_share"]
    assert (share == 1).all()


def test_parts_are_asked_for_by_name_or_all_come() -> None:
    panel = load_snapshot().panel
    every = choose_parts(panel, ("events", "deaths"))
    assert len(every.names) == 10
    assert "deaths_civilians" in every.names
    assert choose_parts(panel, ("events", "deaths"), unnamed=False).names == ()
    assert "deaths_civilians" not in choose_parts(panel, ("events",)).names
    one = choose_parts(panel, ("events_jnim",))
    assert one.names == ("events_jnim",)
    assert main_targets(("events_jnim",), one.names) == ("events",)
    with pytest.raises(UsageError, match="jas has fewer than 80 events"):
        choose_parts(panel, ("events_jas",))
