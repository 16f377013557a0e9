"""Draws of armed groups in which a group enters a region as often as the watch list says."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np

from ..margins import draws_with


@dataclass(frozen=True)
class Entries:
    """Chances that groups enter regions, and the parts that are events of each.

    Attributes
    ----------
    member : numpy.ndarray
        Whether a part counts for a group, bool (groups, parts); the last part counts for none. Where ``joint``, the
        last group is any of them.
    within : numpy.ndarray
        ``P(any event of the group within 1, 2, ... months)``, (groups, months, regions); NaN where the shares decide.
    own : numpy.ndarray
        Parts of one group alone, where they are known, bool (groups, regions, parts); of any group, those whose groups
        have no chance of their own.
    """

    member: np.ndarray
    within: np.ndarray
    own: np.ndarray
    joint: bool = False

    @classmethod
    def of(
        cls,
        names: Sequence[str],
        mean: np.ndarray,
        groups: Mapping[str, Sequence[str]],
        chances: Mapping[str, np.ndarray],
        whole: str | None = None,
    ) -> Self | None:
        """Those of a division into groups; None where no chance is given.

        Parameters
        ----------
        names : sequence of str
            The parts.
        mean : numpy.ndarray
            Expected shares, (regions, parts): a group without a part of its own in a region is left to the shares.
        groups : mapping of str to sequence of str
            The parts that count for each group, some of them perhaps not among the names.
        chances : mapping of str to numpy.ndarray
            By group, (months, regions), 0..1 and rising; NaN where there is none.
        whole : str, optional
            What any of the groups is called among the chances.
        """
        known = [g for g in groups if g in chances and set(groups[g]) & set(names[:-1])]
        if not known:
            return None
        member = np.array([[n in groups[g] for n in names] for g in known])
        member[:, -1] = False
        own = (member & (member.sum(axis=0) == 1))[:, None] & (mean > 0)
        within = np.stack(
            [np.where(o.any(axis=1), chances[g], np.nan) for g, o in zip(known, own, strict=True)]
        )
        if np.isnan(within).all():
            return None
        if whole is None or whole not in chances:
            return cls(member, within, own)
        union = np.isin(names, [part for parts in groups.values() for part in parts]) & (
            names[-1] != np.array(names)
        )
        listed = np.isfinite(within).all(axis=1)
        free = union & (mean > 0) & ~(member[:, None] & listed[..., None]).any(axis=0)
        some = np.where(listed.any(axis=0) | free.any(axis=1), chances[whole], np.nan)
        return cls(np.vstack([member, union]), np.stack([*within, some]), np.stack([*own, free]), True)


class Entering:
    """Follows the draws of a division from month to month, and says in which a group has entered.

    Parameters
    ----------
    entries : Entries
    draws : int
    rng : numpy.random.Generator
        Of its own: what the shares decide is drawn as it would be without a list.
    """

    def __init__(self, entries: Entries, draws: int, rng: np.random.Generator) -> None:
        """Nobody has entered."""
        self.member, self.own, self.rng = entries.member, entries.own, rng
        self.any = len(self.member) - 1 if entries.joint else None
        self.listed = np.isfinite(entries.within).all(axis=1)
        self.wanted = draws_with(np.nan_to_num(entries.within), draws)
        self.entered = np.zeros((len(self.member), draws, self.listed.shape[1]), dtype=bool)

    def follow(
        self, ahead: int, draw: np.ndarray, region: np.ndarray, share: np.ndarray, parts: np.ndarray
    ) -> None:
        """Change the parts of a month, in place, so that groups have entered in as many draws as was said.

        Groups enter first where their share is largest, in draws that have an event. Until then their events are the
        others', by the others' shares; in the month itself one event at least is theirs.

        Parameters
        ----------
        ahead : int
            Months ahead, from 1; nothing changes after the last month of the chances.
        draw, region : numpy.ndarray
            Of every pair that has events, (pairs,).
        share, parts : numpy.ndarray
            Drawn shares and counts, (pairs, parts).
        """
        if ahead > self.wanted.shape[1]:
            return
        for place in np.flatnonzero(self.listed.any(axis=0)).tolist():
            pairs = np.flatnonzero(region == place)
            groups = np.flatnonzero(self.listed[:, place])
            begins = self._begin(ahead, place, groups, draw[pairs], share[pairs], parts[pairs].sum(axis=1))
            there = self.entered[groups][:, draw[pairs], place]
            open_to = ~np.any(self.member[groups, None] & ~there[..., None], axis=0)
            parts[pairs] = self._divide(place, groups, begins, open_to, share[pairs], parts[pairs])

    def _begin(
        self,
        ahead: int,
        place: int,
        groups: np.ndarray,
        draw: np.ndarray,
        share: np.ndarray,
        events: np.ndarray,
    ) -> np.ndarray:
        """Which groups enter in which draws of a region this month, bool (groups, draws with events)."""
        begins = np.zeros((len(groups), len(draw)), dtype=bool)
        for i, group in enumerate(groups):
            away = np.flatnonzero(~self.entered[group, draw, place])
            lacking = self.wanted[group, ahead - 1, place] - self.entered[group, :, place].sum()
            # as many events as groups enter, or one that counts for all of them
            room = events[away] > begins[:, away].sum(axis=0)
            entering = begins[:, away].T[..., None]
            all_of = self.member[group] & (self.member[groups] | ~entering).all(axis=1)
            clash = (all_of & (share[away] > 0)).any(axis=1)
            pull = share[away] @ (self.own[group, place] if group == self.any else self.member[group])
            order = np.lexsort((-pull, ~room))
            order = order[((room | clash) & (pull > 0 if group == self.any else True))[order]]
            if groups[-1] == self.any != group:
                alone = i == len(groups) - 2 and not self.own[self.any, place].any()
                taken = ~self.entered[self.any, draw[away], place][order]
                left = self.wanted[self.any, ahead - 1, place] - self.entered[self.any, :, place].sum()
                order = order[_few_new(taken, room[order], max(lacking, 0), max(left, 0), alone)]
            order = order[: max(lacking, 0)]
            begins[i, away[order]] = True
            self.entered[group, draw[away[order]], place] = True
            if groups[-1] == self.any:
                self.entered[self.any, draw[away[order]], place] = True
        return begins

    def _divide(
        self,
        place: int,
        groups: np.ndarray,
        begins: np.ndarray,
        open_to: np.ndarray,
        share: np.ndarray,
        parts: np.ndarray,
    ) -> np.ndarray:
        """The events of the pairs of a region among the parts that are open to them, (pairs, parts)."""
        possible = share * open_to
        possible[possible.sum(axis=1) <= 0, -1] = 1.0
        possible /= possible.sum(axis=1, keepdims=True)
        kept = parts * open_to
        kept += self.rng.multinomial((parts - kept).sum(axis=1), possible)
        absent = begins & ((kept @ self.member[groups].T).T == 0)
        for pair in np.flatnonzero(absent.any(axis=0)):
            kept[pair] = self._with_each(place, groups[begins[:, pair]], possible[pair], kept[pair].sum())
        return np.asarray(kept)

    def _with_each(self, place: int, groups: np.ndarray, possible: np.ndarray, events: int) -> np.ndarray:
        """So many events, one at least of each group."""
        out = np.zeros(len(possible), dtype=np.int64)
        for i, group in enumerate(groups):
            if out @ self.member[group]:
                continue
            left = groups[i:] if events - out.sum() < len(groups) - i else groups[i : i + 1]
            weight = possible * self.member[left].all(axis=0)
            if weight.sum() <= 0:
                weight = self.own[group, place].astype(float)
            out += self.rng.multinomial(1, weight / weight.sum())
        return np.asarray(out + self.rng.multinomial(events - out.sum(), possible))


def _few_new(new: np.ndarray, room: np.ndarray, wanted: int, left: int, alone: bool) -> np.ndarray:
    """Positions of so many draws, the first ones, of which not more are new to every group than are left.

    ``alone``: nobody else can bring what is left. More are taken where other draws are too few.
    """
    fresh, known = np.flatnonzero(new), np.flatnonzero(~new & room)
    many = left if alone else min(int(new[:wanted].sum()), left)
    many = min(max(many, wanted - len(known)), wanted, len(fresh))
    return np.concatenate([fresh[:many], known[: wanted - many]])
