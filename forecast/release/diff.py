"""What changed from one release to another: where, by how much, and why."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .catalogue import ReleaseInfo, read_release
from .verify import verify_release

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class ChangeReason:
    """One cause of a change."""

    kind: str  # What changed.
    message: str  # In one sentence.


@dataclass(frozen=True)
class ReleaseDiff:
    """Two releases, compared."""

    #: Their names.
    before: str
    after: str
    #: Why their numbers differ; empty where nothing that they were made from does.
    reasons: tuple[ChangeReason, ...]
    #: ``target, location, before, after, change``: mean per month over the months that both forecast, largest change
    #: first within each target.
    movers: pd.DataFrame
    months: tuple[str, ...]  # Those months.
    #: What the later release's ``changes.csv`` says of the earlier one; None where it was compared with another.
    parts: pd.DataFrame | None = None

    def to_dict(self, top: int | None = None) -> dict[str, Any]:
        """The comparison for JSON, with the ``top`` movers of each target, or all."""
        movers = self.movers if top is None else self.movers.groupby("target", sort=False).head(top)
        return {
            "before": self.before,
            "after": self.after,
            "reasons": [{"kind": r.kind, "message": r.message} for r in self.reasons],
            "months": list(self.months),
            "movers": movers.to_dict("records"),
            "parts": [] if self.parts is None else self.parts.to_dict("records"),
        }


def diff_releases(before: Path, after: Path) -> ReleaseDiff:
    """Compare two releases that verify.

    Parameters
    ----------
    before, after : Path
        Their folders.

    Raises
    ------
    ReleaseError
        One of them is damaged.
    WithdrawnError
        One of them was withdrawn.
    """
    for folder in (before, after):
        verify_release(folder, tables=False).require()
    old, new = read_release(before), read_release(after)
    movers, months = _movers(before, after)
    parts = _parts(after / "changes.csv", old.name)
    return ReleaseDiff(old.name, new.name, tuple(_reasons(old, new)), movers, months, parts)


def _parts(path: Path, before: str) -> pd.DataFrame | None:
    """How the later release had taken its change apart, where it was held against that earlier one."""
    import pandas as pd

    if not path.is_file():
        return None
    table = pd.read_csv(path, dtype={"release": str, "location": str}, keep_default_na=False)
    mine = table[table["release"] == before].reset_index(drop=True)
    return mine if len(mine) else None


def _movers(before: Path, after: Path) -> tuple[pd.DataFrame, tuple[str, ...]]:
    """Means of both releases in the months that both forecast."""
    import pandas as pd

    keys = ["target", "location", "target_end_date"]
    means = []
    for folder in (before, after):
        table = pd.read_parquet(folder / "forecast.parquet")
        table = table[table["output_type"] == "mean"].astype({"target_end_date": str})
        means.append(table.set_index(keys)["value"])
    both = pd.concat(means, axis=1, keys=["before", "after"], join="inner").reset_index()
    months = tuple(sorted({str(day)[:7] for day in both["target_end_date"]}))
    sums = both.groupby(["target", "location"], as_index=False, sort=True)[["before", "after"]].mean()
    sums["change"] = sums["after"] - sums["before"]
    first = {target: i for i, target in enumerate(dict.fromkeys(means[1].index.get_level_values("target")))}
    sums["at"], sums["size"] = sums["target"].map(first), -sums["change"].abs()
    sums = sums.sort_values(["at", "size", "location"], ignore_index=True).drop(columns=["at", "size"])
    return sums.round({"before": 6, "after": 6, "change": 6}), months


def _reasons(old: ReleaseInfo, new: ReleaseInfo) -> Iterator[ChangeReason]:
    """What differs in what two releases were made from."""
    a, b = old.manifest, new.manifest
    data = [m.get("data", {}) for m in (a, b)]
    if old.origin != new.origin:
        yield ChangeReason(
            "new_month", f"The data now reach {new.origin} instead of {old.origin}. {_arrived(*data)}"
        )
    digests = [d.get("month_digests", {}) for d in data]
    revised = [m for m in digests[0] if m in digests[1] and digests[0][m] != digests[1][m]]
    if revised:
        yield ChangeReason(
            "data_revision", f"Months changed that were known before: {_revised(revised, *data)}."
        )
    elif old.origin == new.origin and data[0].get("sha256") != data[1].get("sha256"):
        yield ChangeReason("data_revision", "Regions, links or earlier figures changed.")
    countries = [d.get("countries") for d in data]
    if countries[0] != countries[1] or data[0].get("regions") != data[1].get("regions"):
        yield ChangeReason("regions", "Not the same regions are forecast.")
    if a.get("model") != b.get("model"):
        yield ChangeReason("model", f"The model was {old.model}, and is now {new.model}.")
    asked = [{**m.get("settings", {}), "seed": m.get("seed"), "draws": m.get("draws")} for m in (a, b)]
    changed = _changed(asked[0], asked[1], ignore=("as_of",))
    if changed:
        yield ChangeReason("settings", f"Settings changed: {'; '.join(changed)}.")
    changed = _changed(a.get("versions", {}), b.get("versions", {}))
    if changed:
        yield ChangeReason("software", f"Versions changed: {'; '.join(changed)}.")


def _changed(before: Mapping[str, Any], after: Mapping[str, Any], ignore: tuple[str, ...] = ()) -> list[str]:
    """Keys whose values differ, with both."""
    keys = sorted((before.keys() | after.keys()) - set(ignore))
    return [f"{k} {before.get(k)} -> {after.get(k)}" for k in keys if before.get(k) != after.get(k)]


def _arrived(old: Mapping[str, Any], new: Mapping[str, Any]) -> str:
    """Events of the months that are new, by country."""
    counts = [d.get("recent", {}) for d in (old, new)]
    known = {month for months in counts[0].values() for month in months}
    sums = {c: sum(n for m, n in months.items() if m not in known) for c, months in counts[1].items()}
    counts_of = ", ".join(f"{c} {n:g}" for c, n in sorted(sums.items(), key=lambda item: -item[1]) if n)
    return f"New events: {counts_of}." if counts_of else "No new events."


def _revised(months: list[str], old: Mapping[str, Any], new: Mapping[str, Any]) -> str:
    """Revised months, with countries whose recent counts are other than they were."""
    words = []
    for month in months[-6:]:
        counts = [
            {c: d.get("recent", {}).get(c, {}).get(month) for c in d.get("recent", {})} for d in (old, new)
        ]
        moved = [
            f"{c} {counts[0][c]:g} -> {counts[1][c]:g}"
            for c in counts[0]
            if counts[0][c] is not None and counts[1].get(c) is not None and counts[0][c] != counts[1][c]
        ]
        words.append(f"{month} ({', '.join(moved)})" if moved else month)
    return (f"{len(months) - 6} earlier ones, " if len(months) > 6 else "") + ", ".join(words)
