"""Two past months replayed whole: the first screen says what an analyst of the time needed, and every word of it is
derived again from the release's files alone. No name of a place or group stands in the package for it."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from harmattan.forecast.report.archive import archive_pages

pytestmark = pytest.mark.slow
MONTHS = ["January", "February", "March", "April", "May", "June", "July"]
MONTHS += ["August", "September", "October", "November", "December"]


@pytest.fixture(scope="module", params=["2023-08", "2023-12"])
def release(request: pytest.FixtureRequest, once: Callable[..., Path]) -> Path:
    def fill(folder: Path) -> None:
        command = [str(Path(sys.executable).with_name("harmattan")), "forecast", "--quiet", "--no-track"]
        subprocess.run([*command, "--as-of", request.param], cwd=folder, check=True, timeout=1800)

    return once(f"replay-{request.param}", fill) / "releases" / request.param


def table(release: Path, name: str) -> pd.DataFrame:
    return pd.read_csv(release / name, keep_default_na=False, na_values=["NA"])


def headline(release: Path) -> str:
    return (release / "headline.md").read_text(encoding="utf-8")


def test_the_first_screen_says_what_was_needed(release: Path) -> None:
    text = headline(release)
    if release.name == "2023-08":
        assert "Azawad movements recorded there again after 3 years" in text
        at = text.index("**Timbuktu (Mali)**")
        assert at < text.index("## Likely to worsen")
        assert "Timbuktu (Mali)" in text[text.index("## Breaking out") : text.index("## Likely to worsen")]
    else:
        out = text[text.index("## Breaking out") : text.index("## Likely to worsen")]
        assert "**Koulikoro (Mali)** 6 events in December" in out
        assert "the most on record, from January 1989" in out
        assert "**Timbuktu (Mali)**" in out
        assert "its twelve months are the most violent on record" in out[out.index("Timbuktu") :]
        assert "December had the fewest since April 2022" in text


def test_every_country_is_derived_again_from_draws_and_counts(release: Path) -> None:
    text, draws = headline(release), pd.read_parquet(release / "draws.parquet")
    history = pd.read_parquet(release / "history.parquet")
    means = pd.read_parquet(release / "forecast.parquet")
    means = means[(means["output_type"] == "mean") & (means["target"] == "events") & (means["horizon"] <= 3)]
    draws = draws[(draws["target"] == "events") & (draws["horizon"] <= 3)]
    names = pd.read_csv(Path(__file__).parents[3] / "data/geography/countries.csv").set_index("iso3")["name"]
    for code, group in history.groupby("country"):
        monthly = group.groupby("month")["events"].sum().sort_index()
        mean = means[means["location"].str.startswith(f"{code}-")]["value"].sum()
        if mean < 1:
            continue
        mine = draws[draws["region_id"].str.startswith(f"{code}-")]
        sums = np.sort(mine.groupby("draw")["value"].sum().to_numpy())
        low, high = (sums[int(np.ceil(q * len(sums))) - 1] for q in (0.1, 0.9))
        number = f"{mean:.1f}" if mean < 9.95 else f"{mean:,.0f}"
        usual = monthly[-12:].sum() / 4
        year = f"{usual:.1f}" if usual < 9.95 else f"{usual:,.0f}"
        assert (
            f"**{names[code]}.** About {number} events in the next 3 months ({low:,.0f}–{high:,.0f})" in text
        )
        line = next(line for line in text.splitlines() if line.startswith(f"- **{names[code]}.**"))
        assert f"{monthly[-3:].sum():,.0f} in the last 3 months, {year} in a usual 3 of the year" in line
        rising = mean >= 1.1 * monthly[-3:].sum() and mean >= 1.1 * usual
        easing = mean <= monthly[-3:].sum() / 1.1 and mean <= usual / 1.1
        assert ("rising" in line, "easing" in line) == (rising, easing)


def test_every_place_is_derived_again_from_counts(release: Path) -> None:
    text, warnings = headline(release), table(release, "warnings.csv")
    history = pd.read_parquet(release / "history.parquet")
    month = MONTHS[int(release.name[-2:]) - 1]
    for row in warnings.itertuples():
        mine = history[history["region_id"] == row.region_id].sort_values("month")["events"].to_numpy()
        (line,) = [line for line in text.splitlines() if line.startswith(f"{row.rank}. **")]
        assert row.last_month == mine[-1]
        assert row.last == mine[-3:].sum()
        assert row.year == pytest.approx(mine[-12:].sum() / 4)
        if row[2] == "breaking out":
            noun = "event" if mine[-1] == 1 else "events"
            assert f"{mine[-1]:.0f} {noun} in {month}" in line
            known = min(int(row.highest_months), len(mine) - 1)
            assert (mine[-1 - known : -1] < mine[-1]).all()
            assert ("above the 90% interval" in line) == (row.last_month > row.high_90)
    assert len(warnings) <= 8
    record = table(release, "watch_record.csv")
    begin = warnings[warnings["class"] == "could begin"]
    for of, some, words in (
        ("entry", begin["group"] != "", "places on"),
        ("onset", begin["group"] == "", "quiet places"),
    ):
        mine = record[(record["of"] == of) & (record["listed"].astype(str) == "True")]
        came = int((mine["entered"].astype(str) == "True").sum())
        assert (re.search(f"Of {len(mine)} {words} [^.]*, {came} ", text) is not None) == bool(some.any())


def test_the_archive_tells_groups_and_quiet_places_apart(release: Path) -> None:
    page, record = archive_pages(release.parent)["index.html"], table(release, "watch_record.csv")
    for of in ("entry", "onset"):
        entered = record[(record["of"] == of) & (record["listed"].astype(str) == "True")]["entered"].astype(
            str
        )
        assert f'<td class="n">{(entered == "True").sum()} of {len(entered)}</td>' in page


def test_every_file_of_the_first_screen_is_in_the_release_and_verifies(release: Path) -> None:
    sums = (release / "SHA256SUMS").read_text(encoding="utf-8")
    for name in ("headline.md", "map.png", "triggers.csv", "warnings.csv", "outlook.csv", "judged.csv"):
        assert f"  {name}\n" in sums
    command = [str(Path(sys.executable).with_name("harmattan")), "verify", str(release), "--quiet"]
    subprocess.run(command, check=True)
    page = (release / "report.html").read_text(encoding="utf-8")
    for line in headline(release).splitlines():
        if line.startswith("- **") and "&" not in line and "\\" not in line:
            topic, _, words = line[4:].partition(".** ")
            assert words in page, topic
