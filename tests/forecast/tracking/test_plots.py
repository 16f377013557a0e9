"""Pictures of a run: drawn from whatever tables there are, the same bytes for the same numbers."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from make_result import make_result

from harmattan.forecast.tracking.plots import draw_plots
from harmattan.training.figures import DRAWN


@pytest.fixture(scope="module")
def tables() -> dict[str, pd.DataFrame]:
    result = make_result()
    edges = np.arange(10) / 10
    return {
        "scores": result.scores,
        "contributions": result.contributions,
        "reliability": pd.DataFrame(
            {"target": "events", "member": "pool", "question": ["1", "5"], "forecast": 0.2, "frequency": 0.3}
        ),
        "pit": pd.DataFrame(
            {
                "target": "events",
                "member": "pool",
                "horizon": 1,
                "low": edges,
                "high": edges + 0.1,
                "height": 1.0,
            }
        ),
        "weights": pd.DataFrame(
            {
                "target": "events",
                "horizon": 1,
                "origin": ["2020-01", "2020-02"] * 2,
                "member": list("aabb"),
                "weight": 0.5,
            }
        ),
    }


@pytest.mark.slow
def test_every_picture_is_a_png_and_repeats_to_the_byte(tables: dict[str, pd.DataFrame]) -> None:
    made = draw_plots(tables)
    assert set(made) == {f"plots/{name}.png" for name in DRAWN}
    assert all(picture.startswith(b"\x89PNG") for picture in made.values())
    assert b"matplotlib" not in b"".join(made.values()).lower()
    assert (
        draw_plots({"scores": tables["scores"]})["plots/skill_by_horizon.png"]
        == made["plots/skill_by_horizon.png"]
    )


def test_what_cannot_be_drawn_is_left_out(tables: dict[str, pd.DataFrame]) -> None:
    scores = tables["scores"]
    assert draw_plots({}) == {}
    assert draw_plots({"scores": scores[:0], "pit": tables["pit"].assign(member="zero")}) == {}
    assert draw_plots({"scores": scores[scores["member"] == "conflictology"]}) == {}


def test_results_evaluations_and_draws_are_drawn_as_figures() -> None:
    """Each is a figure with what it says in it, and a picture that nobody knows is refused."""
    from make_result import make_result
    from matplotlib.figure import Figure

    from harmattan.data.errors import HarmattanError

    result = make_result()
    region, country = result.panel.region_ids[0], result.panel.countries[0]
    for made in (
        result.plot("fan", region=region),
        result.plot(region=country),
        result.plot("contributions"),
    ):
        assert isinstance(made, Figure)
    assert result.plot("fan", region=region).axes[0].get_title(loc="left").endswith(region)
    drawn = result.plot("map")
    assert len(drawn.axes[0].patches) >= len(result.panel.region_ids)
    for wrong in ({"kind": "pie"}, {"region": "XXX-nowhere"}, {"target": "rain"}):
        with pytest.raises(HarmattanError):
            result.plot(**wrong)
