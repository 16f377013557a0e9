"""What is passed on: a catalogue in two languages, a country's page, the headline as text, the map as a picture."""

from __future__ import annotations

import dataclasses
import re
from string import Formatter

import pandas as pd
import pytest
from make_result import HOSTILE, make_result

from harmattan.data.errors import UsageError
from harmattan.data.geography import country_name
from harmattan.forecast.outlook import CLASSES, with_outlook
from harmattan.forecast.report import HEADLINE, PICTURE, country_brief, shared_files
from harmattan.forecast.report.first_page import first_page
from harmattan.forecast.report.phrases import TEXTS, Phrases
from harmattan.forecast.report.pictures import drawable
from harmattan.forecast.result import ForecastResult


@pytest.fixture(scope="module")
def result() -> ForecastResult:
    return make_result()


def gaps(text: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(text) if name}


def test_both_languages_say_everything() -> None:
    for key, (english, french) in TEXTS.items():
        assert english.strip() or key.startswith("verdict"), key
        assert french.strip(), key
        # A language may leave out the noun that goes with a number, never the number.
        assert gaps(french) - {"n"} <= gaps(english) - {"n"} | {"n"}, key
        assert gaps(english) - {"months", "ahead"} <= gaps(french), key
    assert {f"class {kind}" for kind in CLASSES} <= set(TEXTS)


def test_french_has_its_own_signs() -> None:
    say = Phrases("fr")
    assert say.count(1234.0) == "1\u202f234"
    assert say.count(3.14) == "3,1"
    assert say.percent(0.004) == "<1\xa0%"
    assert say("brief held", held=1, all=2).endswith("80\xa0%.")
    assert say.odds(0.05) == "1 chance sur 20"
    assert say.span(pd.Period("2023-12", "M"), pd.Period("2024-02", "M")) == "décembre 2023 à février 2024"
    # French typography: a colon, a semicolon and a question mark stand after a space.
    for key, (_, french) in TEXTS.items():
        assert not re.search(r"[^\s\u202f\xa0 ][:;?!]", french), key
    assert say.some(1, "event") == "1 événement"
    assert say.some(2, "event") == "2 événements"


@pytest.mark.parametrize("language", ["en", "fr"])
def test_a_brief_says_what_the_tables_say(result: ForecastResult, language: str) -> None:
    say = Phrases(language)
    for code in sorted(set(result.panel.countries)):
        page = country_brief(result, code, language)
        assert f'<html lang="{language}">' in page
        assert country_name(code, language) in page
        assert not re.search(r"\{\w*\}", page[page.index("<body") :])
        table = result.outlook[(result.outlook["target"] == "events") & (result.outlook["country"] == code)]
        whole = table[table["level"] == "country"].iloc[0]
        assert say("country deaths", next="x", span="y", last="z").split("x")[0].strip() in page
        assert f"{say.count(whole['next'])} " in page
        for row in table[table["level"] == "region"].itertuples():
            assert f"<b>{say.count(row.next)}</b>" in page
            assert say.interval(row.next_low, row.next_high) in page
        if language == "fr":
            assert "events" not in re.sub(r"<[^>]+>", " ", page[page.index("<body") :])


def test_the_first_screen_in_french_names_the_same_numbers(result: ForecastResult) -> None:
    def figures(language: str) -> list[list[str]]:
        page = first_page(result, Phrases(language))
        texts = [s.text for s in page["countries"]] + [p["text"] for c in page["classes"] for p in c.places]
        plain = (t.replace("\u202f", "").replace("\xa0", "") for t in texts)
        return [sorted(re.findall(r"\d+(?:[.]\d+)?", re.sub(r"(\d),(\d)", r"\1.\2", t))) for t in plain]

    english, french = figures("en"), figures("fr")
    for one, other in zip(english, french, strict=True):
        # "half as many again" and the like are words in one language; what is a figure in both is the same.
        assert set(one) - {"3"} == set(other) - {"3"}


def test_an_unknown_country_or_language_is_named(result: ForecastResult) -> None:
    with pytest.raises(UsageError, match="'XXX' is not in this release"):
        country_brief(result, "XXX")
    with pytest.raises(UsageError, match="there are no texts in 'de'"):
        country_brief(result, "MLI", "de")


def test_the_headline_holds_the_first_screen_and_no_markup() -> None:
    hostile = make_result(hostile=True)
    text = shared_files(hostile)[HEADLINE]
    assert isinstance(text, str)
    first = first_page(hostile)
    for sentence in first["countries"]:
        assert re.sub(r"([\\`*_\[\]#|])", r"\\\1", sentence.text) in text
    assert text.count("## ") == len(CLASSES)
    assert "<script" not in text
    assert "<img" not in text
    assert HOSTILE not in text


def test_the_picture_is_the_same_bytes_again(result: ForecastResult) -> None:
    once, again = shared_files(result)[PICTURE], shared_files(result)[PICTURE]
    assert isinstance(once, bytes)
    assert once.startswith(b"\x89PNG")
    assert once == again


def test_the_picture_writes_a_script_that_its_font_lacks_in_latin_letters(result: ForecastResult) -> None:
    assert drawable("කොළඹ, Омск") == "Kolmb, Омск"
    names = ("කොළඹ",) * len(result.panel.names)
    made = dataclasses.replace(result, panel=dataclasses.replace(result.panel, names=names))
    # A letter that is missing is a warning, and a warning fails.
    assert bytes(shared_files(made)[PICTURE]).startswith(b"\x89PNG")  # type: ignore[arg-type]


def test_without_polygons_or_events_there_is_still_a_page(result: ForecastResult) -> None:
    blind = dataclasses.replace(result, regions=None)
    assert PICTURE not in shared_files(blind)
    assert "no map is drawn" in country_brief(blind, "MLI")
    panel = result.panel
    quiet = dataclasses.replace(panel, measures={name: 0 * values for name, values in panel.measures.items()})
    draws = {t: dataclasses.replace(d, values=0 * d.values) for t, d in result.draws.items()}
    countries = {t: d.total(panel.countries) for t, d in draws.items()}
    zeros = with_outlook(dataclasses.replace(result, panel=quiet, draws=draws, countries=countries))
    assert "No event is expected in any of its regions." in country_brief(zeros, "MLI")
    assert "Aucun événement" in country_brief(zeros, "MLI", "fr")
