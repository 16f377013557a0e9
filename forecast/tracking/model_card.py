"""The card of a trained model: purpose, data, skill with its uncertainty, limits, and what it must not be used for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import pandas as pd

from ...data.geography import by_name, country_name

if TYPE_CHECKING:
    from ...data.panel import Panel
    from ...training.trained_model import TrainedModel

PURPOSE = """\
Monthly counts of reported, deadly events by region, one to several months ahead, as probabilities; and how much of the
risk the model attributes to events across a border. Made for watching and preparing across regions and months."""

LIMITS = """\
- Counts are *reported* events. Where nobody reports, nothing is counted, and the forecast does not know.
- Regions that border a country without data see risk from there only once it has arrived.
- Turning points, such as a new alliance or a withdrawal of forces, are not in past counts. Skill falls in such years.
- The newest month is often incomplete when it is first published.
- A number attributed to a border is what the model assigns to events across it, not proof of a cause."""

HARM = """\
Not for targeting, not for decisions about a person (asylum, visa, insurance, employment), not for blaming a community.
Not finer than the regions that it was trained on. Publish the uncertainty with every number."""


def card_text(
    trained: TrainedModel, board: pd.DataFrame, panel: Panel, tags: Mapping[str, Any] | None = None
) -> str:
    """The card as Markdown.

    Parameters
    ----------
    trained : TrainedModel
        The model.
    board : pandas.DataFrame
        Its back-test, one row per target, member and horizon, as
        :class:`harmattan.training.evaluation.leaderboard.Evaluation` holds it.
    panel : Panel
        What it was trained on.
    tags : mapping, optional
        What else is known of it, as a list of names and values.
    """
    parts = {
        "Purpose": PURPOSE,
        "Data": _data(trained, panel),
        "Models": _models(trained),
        "Skill": _skill(board),
        "Limits": LIMITS,
        "What it must not be used for": HARM,
        "Identity": _identity(trained, tags or {}),
    }
    head = f"# Harmattan, trained on months to {trained.origin}\n\n"
    return head + "\n\n".join(f"## {title}\n\n{text}" for title, text in parts.items()) + "\n"


def _data(trained: TrainedModel, panel: Panel) -> str:
    countries = ", ".join(map(country_name, by_name(panel.countries)))
    return (
        f"{panel.source or 'A panel of counts'}: {len(panel.region_ids)} regions of {countries}, "
        f"{panel.months[0]} to {trained.origin}. SHA-256 `{trained.data_hash}`."
    )


def _models(trained: TrainedModel) -> str:
    """Members and the weight that each has, averaged over horizons."""
    lines = []
    for target in trained.targets:
        pools = [trained.pools[target, h] for h in trained.horizons]
        mean = pd.DataFrame([pool.shares for pool in pools]).fillna(0.0).mean().sort_values(ascending=False)
        shares = ", ".join(f"{name} {share:.0%}" for name, share in mean.items())
        calibrated = any(pool.calibration is not None for pool in pools)
        lines.append(f"- {target}: a pool of {shares}{'; calibrated on past origins' if calibrated else ''}.")
    months = ", ".join(map(str, trained.horizons))
    return f"One model per horizon ({months} months ahead), each a pool of members.\n\n" + "\n".join(lines)


def _skill(board: pd.DataFrame) -> str:
    """The pool's rows as a table in words that say where a difference is not clear."""
    pool = board[board["member"] == "pool"]
    if pool.empty:
        return "Not judged: too short a history."
    names = (
        "target | months ahead | origins | CRPS | against the best baseline | 95 % interval | 50/80/90 % hold"
    )
    rows = [f"| {names} |", "|---|---|---|---|---|---|---|"]
    for r in pool.to_dict("records"):
        against = f"{r['skill_vs_best']:+.1%} ({r['best_baseline']})" if pd.notna(r["skill_vs_best"]) else "-"
        span = f"{r['best_low']:+.1%} to {r['best_high']:+.1%}" if pd.notna(r["best_low"]) else "-"
        held = " / ".join(f"{r[f'coverage_{level}']:.0%}" for level in (50, 80, 90))
        clear = "" if r["clear"] else ", not clear"
        rows.append(
            f"| {r['target']} | {r['horizon']} | {r['months']} | {r['crps']:.3f} | {against} | {span}{clear} | {held} |"
        )
    table = "\n".join(rows)
    return f"Rolling origins before the training month, each forecast with what was known then.\n\n{table}"


def _identity(trained: TrainedModel, tags: Mapping[str, Any]) -> str:
    known = {
        "package": f"harmattan {trained.package_version}",
        "SHA-256 of the model": f"`{trained.digest}`",
        "seed": trained.seed,
        "draws": trained.draws,
        **tags,
    }
    return "\n".join(f"- {name}: {value}" for name, value in known.items())
