"""What a forecast must not be used for, as the report and docs/do_no_harm.md say it."""

from __future__ import annotations

#: What is prohibited, and in which words.
MISUSE = (
    (
        "Targeting",
        ", by anybody: choosing places, routes or people for military or police action, searches or detention.",
    ),
    (
        "Decisions about a person",
        ": visa, asylum, deportation, credit, insurance, employment, bail. A region's risk says nothing about anybody "
        "who lives in it or comes from it.",
    ),
    (
        "Blaming a community",
        ": ethnic, religious, occupational or national. The counts name armed groups, not the people among whom they "
        'move, and "model-attributed" is no proof that anything came across a border.',
    ),
    (
        "Punishing a place",
        ": withdrawing aid, closing schools or borders because of a number on this map. A high forecast is a reason to "
        "prepare help.",
    ),
    ("Propaganda", ": showing one number without its uncertainty, its date and its banner."),
)
