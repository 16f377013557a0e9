"""The exit codes of every command: one table, from which ``--help`` and the page in the documentation are made.

The numbers are those of the error classes in ``data/errors.py``; a test compares them.
"""

from __future__ import annotations

from dataclasses import dataclass

from ...data.errors import HarmattanError


@dataclass(frozen=True)
class ExitCode:
    """One code that a process leaves with, what it means, and what to do about it, a clause each."""

    code: int
    meaning: str
    remedy: str = ""

    @property
    def errors(self) -> tuple[str, ...]:
        """Classes of :mod:`harmattan.data.errors` that lead to it."""
        return tuple(kind.__name__ for kind in _kinds(HarmattanError) if kind.exit_code == self.code)


def _kinds(kind: type[HarmattanError]) -> list[type[HarmattanError]]:
    """A class of errors and all those below it."""
    return [kind, *(below for sub in kind.__subclasses__() for below in _kinds(sub))]


EXIT_CODES = (
    ExitCode(0, "done, or already there with the same bytes"),
    ExitCode(
        1,
        "something unexpected: a fault of this program",
        "run again with `--debug`, and report what it prints",
    ),
    ExitCode(
        2,
        "the request is wrong: an option, a setting, an origin",
        "correct the option or the line of `harmattan.toml` that is named",
    ),
    ExitCode(
        3,
        "the data are wrong: a file, a row, a region, a ledger",
        "correct the file and row that are named",
    ),
    ExitCode(4, "a model cannot be fitted or loaded", "bring a longer history, or name another model"),
    ExitCode(
        5,
        "a release cannot be written, or does not verify",
        "free space or permissions, choose another `--out`, or restore the release from a copy",
    ),
    ExitCode(
        6,
        "data or forecast are partial or implausible: nothing is published",
        "look at the check that is named, with `harmattan data check` or in `held/`",
    ),
    ExitCode(7, "another job is at work", "wait for it, or choose another `--out`"),
    ExitCode(
        8,
        "MLflow could not be reached or written; a forecast that was made is released",
        "mend the store and run again, or go on with `--no-track`",
    ),
    ExitCode(
        9,
        "the release was withdrawn",
        "use the one that `latest` points to; the reason is in the message",
    ),
    ExitCode(
        10,
        "the data are stale: nothing is published",
        "bring newer data; if the source itself is late, wait for it",
    ),
    ExitCode(11, "a release is overdue", "see why the scheduled job did not run or was refused, and run it"),
    ExitCode(
        12,
        "intervals held too few or too many of what happened: nothing is published",
        "look at the page in `held/`, and train again",
    ),
    ExitCode(
        13,
        "too few events could be placed in a region: nothing is published",
        "look at the ledger with `harmattan data check`; have boundaries or names changed?",
    ),
    ExitCode(
        14,
        "the release is published, but nobody could be told",
        "mend the `notify` command; the release needs nothing",
    ),
    ExitCode(
        15,
        "recent forecasts were worse than the baseline for too long",
        "train again, and promote what passes the gate",
    ),
    ExitCode(
        16,
        "the release is published here, but could not be copied to its store",
        "mend the store and run again: what is there is not sent twice",
    ),
)


def in_help() -> str:
    """The table for ``harmattan --help``.

    >>> print(in_help().splitlines()[7])
     7  another job is at work
    """
    return "\n".join(f"{entry.code:>2}  {entry.meaning}" for entry in EXIT_CODES)


def in_markdown() -> str:
    """The table for the documentation.

    >>> print(in_markdown().splitlines()[9])
    | 7 | another job is at work | `LockError` | wait for it, or choose another `--out` |
    """
    rows = ["| code | meaning | error in Python | what to do |", "|---|---|---|---|"]
    for entry in EXIT_CODES:
        errors = ", ".join(f"`{name}`" for name in entry.errors) + (", any other" if entry.code == 1 else "")
        cells = (str(entry.code), entry.meaning, errors, entry.remedy)
        rows.append(("| " + " | ".join(cells) + " |").replace("  ", " "))
    return "\n".join(rows) + "\n"
