"""Types of violence: of each source, their names as measures (``events_<name>``), and in words.

A new type is named here; its source's reader in ``data/sources`` gives it to incidents.
"""

from __future__ import annotations

#: UCDP's three, by their number.
UCDP_TYPES = {1: "state_based", 2: "non_state", 3: "one_sided"}

#: ACLED's event types that are read unless others are asked for, and all of them.
ACLED_VIOLENT = ("Battles", "Explosions/Remote violence", "Violence against civilians")
ACLED_EVENT_TYPES = (*ACLED_VIOLENT, "Protests", "Riots", "Strategic developments")
#: Their names as measures.
ACLED_TYPES = {name: name.lower().replace("/", "_").replace(" ", "_") for name in ACLED_EVENT_TYPES}

#: Types, of any source, whose victims are civilians.
AGAINST_CIVILIANS = ("one_sided", "violence_against_civilians")

#: Words for types that their name with spaces does not say.
TYPE_LABELS = {
    "state_based": "battles with the state",
    "non_state": "fighting between non-state groups",
    "one_sided": "violence against civilians",
    "explosions_remote_violence": "explosions and remote violence",
    "other_types": "violence of unknown type",
}
