"""``harmattan publish`` and ``backfill``: the scheduled job, and past months, on the command line."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from ..settings import Settings
from .options import options
from .output import Output, bar


@options(
    "config out model theatre source panel regions links covariates "
    "layer month_rule horizons targets as_of run_date mlruns tracking_uri track allow_grid level notify "
    "sign upload metrics_file workers "
    "accept_losses accept_month mask_month mask_reason mask_country log_json dry_run as_json quiet",
    model="champion (default), another alias or version, or a folder of a trained model.",
)
def publish(
    settings: Settings,
    output: Output,
    dry_run: bool,
    log_json: str | None,
    accept_losses: Annotated[bool, "Publish though counts are gone that the last release had seen."] = False,
    accept_month: Annotated[
        str, "Publish though the newest month looks like a faulty delivery: why it is to be believed."
    ] = "",
    mask_month: Annotated[
        str, "Leave out this month and all after it, such as 2023-12; needs --mask-reason."
    ] = "",
    mask_reason: Annotated[str, "Why that month is not believed."] = "",
    mask_country: Annotated[str, "ISO3 of the country whose month it is, where it is one country's."] = "",
) -> None:
    """Publish the newest forecast: checks, data, champion, release, verification, latest, word of it.

    Made for a scheduler: nothing is asked, running it again changes nothing, and every way to fail has its exit code.
    All other settings come from the settings file.

    \b
    Examples:
      harmattan publish --config /etc/harmattan.toml
      harmattan publish --out /srv/forecasts --json --log-json /var/log/harmattan.jsonl
      harmattan publish --sign harmattan.key --upload s3://bucket/forecasts
      harmattan publish --dry-run
      harmattan publish --accept-month "the source confirmed the quiet month"
      harmattan publish --mask-month 2023-12 --mask-country ISO3 --mask-reason "half of the file is missing"
    """
    from ..publishing import Judgement

    judgement = Judgement(accept_losses, accept_month, mask_month, mask_reason, mask_country)
    if dry_run:
        from ..publishing import plan

        found = plan(settings, judgement)
        return output.show(found, _sentence(found), ensure_ascii=False)
    from ..publishing import JobLog
    from ..publishing import publish as run

    with JobLog(log_json) as log, bar(output.quiet or log_json == "-") as progress:
        done = run(settings, log, progress, judgement)
    output.show(done.to_dict(), done.sentence, ensure_ascii=False)
    for error in (done.tracking_error, done.upload_error, done.notify_error):
        if error is not None:
            raise error


@options(
    "first last config out theatre source panel regions links covariates recipe members groups columns coverage "
    "layer month_rule targets horizons countries draws seed workers allow_grid level sign mlruns tracking_uri track "
    "log_json dry_run as_json quiet"
)
def backfill(
    settings: Settings,
    output: Output,
    dry_run: bool,
    first: Annotated[str, typer.Option("--from", help="First month to forecast from, such as 2022-01.")],
    last: Annotated[str, typer.Option("--to", help="Last month to forecast from.")],
) -> None:
    """Publish past months as they were known; what is there already, and `latest`, is not touched.

    A store of vintages is read as it was a month later; weights and calibration are learned from months before.
    Stopped, it goes on where it was: the same command again.

    \b
    Examples:
      harmattan backfill --from 2022-01 --to 2023-12 --out /srv/forecasts
      harmattan backfill --from 2023-01 --to 2023-06 --source store:vintages --regions regions.geojson --dry-run
    """
    from ..jobs import missing_months

    if dry_run:
        months, there = missing_months(settings, first, last)
        names = [str(month) for month in months]
        words = f"Would publish {len(names)} months ({', '.join(names) or 'none'}); {len(there)} are there."
        return output.show({"would_publish": names, "already": there}, words)
    from ..jobs import backfill as run

    with output.bar() as progress:
        done = run(settings, first, last, progress)
    words = f"Published {len(done.written)} months; {len(done.already)} were there already."
    output.show(done.summary(), words)
    if done.tracking_error:
        raise done.tracking_error


def _sentence(plan: dict[str, Any]) -> str:
    skipped = f" Not usable: {'; '.join(plan['tried'])}." if plan["tried"] else ""
    lead = f" It would not become the latest: {plan['why_not_latest']}." if plan["why_not_latest"] else ""
    return f"Would forecast from {plan['origin']} with {plan['model']}, and write {plan['release']}.{skipped}{lead}"
