"""Members that users bring: what they have to be, how they are found, checked, stored and read again."""

from __future__ import annotations

import inspect
import json
import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from typing import Any, Protocol, Self, TypeAlias, runtime_checkable

import numpy as np
import pandas as pd

from ...data.errors import HarmattanError, ModelError, UsageError
from ..margins import Margins
from .base import Member, Problem

#: Entry points of this group are members that other packages bring.
GROUP = "harmattan.members"
#: Among members, stands for the usual ones of the target; in Python also ``...`` itself.
USUAL = "..."
#: Classes of this package that stored members may name.
OURS = ("harmattan.Regressor", "harmattan.TableMember")
#: Names that the pool itself has.
TAKEN = ("pool", "pool_uncalibrated", USUAL)


@runtime_checkable
class OwnMember(Protocol):
    """What a member has to be: fitted at an origin for one horizon, it gives a distribution for every region.

    It may have a ``name``; without one it is called like its class. To be trained, registered and published it also
    has ``to_files()``, text by file name, and a class method ``from_files(files)``: nothing is pickled. A copy is
    fitted for every target, horizon and refit: that of ``fresh()`` where there is such a method, else a deep one.
    """

    def fit(self, problem: Problem, origin: pd.Period, horizon: int) -> Any:
        """Learn from what is known at the origin; the problem holds no later month."""

    def margins(self, problem: Problem, origin: pd.Period) -> Margins | None:
        """Distributions of the counts ``horizon`` months after the origin, (regions,); None where it has no forecast.

        The origin may be later than that of the fit.
        """


#: A member by name, or an object that is one.
MemberLike: TypeAlias = str | OwnMember


def name_of(member: Any) -> str:
    """What a member is called in every table.

    Raises
    ------
    UsageError
        It is no member, or its name is no short name.
    """
    if member is Ellipsis:
        return USUAL
    if isinstance(member, str):
        return member
    if isinstance(member, type) or not isinstance(member, OwnMember):
        what = f"{_short(member)} is no member: it has no fit(problem, origin, horizon) and margins(problem, origin)."
        raise UsageError(what, "members", "Give a name, or an object that has both.")
    name = getattr(member, "name", None)
    if not isinstance(name, str) or not name or name == "member":
        name = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", type(member).__name__).lower()
    if not re.fullmatch("[a-z][a-z0-9_]{0,40}", name) or name in TAKEN:
        what = f"a member cannot be called '{name[:60]}'."
        raise UsageError(
            what, "members", "Use a few small letters, digits and underscores, such as my_model."
        )
    return name


@cache
def _registered() -> Mapping[str, EntryPoint]:
    return {point.name: point for point in entry_points(group=GROUP)}


def registered_names() -> tuple[str, ...]:
    """Members that installed packages bring, by name."""
    return tuple(sorted(_registered()))


def registered_member(name: str) -> OwnMember:
    """The member that an installed package brings under a name.

    Raises
    ------
    ModelError
        The package cannot be imported, or what it names is no member.
    """
    point = _registered()[name]
    try:
        found = point.load()
        made = found() if isinstance(found, type) or not isinstance(found, OwnMember) else found
    except Exception as reason:
        raise ModelError(
            f"the member '{name}' cannot be loaded ({type(reason).__name__}: {reason}).",
            point.value,
            "Mend or remove the package that brings it.",
        ) from reason
    name_of(made)
    return made


class Guarded(Member):
    """A member of a user's own at work: a fresh copy is fitted, shown nothing later, and what it gives is checked."""

    def __init__(self, own: OwnMember, called: str) -> None:
        self.own = own
        self.called = called

    def fit(self, problem: Problem, origin: pd.Period, horizon: int) -> Self:
        """Fit a copy on what is known at the origin."""
        self.horizon_ = horizon
        seen = problem.until(origin)
        with self._named(origin), _untouched(seen):
            self.own_ = _fresh(self.own)
            self.own_.fit(seen, origin, horizon)
        return self

    def forecast(self, problem: Problem, origin: pd.Period) -> Margins | None:
        """What the member gives, checked; None where it has no forecast for this origin."""
        seen = problem.until(origin)
        with self._named(origin), _untouched(seen):
            found = self.own_.margins(seen, origin)
        return None if found is None else self._checked(found, problem.panel.region_ids, origin)

    def margins(self, problem: Problem, origin: pd.Period) -> Margins:
        """As :meth:`forecast`; a :class:`ModelError` where there is none."""
        found = self.forecast(problem, origin)
        if found is None:
            raise self._error("has no forecast here.", origin, "Leave it out, or choose another origin.")
        return found

    def _checked(self, found: Any, regions: tuple[str, ...], origin: pd.Period) -> Margins:
        """A :class:`ModelError` that says what is wrong, and for which region."""
        if not isinstance(found, Margins):
            remedy = "Make them with negative_binomial or empirical of harmattan.training."
            raise self._error(f"gave {_short(found)}, not Margins.", origin, remedy)
        cdf, mean, cases = found.cdf, np.asarray(found.mean), len(regions)
        if cdf.ndim != 2 or len(cdf) != cases or mean.shape != (cases,):
            what = f"gave margins of shape {cdf.shape[:-1]} for {cases} regions."
            raise self._error(what, origin, "Give one distribution for each region, in the panel's order.")
        wrong = {
            "a mean that is not a number": ~np.isfinite(mean),
            "a negative mean": mean < 0,
            "a probability that is not a number": ~np.isfinite(cdf).all(axis=1),
            "probabilities outside 0..1": (cdf < -1e-9).any(axis=1) | (cdf > 1 + 1e-9).any(axis=1),
            "cumulative probabilities that fall": (np.diff(cdf, axis=1) < -1e-9).any(axis=1),
            "cumulative probabilities that do not reach 1": cdf[:, -1] < 1 - 1e-6,
        }
        for what, where in wrong.items():
            if where.any():
                count, first = int(where.sum()), regions[int(where.argmax())]
                more = f" and {count - 1} more regions" if count > 1 else ""
                raise self._error(f"gave {what} for {first}{more}.", origin, "Correct the member.")
        return found

    @contextmanager
    def _named(self, origin: pd.Period) -> Iterator[None]:
        """Whatever goes wrong inside is an error that names the member, the origin and the horizon."""
        try:
            yield
        except HarmattanError as error:
            if f"'{self.called}'" in error.message:
                raise
            raise self._error(f"failed: {error.what}", origin, error.remedy) from error
        except Exception as error:
            first = str(error).strip().splitlines()[0][:200] if str(error).strip() else ""
            text = f"{type(error).__name__}: {first}".rstrip(": ")
            writes = "read-only" in text
            what = "tried to change its input." if writes else f"raised {text.rstrip('.')}."
            remedy = "Copy an array before writing to it." if writes else "Correct the member."
            raise self._error(what, origin, remedy) from error

    def _error(self, what: str, origin: pd.Period, remedy: str) -> ModelError:
        return ModelError(
            f"the member '{self.called}' {what}", f"origin {origin}, horizon {self.horizon_}", remedy
        )

    def to_files(self) -> dict[str, str]:
        """Text by file name: the class, the horizon, and what the member itself stores."""
        own = self.own_
        if not (hasattr(own, "to_files") and hasattr(type(own), "from_files")):
            raise ModelError(
                f"the member '{self.called}' cannot be stored: it has no to_files and from_files.",
                remedy="Add both, text by file name; nothing is pickled. A back-test needs neither.",
            )
        about = {"class": class_path(type(own)), "horizon": self.horizon_}
        files = own.to_files()
        if not all(isinstance(k, str) and isinstance(v, str) for k, v in files.items()):
            what = f"the member '{self.called}' stores something else than text by file name."
            raise ModelError(what, remedy="Let to_files return a dict of str to str.")
        return {
            "member.json": json.dumps(about, sort_keys=True) + "\n",
            **{f"own/{k}": v for k, v in files.items()},
        }

    @classmethod
    def from_files(
        cls,
        called: str,
        files: Mapping[str, str],
        trusted: Collection[str] = (),
        functions: Mapping[str, Callable[..., Any]] | None = None,
    ) -> Guarded:
        """A fitted member from what :meth:`to_files` gave, and the functions of its features.

        Raises
        ------
        ModelError
            Its class is not among the trusted ones.
        """
        about = json.loads(files["member.json"])
        kind = trusted_class(about["class"], trusted)
        texts = {k.removeprefix("own/"): v for k, v in files.items() if k.startswith("own/")}
        takes = inspect.signature(kind.from_files).parameters
        given = {"trusted": trusted, "functions": functions or {}}
        made = cls(kind.from_files(texts, **{n: v for n, v in given.items() if n in takes}), called)
        made.own_, made.horizon_ = made.own, int(about["horizon"])
        return made


def _fresh(own: OwnMember) -> Any:
    """A copy that has learned nothing."""
    if hasattr(own, "fresh"):
        return own.fresh()
    from copy import deepcopy

    return deepcopy(own)


@contextmanager
def _untouched(problem: Problem) -> Iterator[None]:
    """An error where what is shared with other members was changed inside; arrays cannot be written to anyway."""
    before = _fingerprint(problem)
    yield
    if _fingerprint(problem) != before:
        raise ValueError("read-only")


def _fingerprint(problem: Problem) -> tuple[object, ...]:
    panel = problem.panel
    links = (
        () if panel.links is None else (panel.links.shape, *pd.util.hash_pandas_object(panel.links).tolist())
    )
    arrays = (*((name, id(values)) for name, values in sorted(panel.measures.items())), id(panel.observed))
    return (links, *arrays, *sorted(map(str, panel.attrs)), float(problem.counts.sum()))


def class_path(kind: type) -> str:
    """Where a class can be imported from, the shortest public place.

    >>> from sklearn.linear_model import PoissonRegressor
    >>> class_path(PoissonRegressor)
    'sklearn.linear_model.PoissonRegressor'
    """
    parts = kind.__module__.split(".")
    for end in range(1, len(parts)):
        module = ".".join(parts[:end])
        if getattr(import_module(module), kind.__qualname__, None) is kind:
            return f"{module}.{kind.__qualname__}"
    return f"{kind.__module__}.{kind.__qualname__}"


def trusted_class(path: str, trusted: Collection[str]) -> Any:
    """A class by its path, imported only where it is this package's, declared, or brought by an installed member.

    Raises
    ------
    ModelError
        Nobody has declared it, or it is not there.
    """
    brought = {p.value.replace(":", ".") for p in _registered().values()}
    if path not in trusted and path not in brought and path not in OURS:
        raise ModelError(
            f"the stored model asks for {path}, which is not declared.",
            remedy=f'If you trust it, write trusted = ["{path}"] in the settings.',
        )
    module, _, name = path.rpartition(".")
    try:
        return getattr(import_module(module), name)
    except (ImportError, AttributeError, ValueError) as reason:
        raise ModelError(
            f"the stored model asks for {path}, which cannot be imported ({reason}).",
            remedy="Install the package that it comes from.",
        ) from None


def classes_of(members: Iterable[Any]) -> tuple[str, ...]:
    """Paths of the classes of members that are given as objects, and of what these are made of."""
    found: dict[str, None] = {}
    for member in members:
        if not isinstance(member, str) and member is not Ellipsis:
            found[class_path(type(member))] = None
            found.update(dict.fromkeys(getattr(member, "needs", tuple)()))
    return tuple(found)


def _short(value: Any) -> str:
    """A value in an error: a class by its name, anything else by its type."""
    return f"the class {value.__name__}" if isinstance(value, type) else f"a {type(value).__name__}"
