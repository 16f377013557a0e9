"""A forecast from tables in memory, as careful as the command: nothing is written, and no setting is ignored."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...data.errors import UsageError
from ..settings import Settings

if TYPE_CHECKING:
    import pandas as pd

    from ...data.geography import Regions
    from ...data.panel import Panel
    from ...training.models import MemberLike
    from ...training.trained_model import TrainedModel
    from ..inputs import Inputs
    from ..result import ForecastResult

Progress = Callable[[str, float], None]


def run_forecast(
    settings: Settings | None = None,
    progress: Progress | None = None,
    trained: TrainedModel | None = None,
    members: Sequence[MemberLike] | None = None,
    model: Mapping[str, Any] | None = None,
    inputs: Inputs | None = None,
    *,
    panel: Panel | pd.DataFrame | Any = None,
    regions: Regions | Mapping[str, Any] | str | Path | Any = None,
    links: pd.DataFrame | None = None,
) -> ForecastResult:
    """Forecast from one origin, with spillover and the recent record of the same models; nothing is written.

    Parameters
    ----------
    settings : Settings, optional
        Source, origin, targets, horizons, draws, seed, workers; ``model`` is loaded where it is named.
    progress : callable, optional
        Called with a stage and the share done, 0..1.
    trained : TrainedModel, optional
        A model that is used as it is; without one, everything is fitted at the origin.
    members : sequence, optional
        What the pool is made of: names, objects of your own, ``...`` for the usual ones.
    model : mapping, optional
        What is known of ``trained``: ``name, version``.
    inputs : Inputs, optional
        What was read already.
    panel : Panel or table, optional
        Counts in memory instead of the settings' source: ``month, region_id, events[, ...]``.
    regions : Regions, path, GeoJSON or GeoDataFrame, optional
        Polygons of the panel's regions.
    links : pandas.DataFrame, optional
        ``region_a, region_b, border_km`` instead of those of the polygons.

    Returns
    -------
    ForecastResult

    Raises
    ------
    UsageError
        Settings that exclude each other, or that ask for what is not done here, such as ``track=True``.
    HarmattanError
        Input that cannot be read, an origin outside the data, a model that cannot be fitted or does not serve.

    Examples
    --------
    >>> import pandas as pd
    >>> months = pd.period_range("2018-01", periods=48, freq="M").astype(str)
    >>> frame = pd.DataFrame({"month": months, "region_id": "MLI-gao", "events": range(48)})
    >>> small = Settings(horizons=(1,), draws=50, backtest_origins=0, workers=1)
    >>> run_forecast(small, panel=frame, members=["conflictology_12"]).draws["events"].values.shape
    (50, 1, 1)
    """
    from ..loading import load_inputs, with_targets
    from ..run import run_forecast as run
    from .forecasting import select_model

    given: Any = settings
    settings = Settings() if given is None else given
    if not isinstance(settings, Settings):
        kind = type(settings).__name__
        raise UsageError(
            f"a {kind} is no Settings.", "settings", "Write Settings(...) or Settings.load({...})."
        )
    if settings.track:
        what = "a forecast in memory makes no run."
        raise UsageError(
            what, "track", "Leave track out, or let harmattan.publish write and record a release."
        )
    if trained is not None and settings.model is not None:
        what = "a model in memory and one in the settings exclude each other."
        raise UsageError(what, "trained", "Leave one of them out.")
    if inputs is None:
        inputs = load_inputs(settings) if panel is None else panel_inputs(settings, panel, regions, links)
        settings = with_targets(settings, inputs.panel)
    elif panel is not None:
        raise UsageError("panel and inputs exclude each other.", "panel", "Give one of them.")
    if panel is None and (regions is not None or links is not None):
        what = "polygons and links in memory belong to a panel in memory."
        raise UsageError(what, "regions", "Give panel= too, or name files in the settings.")
    if settings.model is not None and trained is None:
        if members is not None:
            what = "a trained model has its members."
            raise UsageError(what, "members", "Leave them out, or the setting model.")
        selected = select_model(settings)
        trained, model = selected.trained, model or selected.about
    return run(settings, progress, trained, members, model, inputs)


def panel_inputs(
    settings: Settings,
    panel: Panel | pd.DataFrame | Any,
    regions: Any = None,
    links: pd.DataFrame | None = None,
) -> Inputs:
    """A panel and polygons in memory, checked as the files of a run are."""
    from ...data.geography import checked_links
    from ...data.panel import Panel
    from ..loading import inputs_from, with_words
    from ..own_features import with_tables

    if settings.panel is not None or settings.source != "snapshot":
        what = "counts in memory and counts in the settings exclude each other."
        raise UsageError(what, "panel", "Leave one of them out.")
    made = panel if isinstance(panel, Panel) else Panel.from_frame(panel)
    polygons = None if regions is None else regions_of(regions)
    if links is not None:
        import pandas as pd

        known = pd.DataFrame({"region_id": made.region_ids, "country": made.countries})
        made = replace(made, links=checked_links(links, known, "links"))
    found: Inputs = with_tables(settings, inputs_from(made, polygons, "regions"))
    return replace(found, panel=with_words(found.panel, settings))


def regions_of(regions: Regions | Mapping[str, Any] | str | Path | Any) -> Regions:
    """Polygons from a file, a GeoJSON document, or anything with ``__geo_interface__``, such as a GeoDataFrame."""
    from ...data.geography import Regions

    if isinstance(regions, Regions):
        return regions
    if isinstance(regions, str | Path):
        return Regions.read(regions)
    document = regions if isinstance(regions, Mapping) else getattr(regions, "__geo_interface__", None)
    if not isinstance(document, Mapping):
        what = f"a {type(regions).__name__} holds no polygons."
        raise UsageError(what, "regions", "Give a path, a GeoJSON document, or a GeoDataFrame.")
    system = getattr(getattr(regions, "crs", None), "to_string", None)
    document = dict(document)
    if system is not None:
        document["crs"] = {"type": "name", "properties": {"name": system()}}
    with tempfile.TemporaryDirectory() as aside:
        path = Path(aside) / "regions.geojson"
        path.write_text(json.dumps(document, default=str), encoding="utf-8")
        return Regions.read(path)
