"""Write docs/cli.md: the help of every command, as the program gives it. `make docs-cli` runs this."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import typer

from harmattan.forecast.cli.entry import app

PAGE = Path(__file__).with_name("cli.md")
#: Columns of a help text on the page.
WIDTH = 88
HEAD = """\
# Every command

What `--help` says, command by command. This page is written by `make docs-cli` from the program itself, and a test
fails where the two differ. What each code means that a command leaves with: [exit codes](exit_codes.md).

`harmattan --install-completion` teaches your shell (bash, zsh, fish, PowerShell) to complete commands and options;
`harmattan --show-completion` prints what it would add.
"""


def commands() -> Iterator[tuple[str, Any, Any]]:
    """Every command and group: its full name, itself, its context."""
    root: Any = typer.main.get_command(app)
    yield from _below("harmattan", root, None)


def _below(name: str, command: Any, parent: Any) -> Iterator[tuple[str, Any, Any]]:
    context = command.make_context(
        name.split()[-1],
        [],
        parent=parent,
        resilient_parsing=True,
        terminal_width=WIDTH,
        max_content_width=WIDTH,
    )
    yield name, command, context
    if hasattr(command, "list_commands"):
        for child in command.list_commands(context):
            yield from _below(f"{name} {child}", command.get_command(context, child), context)


def page() -> str:
    """The whole page."""
    parts = [HEAD]
    for name, command, context in commands():
        text = "\n".join(line.rstrip() for line in command.get_help(context).splitlines()).strip()
        parts.append(f"## {name}\n\n```text\n{text}\n```\n")
    return "\n".join(parts)


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
