"""Looking back on the command line: the page of a finished release, and how past releases have done."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from ..settings import Settings
from .options import Reference, options
from .output import Output

if TYPE_CHECKING:
    from ..monitoring import ScoredReleases


@options("release brief language to config out dry_run as_json quiet")
def report(
    settings: Settings,
    output: Output,
    dry_run: bool,
    release: Reference = "latest",
    brief: Annotated[str | None, "One page on one country instead, by its ISO3 code."] = None,
    language: Annotated[str, "Language of that page: en or fr."] = "en",
    to: Annotated[
        Path | None, "Where the page is written; report-NAME.html or brief-NAME-ISO3-en.html where absent."
    ] = None,
) -> None:
    """Make the page of a finished release again, from its own files.

    A release is never changed: the page goes elsewhere. It is held against the release before it as that one stands
    today, so it may say more than the page that was published.

    \b
    Examples:
      harmattan report 2023-12
      harmattan report latest --to /tmp/page.html
      harmattan report /srv/forecasts/2023-12 --json
      harmattan report latest --brief ISO3 --language fr
    """
    from ...data.errors import UsageError
    from ..release import find_release
    from ..report import brief_again, render_again, write_page

    folder = find_release(release, settings.out)
    if brief is None and language != "en":
        raise UsageError("the whole report is in English.", "--language", "Name a country: --brief ISO3.")
    name = f"report-{folder.name}" if brief is None else f"brief-{folder.name}-{brief}-{language}"
    path = to or Path(f"{name}.html")
    html = render_again(folder) if brief is None else brief_again(folder, brief, language)
    if not dry_run:
        write_page(html, path)
    page = {"release": str(folder), "report": str(path), "bytes": len(html.encode()), "written": not dry_run}
    output.show(page, f"{'Would write' if dry_run else 'Report  '} {path}")


@options(
    "config out theatre source panel regions "
    "layer month_rule as_of run_date mlruns tracking_uri track log_json "
    "dry_run as_json quiet",
    as_of="The last month that may be looked at, such as 2023-12.",
    track="Keep the scores in MLflow as well.",
)
def score(settings: Settings, output: Output, dry_run: bool) -> None:
    """Score past releases against the months that have been observed since, and raise the alarm where due.

    Run it when new data have come, before or after the next release. The scores go to monitoring.csv and
    monitoring.json beside the releases, and to one run per model version in MLflow. It leaves with 15 where forecasts
    were worse than conflictology for three months, with 12 where intervals held too few or too many outcomes.

    \b
    Examples:
      harmattan score
      harmattan score --config harmattan.toml --json
      harmattan score --out releases --no-track --dry-run
    """
    from ..monitoring import run_score

    with output.bar() as progress:
        scored = run_score(settings, progress, dry_run)
    output.show({**scored.to_dict(), "new": scored.fresh, "runs": scored.run_ids}, _lines(scored))
    if scored.error is not None:
        raise scored.error


def _lines(scored: ScoredReleases) -> Iterator[str]:
    """The last months as a small table, and every alarm."""
    if scored.months.empty:
        yield f"No release has a month that was observed since; the data end in {scored.data_to}."
        return
    yield "target  month    forecasts  expected  recorded   skill  in 80 %"
    for row in scored.months.groupby("target", sort=False).tail(6).to_dict("records"):
        skill = "    –" if row["skill"] != row["skill"] else f"{100 * row['skill']:+5.0f}"
        yield (
            f"{row['target']:<7} {row['month']}  {row['forecasts']:>9}  {row['expected']:>8,.1f}  "
            f"{row['observed']:>8,.0f}  {skill} %  {100 * row['coverage_80']:>4.0f} %"
        )
    yield from (f"{alarm.level:<6} {alarm.message}" for alarm in scored.alarms)
    lists = scored.lists[scored.lists["months"] == 3] if len(scored.lists) else scored.lists
    for of, rows in lists.groupby("of") if len(lists) else ():
        yield (
            f"Watch lists ({of}), within three months, {rows['release'].nunique()} releases: "
            f"{rows['expected'].sum():.1f} expected, {rows['observed'].sum()} recorded."
        )
