"""The data dictionary names every column that is published, and none that is not."""

from __future__ import annotations

import re
from fnmatch import fnmatch
from pathlib import Path

from make_result import make_result
from small_worlds import diffusion, ladder_panel, problem_of

from harmattan.forecast.release.manifest import manifest
from harmattan.forecast.release.tables import release_tables
from harmattan.forecast.spillover.attribution import SPILLOVER_COLUMNS
from harmattan.forecast.spillover.breakdown import ModelAtOrigin, exact_answers, routes
from harmattan.training.diffusion.border_signal import PAIR_COLUMNS

DOC = Path(__file__).parents[3] / "docs" / "tables.md"
#: Files whose columns are those of a section of another name.
UNDER = {"hub/model-output/*": "forecast.parquet", "views/*.parquet": "views/"}


def dictionary() -> dict[str, set[str]]:
    """Columns by file: every name in a heading stands for the table below it."""
    found: dict[str, set[str]] = {}
    for section in re.split(r"^## ", DOC.read_text(encoding="utf-8"), flags=re.MULTILINE)[1:]:
        heading, _, text = section.partition("\n")
        columns = set(re.findall(r"^\| `([^`]+)` \|", text, flags=re.MULTILINE))
        found |= dict.fromkeys(re.findall(r"`([^`]+)`", heading), columns)
    return found


def published() -> dict[str, list[str]]:
    """Columns by file of a release with every kind of table."""
    problem = problem_of(ladder_panel(2, 60))
    view = ModelAtOrigin.at(diffusion(a_to_b=0.6, b_to_a=0.2), problem, problem.panel.months[-1])
    answers = exact_answers(view) | {"routes": routes(view)}
    result = make_result(answers=answers)
    shapes = manifest(result, release_tables(result))["tables"]
    columns = {name: shape["columns"] for name, shape in shapes.items()}
    # Made by hand in this world, and by the models in a real one.
    return columns | {"pairs.csv": list(PAIR_COLUMNS), "spillover.csv": list(SPILLOVER_COLUMNS)}


def section_of(name: str) -> str:
    return next((section for pattern, section in UNDER.items() if fnmatch(name, pattern)), name)


def test_every_published_column_is_explained() -> None:
    known = dictionary()
    for name, columns in published().items():
        section = section_of(name)
        assert section in known, f"{name} has no section in docs/tables.md"
        assert set(columns) <= known[section], name


def test_no_column_is_explained_that_is_not_published() -> None:
    there = published()
    for name in there.keys() & dictionary().keys():
        assert dictionary()[name] <= set(there[name]), name


def test_files_without_columns_are_told_as_well() -> None:
    known = dictionary()
    for name in ("forecast.geojson", "webmap.json", "hub/", "manifest.json", "status.json", "SHA256SUMS"):
        assert name in known
        assert not known[name]
