"""Settings: layers, parsers, and what a wrong one says."""

from __future__ import annotations

import re
import tomllib
from dataclasses import fields
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from harmattan.data.errors import ConfigError
from harmattan.features import Recipe, Sum
from harmattan.forecast.settings import Settings, checkout, parse_horizons, resolve


def load(tmp_path: Path, text: str = "", environ: dict[str, str] | None = None, **options: Any) -> Settings:
    if text:
        (tmp_path / "harmattan.toml").write_text(text, encoding="utf-8")
    return Settings.load(options, environ=environ or {}, cwd=tmp_path)


def test_later_layers_win(tmp_path: Path) -> None:
    text = "draws = 100\nseed = 1\nworkers = 1\n"
    settings = load(tmp_path, text, {"HARMATTAN_SEED": "2", "HARMATTAN_WORKERS": "2"}, workers=3)
    assert (settings.draws, settings.seed, settings.workers) == (100, 2, 3)


def test_each_value_knows_where_it_comes_from(tmp_path: Path) -> None:
    (tmp_path / "harmattan.toml").write_text("draws = 100\n", encoding="utf-8")
    found = resolve({"workers": 3}, environ={"HARMATTAN_SEED": "2"}, cwd=tmp_path)
    assert found["draws"] == (100, str(tmp_path / "harmattan.toml"))
    assert found["seed"] == (2, "HARMATTAN_SEED")
    assert found["workers"] == (3, "--workers")
    assert found["targets"] == (("events", "deaths"), "default")


def test_an_option_that_is_not_given_changes_nothing(tmp_path: Path) -> None:
    assert load(tmp_path, "draws = 100\n", draws=None).draws == 100


def test_unknown_key_in_a_file_names_file_key_and_neighbour(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        load(tmp_path, "horizon = 3\n")
    path = tmp_path / "harmattan.toml"
    assert caught.value.message == f"{path}: there is no setting 'horizon'. Did you mean 'horizons'?"
    assert caught.value.exit_code == 2


def test_unknown_variable_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"HARMATTAN_DRAW: .* Did you mean 'draws'"):
        load(tmp_path, environ={"HARMATTAN_DRAW": "3"})


def test_variables_that_are_no_setting_are_left_alone(tmp_path: Path) -> None:
    assert load(tmp_path, environ={"HARMATTAN_TEST_DATA": "x", "HARMATTAN_DEBUG": "1", "PATH": "/"}) == load(
        tmp_path
    )


def test_a_named_file_that_is_absent(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"absent\.toml: there is no such file"):
        Settings.load({}, tmp_path / "absent.toml", {}, tmp_path)


@pytest.mark.parametrize(
    ("content", "words"), [(b"draws = = 1", "not TOML"), (b"\xff\xfe", "cannot be read")]
)
def test_a_file_that_cannot_be_understood(tmp_path: Path, content: bytes, words: str) -> None:
    (tmp_path / "harmattan.toml").write_bytes(content)
    with pytest.raises(ConfigError, match=words):
        Settings.load({}, environ={}, cwd=tmp_path)


@pytest.mark.parametrize(
    ("text", "months"),
    [("1:6", (1, 2, 3, 4, 5, 6)), (" 2 : 3 ", (2, 3)), ("6,1,3,3", (1, 3, 6)), ("4", (4,)), ([1, 3], (1, 3))],
)
def test_horizons(text: Any, months: tuple[int, ...]) -> None:
    assert parse_horizons(text) == months


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("0:3", r"start at 1.*Write 1:3\."),
        ("0", r"start at 1"),
        ("6:1", r"runs backwards.*Write 1:6"),
        ("1:99", "too long"),
        ("-1:3", "not a range"),
        ("one", "not a range"),
        ("", "not a range"),
        ("1.5", "not a range"),
    ],
)
def test_horizons_that_are_none(text: str, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        parse_horizons(text)


@pytest.mark.parametrize(
    ("key", "value", "words"),
    [
        ("draws", "many", "'many' is not a whole number from 50 to 10000"),
        ("draws", "10", "not a whole number from 50"),
        ("draws", True, "not a whole number"),
        ("draws", 99.5, "not a whole number"),
        ("seed", "-1", "not a whole number"),
        ("as_of", "2023-13", "not a month"),
        ("as_of", "2023", "not a month"),
        ("run_date", "tomorrow", "not a date"),
        ("targets", "event", "Did you mean 'events'"),
        ("targets", "", "no target"),
        ("countries", "Mali", "not a country code"),
        ("countries", 3, "not a list of names"),
        ("track", "perhaps", "neither yes nor no"),
        ("source", "", "not a name"),
        ("out", 3, "of the wrong kind"),
        ("contact", " ", "not a contact"),
        ("contact", "two\nlines", "not a contact"),
        ("contact", "x" * 201, "not a contact"),
        ("contact", 3, "not a contact"),
    ],
)
def test_a_wrong_value_names_its_option(tmp_path: Path, key: str, value: Any, words: str) -> None:
    with pytest.raises(ConfigError, match=words) as caught:
        load(tmp_path, **{key: value})
    assert caught.value.where == "--" + key.replace("_", "-")


@pytest.mark.parametrize(
    ("key", "value", "words"),
    [
        ("out", "here", "out: 'here' is text"),
        ("panel", "counts.csv", "panel: 'counts.csv' is text"),
        ("horizons", "1:3", "horizons: '1:3' is text"),
        ("countries", "MLI,BFA", "countries: 'MLI,BFA' is text"),
        ("countries", ("Mali",), "countries: 'Mali' is not a country code"),
        ("draws", "500", "draws: '500' is text"),
        ("draws", 7, "draws: '7' is not a whole number from 50"),
        ("draws", None, "draws: 'None' is not a whole number"),
        ("out", None, "out: 'None' is of the wrong kind"),
        ("spillover_decay", 1000.0, "spillover_decay: '1000.0' is not a number from 0.1 to 10"),
        ("horizons", (0, 1), "horizons: horizons start at 1"),
        ("run_date", "2024-01-31", "run_date: '2024-01-31' is text"),
        ("as_of", "2023-13", "as_of: '2023-13' is not a month"),
        ("source", 3, "source: '3' is not a name"),
        ("recipe", Recipe([Sum(12)]), "recipe: settings take its file. Path('recipe.toml')"),
    ],
)
def test_the_constructor_checks_as_much_as_a_file_does(key: str, value: Any, words: str) -> None:
    with pytest.raises(ConfigError, match=f"^{re.escape(words)}"):
        Settings(**{key: value})


def test_the_constructor_puts_lists_in_order() -> None:
    settings = Settings(targets=("deaths", "events"), countries=("NER", "MLI"), horizons=[3, 1])  # type: ignore[arg-type]
    assert (settings.targets, settings.countries, settings.horizons) == (
        ("events", "deaths"),
        ("MLI", "NER"),
        (1, 3),
    )
    assert settings == Settings.load(
        {"countries": "MLI,NER", "horizons": "1,3", "out": Path("releases"), "mlruns": Path("mlruns")},
        environ={},
        cwd=Path(),
    )


def test_values_are_put_in_order(tmp_path: Path) -> None:
    settings = load(
        tmp_path, targets="deaths,events", countries="NER,MLI,NER", run_date="2024-01-31", track="no"
    )
    assert settings.targets == ("events", "deaths")
    assert settings.countries == ("MLI", "NER")
    assert settings.run_date == date(2024, 1, 31)
    assert settings.track is False


def test_folders_go_to_the_current_one_outside_a_checkout(tmp_path: Path) -> None:
    settings = load(tmp_path)
    assert (settings.out, settings.mlruns) == (tmp_path / "releases", tmp_path / "mlruns")


def test_folders_go_to_the_top_of_a_checkout(tmp_path: Path) -> None:
    marker = tmp_path / "forecast" / "harmattan" / "__init__.py"
    marker.parent.mkdir(parents=True)
    marker.touch()
    inside = tmp_path / "docs" / "deep"
    inside.mkdir(parents=True)
    assert checkout(inside) == tmp_path
    assert Settings.load({}, environ={}, cwd=inside).out == tmp_path / "releases"


def test_paths_in_a_file_start_at_the_file(tmp_path: Path) -> None:
    (tmp_path / "conf").mkdir()
    file = tmp_path / "conf" / "mine.toml"
    file.write_text('out = "here"\nsource = "ucdp:ged.csv"\n', encoding="utf-8")
    settings = Settings.load({}, file, {}, tmp_path)
    assert settings.out == tmp_path / "conf" / "here"
    assert settings.source == f"ucdp:{tmp_path}/conf/ged.csv"


def test_what_is_published_holds_no_place_and_no_worker_count(tmp_path: Path) -> None:
    one = load(tmp_path, workers=1, out="a", panel="x/panel.parquet", source="ucdp:/far/away/ged.csv")
    two = load(tmp_path, workers=2, out="b", panel="y/panel.parquet", source="ucdp:ged.csv")
    assert one.published() == two.published()
    assert one.published()["panel"] == "panel.parquet"
    assert one.digest() == two.digest()
    assert one.digest() != load(tmp_path, seed=1).digest()


def test_every_setting_is_documented_with_its_default() -> None:
    page = Path(__file__).resolve().parents[2] / "docs" / "settings.md"
    rows = dict(re.findall(r"^\| `(\w+)` \| (.*?) \|", page.read_text(encoding="utf-8"), flags=re.MULTILINE))
    assert list(rows) == [field.name for field in fields(Settings)]
    written = {key: tomllib.loads(f"x = {text[1:-1]}")["x"] for key, text in rows.items() if text[:1] == "`"}
    top = page.parents[1]
    assert Settings.load(written, environ={}, cwd=top) == Settings.load({}, environ={}, cwd=top)
