"""Who comes to a site: habits in the site's own hours, and never two cars at one connector."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from solarocpp.simulator.people import CHANGEOVER, Diary, drivers_for, habit_of, is_away, visits_of_day

BERLIN = ZoneInfo("Europe/Berlin")
MONDAY = date(2026, 3, 2)


def days(number: int, drivers: int, zone: ZoneInfo = BERLIN, since: date = MONDAY) -> dict[date, list[datetime]]:
    made = (since + timedelta(days=day) for day in range(number))
    return {day: [visit.arrives.astimezone(zone) for visit in visits_of_day(7, day, drivers, zone)] for day in made}


def test_a_site_has_a_driver_of_every_habit() -> None:
    """A dozen is the smallest site; beyond it there are two for each connector."""
    assert [drivers_for(connectors) for connectors in (1, 6, 20)] == [12, 12, 40]
    assert len({habit_of(driver).name for driver in range(12)}) == 6
    assert [habit_of(driver) for driver in range(12)] == [habit_of(driver) for driver in range(12, 24)]


def test_people_come_on_working_days_and_by_the_clock_on_their_wall() -> None:
    """Twelve weeks: working days are busier, and around the night the clocks change the morning stays at 8."""
    made = days(84, 36)
    working = [len(arrivals) for day, arrivals in made.items() if day.weekday() < 5]
    weekend = [len(arrivals) for day, arrivals in made.items() if day.weekday() >= 5]
    assert sum(working) / len(working) > 1.5 * sum(weekend) / len(weekend)
    commuters = [driver for driver in range(36) if habit_of(driver).name == "commuter"]
    for since in (MONDAY, date(2026, 4, 6)):  # before and after 29 March
        mornings = [
            visit.arrives.astimezone(BERLIN)
            for day in range(15)
            for visit in visits_of_day(7, since + timedelta(days=day), 36, BERLIN)
            if visit.driver in commuters
        ]
        hours = sorted(morning.hour + morning.minute / 60 for morning in mornings)
        assert len(hours) > 50
        assert hours[len(hours) // 2] == pytest.approx(8.0, abs=0.6)


def test_many_are_away_in_august_and_few_in_march() -> None:
    away = {month: sum(is_away(1, date(2026, month, 12), driver) for driver in range(400)) for month in (3, 8)}
    assert away[3] < 50  # 6 % of 400 are 24
    assert away[8] > 140  # 45 % are 180


def test_cars_come_emptier_in_winter() -> None:
    def mean_soc(month: int) -> float:
        socs = [v.soc_start for day in range(1, 29) for v in visits_of_day(3, date(2026, month, day), 60, BERLIN)]
        return sum(socs) / len(socs)

    assert mean_soc(7) - mean_soc(1) == pytest.approx(7.0, abs=2.5)


@given(st.integers(0, 500), st.integers(1, 8))
def test_one_car_at_a_time(seed: int, connectors: int) -> None:
    begins = datetime(2026, 3, 27, tzinfo=UTC)
    diary = Diary(seed, connectors, begins=begins, zone=BERLIN, stagger=timedelta(seconds=60))
    for connector in range(connectors):
        first = diary.next_visit(connector)
        assert first.arrives == begins + connector * timedelta(seconds=60)
        free_from = first.leaves
        for _ in range(4):
            visit = diary.next_visit(connector)
            assert visit.arrives >= free_from + CHANGEOVER
            assert visit.leaves - visit.arrives >= timedelta(minutes=30)
            assert visit.arrives.microsecond == visit.leaves.microsecond == 0  # times without fraction, as most send
            assert 0 <= visit.driver < drivers_for(connectors)
            free_from = visit.leaves


def test_a_seed_repeats_and_another_differs() -> None:
    def first(seed: int) -> object:
        return Diary(seed, 3, begins=datetime(2026, 3, 1, tzinfo=UTC), zone=BERLIN).next_visit(1)

    assert first(1) == first(1)
    assert first(1) != first(2)
