"""``harmattan publish``: the scheduled job on the command line."""

from __future__ import annotations

from typing import Annotated, Any

from ..settings import Settings
from .options import options
from .output import Output, bar


@options(
    "config out model source panel regions as_of run_date mlruns tracking_uri track allow_grid notify workers "
    "accept_losses log_json dry_run as_json quiet",
    model="champion (default), another alias or version, or a folder of a trained model.",
)
def publish(
    settings: Settings,
    output: Output,
    dry_run: bool,
    accept_losses: Annotated[bool, "Publish though counts are gone that the last release had seen."] = False,
    log_json: Annotated[
        str | None, "Append a line of JSON per stage to this file; - for standard error."
    ] = None,
) -> None:
    """Publish the newest forecast: checks, data, champion, release, verification, latest, word of it.

    Made for a scheduler: nothing is asked, running it again changes nothing, and every way to fail has its exit code.
    All other settings come from the settings file.

    \b
    Examples:
      harmattan publish --config /etc/harmattan.toml
      harmattan publish --out /srv/forecasts --json --log-json /var/log/harmattan.jsonl
      harmattan publish --dry-run
    """
    if dry_run:
        from ..publishing import plan

        found = plan(settings, accept_losses=accept_losses)
        return output.show(found, _sentence(found), ensure_ascii=False)
    from ..publishing import JobLog
    from ..publishing import publish as run

    with JobLog(log_json) as log, bar(output.quiet or log_json == "-") as progress:
        done = run(settings, log, progress, accept_losses=accept_losses)
    output.show(done.to_dict(), done.sentence, ensure_ascii=False)
    for error in (done.tracking_error, done.notify_error):
        if error is not None:
            raise error


def _sentence(plan: dict[str, Any]) -> str:
    skipped = f" Not usable: {'; '.join(plan['tried'])}." if plan["tried"] else ""
    lead = f" It would not become the latest: {plan['why_not_latest']}." if plan["why_not_latest"] else ""
    return f"Would forecast from {plan['origin']} with {plan['model']}, and write {plan['release']}.{skipped}{lead}"
