"""What the record says in words: generated from counts, whatever places, groups and months are called."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from harmattan.data.errors import ConfigError, UsageError
from harmattan.data.geography import country_name
from harmattan.data.panel import Panel
from harmattan.data.snapshot import load_snapshot
from harmattan.forecast.loading import with_targets
from harmattan.forecast.parts import (
    actors_table,
    capital,
    choose_parts,
    facts_table,
    main_targets,
    part_label,
)
from harmattan.forecast.settings import Settings


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
    label = {g: part_label(f"events_{g}", panel) for g in groups}
    renamed = {capital(label[old]): capital(label[new]) for old, new in swapped.items()}
    called = dict(zip(panel.names, moved.names, strict=True))
    called |= {country_name(old): country_name(new) for old, new in other.items()}
    texts = [translated(str(r.text), called[r.name], r.name, renamed) for r in before.itertuples()]
    kept = [t for t, about in zip(texts, before["about"], strict=True) if "jnim_vs_is" not in about]
    found = after.loc[~after["about"].str.contains("jnim_vs_is"), "text"]
    assert sorted(kept) == sorted(found)


def translated(text: str, name: str, was: str, groups: dict[str, str]) -> str:
    """A sentence with the new name of its place, its group under the new name, and every year twenty later."""
    head, colon, rest = text.partition(": ")
    head = groups.get(head, head) if rest else head
    moved = re.sub(r"\b((?:19|20)\d\d)\b", lambda year: str(int(year[1]) + 20), head + colon + rest)
    return moved.replace(was, name)


def counts_of(months: int, **measures: list[float]) -> Panel:
    """One region whose last months are those given, with nothing before."""
    frame = pd.DataFrame({"month": pd.period_range(end="2023-12", periods=months, freq="M").astype(str)})
    frame = frame.assign(region_id="MLI-gao", name="Gao", country="MLI")
    for measure, last in measures.items():
        frame[measure] = [0.0] * (months - len(last)) + last
    return Panel.from_frame(frame)


def test_the_first_event_of_a_group_in_so_many_months() -> None:
    found = texts(counts_of(60, events=[12] + [0] * 13 + [2], events_jnim=[12] + [0] * 13 + [2]), "MLI-gao")
    assert "JNIM: 2 events in Gao in December 2023, the first in 14 months." in found
    found = texts(counts_of(60, events=[12] + [0] * 11 + [2], events_jnim=[12] + [0] * 11 + [2]), "MLI-gao")
    assert not any(t.startswith("JNIM") for t in found)


def test_a_group_that_fought_another_was_there() -> None:
    """Islamic State in Mopti in June 2023: the first in three years but for ten events against JNIM."""
    panel = load_snapshot().panel
    assert not any(t.startswith("Islamic State: ") for t in texts(panel.until("2023-06"), "MLI-mopti"))
    both = {"events_jnim": [12.0] + [0] * 20 + [2], "events_jnim_vs_is": [1.0, 0, 0, 0]}
    found = texts(counts_of(60, events=[12.0] + [0] * 17 + [1, 0, 0, 2], **both), "MLI-gao")
    assert not any(t.startswith("JNIM: ") for t in found)
    both["events_jnim_vs_is"] = [0.0, 0, 0, 1]
    found = texts(counts_of(60, events=[12.0] + [0] * 20 + [3], **both), "MLI-gao")
    assert "JNIM: 3 events in Gao in December 2023, the first in 21 months." in found


def test_months_that_nobody_watched_are_not_months_without_an_event() -> None:
    known = {m: [12.0] + [0] * 20 + [12] for m in ("events", "events_jnim")}
    panel = counts_of(60, **known, events_jnim_vs_is=[12.0] + [0] * 21)
    assert {"first", "highest", "silence"} <= set(facts_table(panel)["kind"])
    seen = panel.observed.copy()
    seen[-10:-1] = False
    assert not {"first", "highest", "silence"} & set(facts_table(replace(panel, observed=seen))["kind"])


def test_two_that_fight_are_found_by_the_table_whatever_they_are_called() -> None:
    fought = [12.0, 0, 0, 0, 0]
    panel = counts_of(60, events=fought, events_duel=fought)
    attrs = {"groups": ["adf", "m23", "duel"], "watched": {"adf": ("adf", "duel"), "m23": ("m23", "duel")}}
    found = texts(replace(panel, attrs={**attrs, "labels": {"adf": "the ADF", "duel": "ADF/M23"}}), "MLI-gao")
    assert "The ADF and m23 have not fought each other in Gao since August 2023." in found


def test_two_that_have_not_fought_each_other_since() -> None:
    fought = [12.0, 0, 0, 0, 0]
    found = texts(counts_of(60, events=fought, events_jnim_vs_is=fought), "MLI-gao")
    assert "JNIM and Islamic State have not fought each other in Gao since August 2023." in found
    found = texts(counts_of(60, events=[12, 0, 1], events_jnim_vs_is=[12, 0, 1]), "MLI-gao")
    assert not any("have not fought" in t for t in found)


def test_how_much_of_the_last_months_was_against_civilians() -> None:
    panel = counts_of(60, events=[9, 4, 4, 4], events_one_sided=[9, 1, 4, 0])
    assert "Violence against civilians in Gao: 5 of 12 events in the last three months." in texts(
        panel, "MLI-gao"
    )


def test_nothing_is_said_of_more_events_against_civilians_than_there_are() -> None:
    """Types that do not fit the events are no forecast, and no "50 of 9 events" either."""
    wrong = {"events_adf": [12.0, 3, 3, 3], "against_civilians_adf": [12.0, 1, 1, 50]}
    panel = counts_of(60, events=[12, 3, 3, 3], events_one_sided=[1, 1, 1, 50], **wrong)
    assert not any("against civilians" in t for t in texts(panel, "MLI-gao"))
    assert actors_table(panel)[0]["one_sided_share"].isna().all()


def test_the_highest_month_since_or_on_record() -> None:
    found = texts(counts_of(60, events=[7] + [0] * 20 + [7]), "MLI-gao")
    assert "Gao had 7 events in December 2023, its highest month since March 2022." in found
    assert any(
        t.endswith("its highest month on record (since January 2019).")
        for t in texts(counts_of(60, events=[6] + [0] * 20 + [7]), "MLI-gao")
    )


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


@pytest.mark.parametrize(
    "name", ["events_adf", "events_lra", "events_m23", "events_other_groups", "deaths_civilians"]
)
def test_parts_of_short_names_are_no_slips_of_the_pen(name: str) -> None:
    assert Settings.load({"targets": f"events,{name}"}, environ={}).targets[-1] == name
    with pytest.raises(ConfigError, match="'event' is not a target"):
        Settings.load({"targets": "event"}, environ={})


def test_the_other_groups_can_be_asked_for_although_no_column_counts_them() -> None:
    panel = load_snapshot().panel
    asked = Settings(targets=("events", "events_other_groups"))
    assert with_targets(asked, panel).targets == asked.targets
    with pytest.raises(UsageError, match="there are no events_jnimm"):
        with_targets(Settings(targets=("events_jnimm",)), panel)
