"""What a search for better parameters may vary: declared for members by name, given for those of one's own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ..data.errors import UsageError, nearest

if TYPE_CHECKING:
    from .models import MemberLike


@dataclass(frozen=True)
class IntRange:
    """Whole numbers from ``low`` to ``high``, on a logarithmic scale."""

    low: int
    high: int


@dataclass(frozen=True)
class FloatRange:
    """Numbers from ``low`` to ``high``, on a logarithmic scale where ``log``."""

    low: float
    high: float
    log: bool = False


#: What is searched, by member: every name is a parameter of its class.
SEARCH_SPACE: Mapping[str, Mapping[str, IntRange | FloatRange]] = {
    "boosted": {
        "blend": FloatRange(0.0, 0.8),
        "trees": IntRange(5, 80),
        "learning_rate": FloatRange(0.01, 0.1, log=True),
        "leaves": IntRange(4, 24),
        "min_leaf": IntRange(100, 1200),
        "feature_share": FloatRange(0.2, 0.9),
        "penalty": FloatRange(2.0, 100.0, log=True),
    },
    "endemic_epidemic": {
        "recency_half_life": FloatRange(20.0, 120.0, log=True),
        "pooling": FloatRange(0.1, 10.0, log=True),
    },
    "exponential_nb": {
        "fast": FloatRange(1.0, 6.0, log=True),
        "slow": FloatRange(8.0, 36.0, log=True),
        "recency_half_life": FloatRange(20.0, 120.0, log=True),
        "local": FloatRange(0.01, 0.5, log=True),
    },
    "smoothed_conflictology": {
        "window": IntRange(6, 24),
        "pull": FloatRange(0.005, 0.5, log=True),
        "recency_half_life": FloatRange(20.0, 120.0, log=True),
    },
}


#: What a member of one's own is searched over: parameters with their lowest and highest value.
Space = Mapping[str, "IntRange | FloatRange | tuple[float, float]"]


def check_searchable(member: MemberLike, space: Space | None = None) -> None:
    """A :class:`UsageError` for a member whose parameters are not searched, or without optuna."""
    if isinstance(member, str):
        if space is not None:
            raise UsageError(f"what is searched of '{member}' is declared.", "space", "Leave it out.")
        if member not in SEARCH_SPACE:
            raise UsageError(
                f"no parameters of '{member}' are declared for a search.",
                "--member",
                nearest(member, SEARCH_SPACE),
            )
    else:
        space_of(member, space)
    try:
        import optuna  # noqa: F401
    except ModuleNotFoundError:
        raise UsageError(
            "a search needs optuna.", remedy="Install it with: pip install 'harmattan[tune]'."
        ) from None


def space_of(member: Any, space: Space | None) -> dict[str, IntRange | FloatRange]:
    """The ranges that a member of one's own is searched over; whole numbers where both ends are.

    >>> from types import SimpleNamespace
    >>> mine = SimpleNamespace(get_params=lambda deep: {"estimator__max_iter": 100})
    >>> space_of(mine, {"estimator__max_iter": (50, 200)})
    {'estimator__max_iter': IntRange(low=50, high=200)}

    Raises
    ------
    UsageError
        A member without parameters, a name that is none of them, a range that is none or does not hold what it is now.
    """
    if not hasattr(member, "get_params"):
        what = f"a {type(member).__name__} has no get_params(), so that nothing can be searched."
        raise UsageError(
            what, "--member", "Give a Regressor, or add get_params(deep) and set_params(**params)."
        )
    if not space:
        raise UsageError(
            "what is to be searched is not said.", "space", "Write {'estimator__alpha': (0.01, 10.0)}."
        )
    given: Any = space
    if not isinstance(given, Mapping):
        what = f"a {type(given).__name__} says no ranges."
        raise UsageError(what, "space", "Write {'estimator__alpha': (0.01, 10.0)}.")
    known = member.get_params(deep=True)
    found: dict[str, IntRange | FloatRange] = {}
    for name, part in space.items():
        if name not in known:
            raise UsageError(f"'{name}' is no parameter of the member.", "space", nearest(name, known))
        low, high = (part.low, part.high) if isinstance(part, IntRange | FloatRange) else _ends(part, name)
        now = known[name]
        if not _is_number(now) or not low < high or not low <= now <= high:
            what = f"{part} is no range of {name}, which is {now!r}."
            raise UsageError(
                what, "space", "Give the lowest and the highest value, with the one of now between."
            )
        if isinstance(part, IntRange | FloatRange):
            found[name] = part
        elif isinstance(low, int) and isinstance(high, int):
            found[name] = IntRange(low, high)
        else:
            found[name] = FloatRange(float(low), float(high), log=low > 0)
    return found


def _ends(part: Any, name: str) -> tuple[float, float]:
    if not isinstance(part, tuple | list) or len(part) != 2 or not all(map(_is_number, part)):
        what = f"{part} is no range of {name}."
        raise UsageError(what, "space", "Give the lowest and the highest value.")
    return part[0], part[1]


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
