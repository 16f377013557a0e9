"""What is fetched for a forecast from the newest month, on any day of the year."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest

from harmattan.data.errors import SourceError
from harmattan.data.fetch import Fetched, bring_current
from harmattan.data.fetch.transport import ABSENT

TODAY = date(2026, 4, 9)


def offers(*absent: str, failing: str = "") -> Callable[[str], Fetched]:
    """A server that has every release but some."""

    def bring(release: str) -> Fetched:
        if release == failing:
            raise SourceError("no answer after 4 tries.", where=release)
        if release in absent:
            raise SourceError(f"{ABSENT}.", where=release)
        return Fetched(Path(release), "downloaded", "0")

    return bring


def names(bring: Callable[[str], Fetched], today: date = TODAY) -> tuple[list[str], tuple[str, ...]]:
    found = bring_current(bring, today)
    return [release for release, _ in found.fetched], found.absent


def test_the_annual_release_and_the_months_after_it() -> None:
    assert names(offers()) == (["26.1", "26.0.1", "26.0.2", "26.0.3"], ())


def test_in_january_the_months_of_the_year_before() -> None:
    found, _ = names(offers(), date(2026, 1, 15))
    assert found == ["25.1", *(f"25.0.{m}" for m in range(1, 13))]


def test_before_summer_the_last_annual_release_and_two_years() -> None:
    found, absent = names(offers("26.1"))
    assert found == ["25.1", *(f"25.0.{m}" for m in range(1, 13)), "26.0.1", "26.0.2", "26.0.3"]
    assert absent == ("26.1",)


def test_the_newest_month_may_not_be_out_yet() -> None:
    assert names(offers("26.0.3")) == (["26.1", "26.0.1", "26.0.2"], ("26.0.3",))


def test_a_month_in_between_that_is_missing_is_an_error() -> None:
    with pytest.raises(SourceError, match=r"26\.0\.2"):
        names(offers("26.0.2"))


def test_no_month_at_all_is_an_error() -> None:
    with pytest.raises(SourceError, match=r"26\.0\.1"):
        names(offers("26.0.1", "26.0.2", "26.0.3"))


@pytest.mark.parametrize("release", ["26.1", "26.0.3"])
def test_a_server_that_fails_is_not_taken_for_one_that_has_nothing(release: str) -> None:
    with pytest.raises(SourceError, match="no answer"):
        names(offers(failing=release))
