"""Who comes to charge, when and for how long: drivers with habits, and the diary of a site.

Pure functions of a seed and a day, in the site's own time zone: nobody comes to work at 8 in UTC. The
diary lets them in one after the other, each to a connector that is free, and remembers only that.
"""

from __future__ import annotations

import math
from collections import deque
from datetime import UTC, date, datetime, timedelta, tzinfo
from random import Random
from typing import NamedTuple

import msgspec

from solarocpp.simulator.charging import CARS, Car

# Between two cars at one connector: unplug, drive off, drive in, plug in.
CHANGEOVER = timedelta(minutes=10)

# A connector belongs to about so many drivers; fewer than a dozen make no site.
DRIVERS_A_CONNECTOR, FEWEST_DRIVERS = 2, 12

# Cars come about so many percent emptier in January than in July: heating, and cold batteries.
WINTER_SOC = 7.0


class Habit(NamedTuple):
    """What a kind of driver does on a day; hours are local, a stay may go past midnight."""

    name: str
    share: int
    """How many of each 12 drivers are of this kind."""
    times: int
    """How often on a day it may come; each time by the chance of a working day or of a weekend."""
    workday: float
    weekend: float
    hour: float
    spread_h: float
    stays_h: tuple[float, float]
    soc: tuple[float, float, float]
    """Least, most and most usual charge when it comes, in percent."""
    cars: tuple[int, ...]
    """Rows of CARS it may drive; more than one is a card that several cars share."""


HABITS: tuple[Habit, ...] = (
    Habit("commuter", 4, 1, 0.62, 0.02, 8.0, 0.5, (6.5, 9.5), (12, 75, 45), (0, 1, 2, 3)),
    Habit("shift worker", 1, 1, 0.60, 0.25, 13.6, 0.3, (7.5, 8.8), (15, 70, 40), (1, 2)),
    Habit("neighbour", 3, 1, 0.42, 0.50, 18.9, 1.0, (9.0, 12.5), (10, 70, 38), (1, 2, 3)),
    Habit("delivery van", 1, 1, 0.88, 0.10, 17.2, 0.4, (11.0, 13.0), (10, 55, 25), (4,)),
    Habit("guest card", 2, 3, 0.40, 0.20, 12.8, 2.2, (0.6, 2.2), (10, 80, 45), (0, 1, 2, 3, 4)),
    Habit("shopper", 1, 2, 0.25, 0.60, 15.0, 2.5, (0.7, 2.0), (20, 80, 50), (0, 1, 2)),
)
"""A small site's people, the row that a driver is of repeats every 12 drivers."""

_KINDS = tuple(habit for habit in HABITS for _ in range(habit.share))


class Visit(msgspec.Struct, frozen=True):
    """One car at one connector, and how full it is when it comes."""

    arrives: datetime
    leaves: datetime
    car: Car
    soc_start: float
    driver: int
    """Who holds a card against the reader, counted from 0."""


def drivers_for(connectors: int) -> int:
    """How many people charge at a site of this size."""
    return max(FEWEST_DRIVERS, DRIVERS_A_CONNECTOR * connectors)


def habit_of(driver: int) -> Habit:
    """What a driver does all year."""
    # Spread, so that a dozen drivers are of every kind and neighbours in number are not alike.
    return _KINDS[driver * 5 % len(_KINDS)]


def visits_of_day(seed: int, day: date, drivers: int, zone: tzinfo) -> list[Visit]:
    """Who would like to come on a day, in order of arrival; whether there is room is the diary's to say."""
    return sorted(
        (visit for driver in range(drivers) for visit in _visits_of(seed, day, driver, zone)),
        key=lambda visit: (visit.arrives, visit.driver),
    )


def _visits_of(seed: int, day: date, driver: int, zone: tzinfo) -> list[Visit]:
    habit = habit_of(driver)
    chance = Random(f"{seed}/{driver}/{day.toordinal()}")  # noqa: S311 -- a pattern, not a secret
    own = Random(f"{seed}/{driver}")  # noqa: S311 -- the same all year: when this one gets up, what it drives
    hour, car = habit.hour + own.gauss(0.0, habit.spread_h), own.choice(habit.cars)
    if habit.times == 1 and is_away(seed, day, driver):
        return []
    likely = habit.weekend if day.weekday() >= 5 else habit.workday
    visits = []
    for _ in range(habit.times):
        comes, at = chance.random() < likely, chance.gauss(hour, habit.spread_h / 2 if habit.times == 1 else 2.5)
        stays, soc = chance.uniform(*habit.stays_h), chance.triangular(*habit.soc) - WINTER_SOC * _winter(day)
        driven = CARS[car if habit.times == 1 else chance.choice(habit.cars)]
        if comes:
            arrives = _local(day, at, zone)
            visits.append(Visit(arrives, _local(day, at + stays, zone), driven, round(max(5.0, soc), 1), driver))
    return visits


def is_away(seed: int, day: date, driver: int) -> bool:
    """Whether a driver is on holiday: every week a few are, in August and around the new year many."""
    year, week, _ = day.isocalendar()
    likely = 0.45 if week in {1, 31, 32, 33, 52, 53} else 0.06
    return Random(f"{seed}/{driver}/{year}/{week}").random() < likely  # noqa: S311 -- a pattern


def _winter(day: date) -> float:
    """1 in the middle of January, 0 in the middle of July."""
    return (1.0 + math.cos(2.0 * math.pi * (day.timetuple().tm_yday - 15) / 365.25)) / 2.0


def _local(day: date, hour: float, zone: tzinfo) -> datetime:
    """A local hour of a day, which may be past its midnight, to the second."""
    midnight = datetime(day.year, day.month, day.day, tzinfo=zone)
    # Wall time, and only then the zone: on the day the clocks change people still get up at the same hour.
    wall = midnight + timedelta(seconds=round(hour * 3600.0))
    return wall.astimezone(UTC)


class Diary:
    """Who charges at which connector, day by day, for ever; the days are made as they are asked for.

    With `stagger` each connector has a car at the begin, one so long after the other.
    """

    def __init__(
        self, seed: int, connectors: int, *, begins: datetime, zone: tzinfo, stagger: timedelta | None = None
    ) -> None:
        self._seed, self._zone, self._drivers = seed, zone, drivers_for(connectors)
        self._day = begins.astimezone(zone).date()
        self._free_from = [begins] * connectors
        self._visits: list[deque[Visit]] = [deque() for _ in range(connectors)]
        if stagger is not None:
            for connector, visits in enumerate(self._visits):
                visits.append(self._waiting(connector, begins + connector * stagger))

    def _waiting(self, connector: int, at: datetime) -> Visit:
        """A car that is there when a simulation begins, for a short top-up: something to see at once."""
        chance = Random(f"{self._seed}/{connector}/waiting")  # noqa: S311 -- a pattern, not a secret
        leaves = at + timedelta(seconds=round(chance.uniform(1_200.0, 3_000.0)))
        self._free_from[connector] = leaves
        return Visit(at, leaves, chance.choice(CARS), round(chance.uniform(10, 70), 1), chance.randrange(self._drivers))

    def next_visit(self, connector: int) -> Visit:
        """The next car at a connector."""
        while not self._visits[connector]:
            self._plan_day()
        return self._visits[connector].popleft()

    def _plan_day(self) -> None:
        choice = Random(f"{self._seed}/{self._day.toordinal()}/parking")  # noqa: S311 -- a pattern
        for visit in visits_of_day(self._seed, self._day, self._drivers, self._zone):
            free = [at for at, since in enumerate(self._free_from) if since + CHANGEOVER <= visit.arrives]
            if free:  # else the site is full, and the car drives on
                usual = visit.driver % len(self._free_from)
                connector = usual if usual in free else choice.choice(free)
                self._free_from[connector] = visit.leaves
                self._visits[connector].append(visit)
        self._day += timedelta(days=1)
