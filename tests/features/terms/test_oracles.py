"""Every family computed again by plain loops over dictionaries, on panels with gaps, an island and a lone region."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest

from harmattan.data.panel import Panel
from harmattan.features import (
    Active,
    ActiveBorder,
    Border,
    Country,
    DaysSince,
    Everywhere,
    Ewm,
    Lag,
    Log1p,
    Max,
    Mean,
    MonthsSince,
    MonthsSinceSpell,
    NearestActive,
    Neighbours,
    Ratio,
    Recipe,
    Share,
    Spells,
    Static,
    Sum,
    Trend,
)

NAN = math.nan
Cells = dict[tuple[int, int], float]
World = tuple[Panel, Callable[[str], Cells]]


def is_nan(x: float) -> bool:
    return x != x


@pytest.fixture(scope="module", params=[(0, True), (1, True), (2, True), (3, False)], ids=str)
def world(request: pytest.FixtureRequest, make_panel: Callable[..., Panel]) -> World:
    """A panel, and its measures as dictionaries (month, region) -> value, NaN where not observed."""
    seed, gaps = request.param
    panel = make_panel(seed, months=38, gaps=gaps)

    def measure(name: str) -> Cells:
        values = panel.measures[name]
        return {
            (t, i): float(values[t, i]) if panel.observed[t, i] else NAN
            for t in range(values.shape[0])
            for i in range(values.shape[1])
        }

    return panel, measure


def check(world: World, term: object, expected: Callable[[int, int], float]) -> None:
    panel, _ = world
    got = Recipe([term]).build(panel).values[:, :, 0]
    want = np.array([[expected(t, i) for i in range(panel.shape[1])] for t in range(panel.shape[0])])
    np.testing.assert_allclose(got, want, rtol=1e-6, atol=1e-6, equal_nan=True)
    assert np.isfinite(want).sum() > 30


def back(cells: Cells, t: int, i: int, window: int) -> list[float]:
    """Observed values of the last ``window`` months."""
    values = [cells.get((s, i), NAN) for s in range(t - window + 1, t + 1)]
    return [v for v in values if not is_nan(v)]


def mean_of(values: list[float]) -> float:
    return math.fsum(values) / len(values) if values else NAN


def ewm_of(cells: Cells, t: int, i: int, half_life: float) -> float:
    top = bottom = 0.0
    for s in range(t + 1):
        if not is_nan(cells[s, i]):
            weight = 0.5 ** ((t - s) / half_life)
            top, bottom = top + weight * cells[s, i], bottom + weight
    return top / bottom if bottom else NAN


def since(cells: Cells, t: int, i: int, at_least: float = 1e-9) -> float:
    for s in range(t, -1, -1):
        if is_nan(cells[s, i]):
            return NAN
        if cells[s, i] >= at_least:
            return t - s
    return NAN


def kilometres(panel: Panel) -> dict[tuple[int, int], float]:
    at = {region: i for i, region in enumerate(panel.region_ids)}
    km = {}
    for row in panel.links.itertuples():
        km[at[row.region_a], at[row.region_b]] = km[at[row.region_b], at[row.region_a]] = row.border_km
    return km


def share_weights(panel: Panel, order: int) -> dict[tuple[int, int], float]:
    km, n = kilometres(panel), panel.shape[1]
    first = {(i, j): v / math.fsum(km.get((i, k), 0.0) for k in range(n)) for (i, j), v in km.items()}
    if order == 1:
        return first
    ways: dict[tuple[int, int], float] = {}
    for (i, j), a in first.items():
        for (k, m), b in first.items():
            if j == k and m != i and (i, m) not in km:
                ways[i, m] = ways.get((i, m), 0.0) + a * b
    total = {i: math.fsum(v for (a, _), v in ways.items() if a == i) for i, _ in ways}
    return {(i, m): v / total[i] for (i, m), v in ways.items()}


def around(panel: Panel, cells: Cells, order: int, across: bool | None) -> Cells:
    """The series of neighbours, gaps made up for by the weight of those observed."""
    made: Cells = {}
    weight = share_weights(panel, order)
    for t in range(panel.shape[0]):
        for i in range(panel.shape[1]):
            pairs = [
                (w, cells[t, j])
                for (a, j), w in weight.items()
                if a == i and (across is None or (panel.countries[a] != panel.countries[j]) == across)
            ]
            known = math.fsum(w for w, v in pairs if not is_nan(v))
            every = math.fsum(w for w, _ in pairs)
            total = math.fsum(w * v for w, v in pairs if not is_nan(v))
            made[t, i] = total * every / known if known else NAN
    return made


def others(panel: Panel, cells: Cells, same_country: bool) -> Cells:
    made: Cells = {}
    for t in range(panel.shape[0]):
        for i, country in enumerate(panel.countries):
            at = [j for j, c in enumerate(panel.countries) if j != i and (c == country or not same_country)]
            known = [cells[t, j] for j in at if not is_nan(cells[t, j])]
            made[t, i] = math.fsum(known) * len(at) / len(known) if known else NAN
    return made


@pytest.mark.parametrize("months", [0, 1, 7])
def test_lag(world: World, months: int) -> None:
    cells = world[1]("events")
    check(world, Lag(months), lambda t, i: cells.get((t - months, i), NAN))


@pytest.mark.parametrize("window", [1, 3, 12])
def test_windows(world: World, window: int) -> None:
    cells = world[1]("deaths_best")
    check(world, Mean(window, of="deaths_best"), lambda t, i: mean_of(back(cells, t, i, window)))
    check(world, Sum(window, of="deaths_best"), lambda t, i: window * mean_of(back(cells, t, i, window)))
    check(world, Max(window, of="deaths_best"), lambda t, i: max(back(cells, t, i, window), default=NAN))
    check(
        world,
        Active(window, of="deaths_best", at_least=2),
        lambda t, i: mean_of([float(v >= 2) for v in back(cells, t, i, window)]),
    )


def test_trend(world: World) -> None:
    cells = world[1]("events")
    check(
        world,
        Trend(3, 12),
        lambda t, i: math.log1p(mean_of(back(cells, t, i, 3))) - math.log1p(mean_of(back(cells, t, i, 12))),
    )


@pytest.mark.parametrize("half_life", [0.5, 3.0, 36.0])
def test_exponential_mean(world: World, half_life: float) -> None:
    cells = world[1]("events")
    check(world, Ewm(half_life), lambda t, i: ewm_of(cells, t, i, half_life))
    check(world, Log1p(of=Ewm(half_life)), lambda t, i: math.log1p(ewm_of(cells, t, i, half_life)))


def test_months_since(world: World) -> None:
    cells = world[1]("events")
    check(world, MonthsSince(), lambda t, i: since(cells, t, i))
    check(world, MonthsSince(at_least=3), lambda t, i: since(cells, t, i, 3))


def test_days_since(world: World) -> None:
    panel, measure = world
    cells, days = measure("last_day"), panel.months.days_in_month

    def expected(t: int, i: int) -> float:
        gone = 0
        for s in range(t, -1, -1):
            if is_nan(cells[s, i]):
                return NAN
            if cells[s, i] > 0:
                return gone + int(days[s]) - cells[s, i]
            gone += int(days[s])
        return NAN

    check(world, DaysSince(), expected)


def test_spells(world: World) -> None:
    cells, quiet = world[1]("events"), 2

    def begins(s: int, i: int) -> bool:
        before = [cells.get((r, i), NAN) for r in range(s - quiet, s)]
        return cells[s, i] > 0 and all(v == 0 for v in before)

    def age(t: int, i: int) -> float:
        for s in range(t, -1, -1):
            if is_nan(cells[s, i]):
                return NAN
            if begins(s, i):
                return t - s
        return NAN

    def number(t: int, i: int) -> float:
        months = [s for s in range(max(0, t - 19), t + 1) if not is_nan(cells[s, i])]
        return 20 * mean_of([float(begins(s, i)) for s in months])

    check(world, MonthsSinceSpell(quiet=quiet), age)
    check(world, Spells(quiet=quiet, window=20), number)


@pytest.mark.parametrize("window", [1, 12])
def test_composition(world: World, window: int) -> None:
    _, measure = world
    for term, top in (
        (Share("one_sided", window), "events_one_sided"),
        (Share("jnim", window), "events_jnim"),
        (Share("late_events", window), "late_events"),
        (Ratio("deaths_best", "events", window), "deaths_best"),
    ):
        above, below = measure(top), measure("events")

        def expected(t: int, i: int, above: Cells = above, below: Cells = below) -> float:
            bottom = math.fsum(back(below, t, i, window))
            return math.fsum(back(above, t, i, window)) / bottom if bottom else NAN

        check(world, term, expected)


@pytest.mark.parametrize("order", [1, 2])
@pytest.mark.parametrize("across", [True, False, None])
def test_neighbours(world: World, order: int, across: bool | None) -> None:
    panel, measure = world
    near = around(panel, measure("events"), order, across)
    where = {"order": order, "across_border": across}
    check(world, Neighbours(of=Lag(1), **where), lambda t, i: near.get((t - 1, i), NAN))
    check(world, Neighbours(of=Sum(4), **where), lambda t, i: 4 * mean_of(back(near, t, i, 4)))
    check(world, Neighbours(of=Ewm(3.0), **where), lambda t, i: ewm_of(near, t, i, 3.0))
    check(world, Neighbours(of=MonthsSince(), **where), lambda t, i: since(near, t, i))
    check(world, Neighbours(of=MonthsSince(at_least=0.05), **where), lambda t, i: since(near, t, i, 0.05))


@pytest.mark.parametrize("same_country", [True, False])
def test_totals_leave_the_region_out(world: World, same_country: bool) -> None:
    panel, measure = world
    rest = others(panel, measure("events"), same_country)
    kind = Country if same_country else Everywhere
    check(world, kind(of=Lag(0)), lambda t, i: rest[t, i])
    check(world, kind(of=Ewm(6.0)), lambda t, i: ewm_of(rest, t, i, 6.0))


@pytest.mark.parametrize("across", [True, False, None])
def test_active_border(world: World, across: bool | None) -> None:
    panel, measure = world
    cells, km = measure("events"), kilometres(panel)

    def expected(t: int, i: int) -> float:
        total = known = active = 0.0
        for (a, j), length in km.items():
            if a != i or (across is not None and (panel.countries[a] != panel.countries[j]) != across):
                continue
            total += length
            values = back(cells, t, j, 3)
            known += length if values else 0.0
            active += length if any(v >= 1 for v in values) else 0.0
        return active * total / known if known else NAN

    check(world, ActiveBorder(3, across), expected)


def test_border_and_static(world: World) -> None:
    panel, _ = world
    km, people = kilometres(panel), panel.attrs["static"].set_index("region_id")["population"]
    check(world, Static("population"), lambda t, i: float(people[panel.region_ids[i]]))
    check(
        world,
        Border(),
        lambda t, i: math.fsum(
            v for (a, j), v in km.items() if a == i and panel.countries[a] != panel.countries[j]
        ),
    )


def test_nearest_active(world: World) -> None:
    panel, measure = world
    cells, km, n = measure("events"), kilometres(panel), panel.shape[1]
    place = panel.attrs["static"].set_index("region_id").loc[list(panel.region_ids)]

    def steps(i: int) -> dict[int, int]:
        found, edge = {i: 0}, [i]
        while edge:
            edge = [j for j in range(n) if j not in found and any((e, j) in km for e in edge)]
            found |= dict.fromkeys(edge, max(found.values()) + 1)
        return found

    def far(i: int, j: int) -> float:
        a, b = (np.radians(place[["longitude", "latitude"]].to_numpy()[k]) for k in (i, j))
        inner = math.sin(a[1]) * math.sin(b[1]) + math.cos(a[1]) * math.cos(b[1]) * math.cos(a[0] - b[0])
        return 6371.0088 * math.acos(inner)

    def nearest(t: int, i: int, distance: Callable[[int, int], float]) -> float:
        return min(
            (
                distance(i, j)
                for j in range(n)
                if panel.countries[j] != panel.countries[i] and any(v >= 1 for v in back(cells, t, j, 2))
            ),
            default=NAN,
        )

    reach = [steps(i) for i in range(n)]

    def by_steps(t: int, i: int) -> float:
        found = nearest(t, i, lambda a, b: reach[a].get(b, math.inf))
        return NAN if math.isinf(found) else found

    check(world, NearestActive(2), by_steps)
    check(world, NearestActive(2, measured_in="km"), lambda t, i: nearest(t, i, far))
