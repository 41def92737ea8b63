"""What charging profiles allow, against schedules worked out by hand."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from solarocpp.ocpp.datatypes import ChargingProfile, ChargingSchedule, ChargingSchedulePeriod
from solarocpp.ocpp.messages import ClearChargingProfileRequest
from solarocpp.simulator.limits import Limits

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)  # a Monday
BEGAN = NOON - timedelta(minutes=30)


def profile(
    *periods: tuple[int, float],
    number: int = 1,
    level: int = 0,
    purpose: Any = "TxDefaultProfile",
    kind: Any = "Absolute",
    unit: Any = "A",
    start: datetime | None = NOON,
    duration: int | None = None,
    **fields: Any,
) -> ChargingProfile:
    schedule = ChargingSchedule(
        unit, tuple(ChargingSchedulePeriod(at, limit) for at, limit in periods), duration, start
    )
    return ChargingProfile(number, level, purpose, kind, schedule, **fields)


@pytest.fixture
def limits() -> Limits:
    """Two connectors charge, both since half past eleven."""
    return Limits(lambda: NOON, began=lambda connector_id: BEGAN if connector_id else None, sharing=lambda: 2)


def schedule_of(limits: Limits, connector_id: int, seconds: int, unit: Any = None) -> list[tuple[int, float]]:
    schedule = limits.composite(connector_id, seconds, unit)
    assert (schedule.duration, schedule.start_schedule) == (seconds, NOON)
    return [(period.start_period, period.limit) for period in schedule.charging_schedule_period]


def test_without_profiles_the_cable_is_the_limit(limits: Limits) -> None:
    assert limits.current_a(1, NOON, 3) == 32.0
    assert schedule_of(limits, 1, 3600) == [(0, 32.0)]
    assert schedule_of(limits, 1, 3600, "W") == [(0, 22_080.0)]  # 3 x 230 V x 32 A


def test_periods_follow_each_other_and_end_with_the_schedule(limits: Limits) -> None:
    limits.keep(1, profile((0, 10.0), (600, 16.0), duration=1200))
    assert schedule_of(limits, 1, 3600) == [(0, 10.0), (600, 16.0), (1200, 32.0)]
    assert schedule_of(limits, 2, 3600) == [(0, 32.0)]


def test_the_transactions_profile_goes_before_the_default_and_the_whole_before_both(limits: Limits) -> None:
    """20 A for two connectors that charge are 10 A each."""
    limits.keep(0, profile((0, 6.0), number=1))
    assert limits.current_a(1, NOON, 3) == 6.0
    limits.keep(1, profile((0, 16.0), number=2, purpose="TxProfile"))
    assert limits.current_a(1, NOON, 3) == 16.0
    assert limits.current_a(2, NOON, 3) == 6.0
    limits.keep(0, profile((0, 20.0), number=3, purpose="ChargePointMaxProfile"))
    assert limits.current_a(1, NOON, 3) == 10.0
    assert schedule_of(limits, 0, 60) == [(0, 20.0)]
    limits.end_transaction(1)
    assert limits.current_a(1, NOON, 3) == 6.0


def test_the_higher_level_counts_while_it_says_something(limits: Limits) -> None:
    limits.keep(1, profile((0, 16.0), number=1, level=0))
    limits.keep(1, profile((0, 8.0), number=2, level=3, duration=900))
    assert schedule_of(limits, 1, 1800) == [(0, 8.0), (900, 16.0)]


def test_a_profile_of_the_same_level_or_id_is_replaced(limits: Limits) -> None:
    limits.keep(1, profile((0, 16.0), number=1, level=1))
    limits.keep(1, profile((0, 8.0), number=2, level=1))
    assert (len(limits), limits.current_a(1, NOON, 3)) == (1, 8.0)
    limits.keep(1, profile((0, 7.0), number=2, level=5))
    assert (len(limits), limits.current_a(1, NOON, 3)) == (1, 7.0)


@pytest.mark.parametrize(
    ("recurrency", "start", "when", "limit"),
    [
        ("Daily", datetime(2026, 1, 1, 22, tzinfo=UTC), NOON.replace(hour=21, minute=59), 32.0),
        ("Daily", datetime(2026, 1, 1, 22, tzinfo=UTC), NOON.replace(hour=22), 16.0),
        ("Daily", datetime(2026, 1, 1, 22, tzinfo=UTC), NOON.replace(hour=5, minute=59), 16.0),
        ("Daily", datetime(2026, 1, 1, 22, tzinfo=UTC), NOON.replace(hour=6), 32.0),
        ("Weekly", datetime(2026, 2, 23, 8, tzinfo=UTC), NOON, 16.0),  # Mondays from 8 to 16
        ("Weekly", datetime(2026, 2, 23, 8, tzinfo=UTC), NOON + timedelta(days=1), 32.0),
    ],
)
def test_a_recurring_profile_comes_back(
    limits: Limits, recurrency: str, start: datetime, when: datetime, limit: float
) -> None:
    """Eight hours from the hour it starts at."""
    limits.keep(1, profile((0, 16.0), kind="Recurring", recurrency_kind=recurrency, start=start, duration=8 * 3600))
    assert limits.current_a(1, when, 3) == limit


def test_a_day_of_a_recurring_profile(limits: Limits) -> None:
    start = datetime(2026, 1, 1, 22, tzinfo=UTC)
    limits.keep(1, profile((0, 16.0), kind="Recurring", recurrency_kind="Daily", start=start, duration=8 * 3600))
    hour = 3600
    assert schedule_of(limits, 1, 48 * hour) == [
        (0, 32.0),
        (10 * hour, 16.0),
        (18 * hour, 32.0),
        (34 * hour, 16.0),
        (42 * hour, 32.0),
    ]


def test_a_relative_profile_begins_with_the_transaction(limits: Limits) -> None:
    """It has run for half an hour."""
    limits.keep(1, profile((0, 8.0), (2400, 16.0), kind="Relative", start=None))
    assert schedule_of(limits, 1, 3600) == [(0, 8.0), (600, 16.0)]


def test_a_profile_is_valid_from_and_until(limits: Limits) -> None:
    valid = {"valid_from": NOON + timedelta(minutes=5), "valid_to": NOON + timedelta(minutes=10)}
    limits.keep(1, profile((0, 8.0), **valid))
    assert schedule_of(limits, 1, 3600) == [(0, 32.0), (300, 8.0), (600, 32.0)]


def test_watts_are_shared_by_the_phases_of_the_car(limits: Limits) -> None:
    limits.keep(1, profile((0, 6_900.0), unit="W"))
    assert limits.current_a(1, NOON, 3) == 10.0
    assert limits.current_a(1, NOON, 1) == 30.0


def test_the_next_change_is_where_something_begins_or_ends(limits: Limits) -> None:
    limits.keep(1, profile((0, 8.0), (600, 16.0), duration=1200))
    until = NOON + timedelta(hours=1)
    assert limits.next_change(1, NOON, until) == NOON + timedelta(seconds=600)
    assert limits.next_change(1, NOON + timedelta(seconds=600), until) == NOON + timedelta(seconds=1200)
    assert limits.next_change(1, NOON + timedelta(seconds=1200), until) == until


@pytest.mark.parametrize(
    ("request_", "left"),
    [
        (ClearChargingProfileRequest(), 0),
        (ClearChargingProfileRequest(id=1), 2),
        (ClearChargingProfileRequest(id=9), 3),
        (ClearChargingProfileRequest(connector_id=1), 1),
        (ClearChargingProfileRequest(charging_profile_purpose="TxDefaultProfile"), 1),
        (ClearChargingProfileRequest(charging_profile_purpose="TxDefaultProfile", stack_level=2), 2),
    ],
)
def test_profiles_are_cleared_that_match_all_that_is_given(
    limits: Limits, request_: ClearChargingProfileRequest, left: int
) -> None:
    limits.keep(1, profile((0, 8.0), number=1, level=1))
    limits.keep(1, profile((0, 8.0), number=2, level=2))
    limits.keep(0, profile((0, 8.0), number=3, purpose="ChargePointMaxProfile"))
    assert limits.clear(request_) == 3 - left
    assert len(limits) == left
