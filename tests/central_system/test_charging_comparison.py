"""Our composite schedule beside a charge point's answer to GetCompositeSchedule."""

from __future__ import annotations

from typing import Any

import pytest
from schedules import at, installed, profile, running

from solarocpp.central_system.charging import CompositeSchedule, Supply, composite_schedule
from solarocpp.central_system.charging.comparison import Difference, differences
from solarocpp.ocpp.datatypes import ChargingSchedule, ChargingSchedulePeriod

HOUR = 3600
ASKED = at("10:00")


def ours(unit: str = "A", **changes: Any) -> CompositeSchedule:
    """16 A until 12:00, then 6 A."""
    rows = [installed(profile(1, {0: 16, 12: 6}, **changes))]
    return composite_schedule(
        rows,
        connector_id=1,
        transaction=running(),
        start=ASKED,
        duration_s=4 * HOUR,
        unit=unit,  # type: ignore[arg-type]
        supply=Supply(),
    )


def theirs(*periods: tuple[int, float], unit: str = "A", **rest: Any) -> ChargingSchedule:
    rows = tuple(ChargingSchedulePeriod(start, limit) for start, limit in periods)
    return ChargingSchedule(unit, rows, **{"duration": 4 * HOUR, **rest})  # type: ignore[arg-type]


CASES: dict[str, tuple[ChargingSchedule | None, list[Difference]]] = {
    "the same": (theirs((0, 16), (2 * HOUR, 6)), []),
    "whole amperes": (theirs((0, 15), (2 * HOUR, 7)), []),
    "in watts": (theirs((0, 11040), (2 * HOUR, 4140), unit="W"), []),
    "some seconds later": (theirs((0, 16), (2 * HOUR + 20, 6)), []),
    "it counts from when it read the question": (
        theirs((0, 16), (2 * HOUR, 6), start_schedule=at("10:00:12")),
        [],
    ),
    "it ignores the second step (Q78)": (
        theirs((0, 16)),
        [Difference(at("12:00"), at("14:00"), 6, 16)],
    ),
    "it limits more": (
        theirs((0, 10), (2 * HOUR, 6)),
        [Difference(at("10:00"), at("12:00"), 16, 10)],
    ),
    "it answers for two hours and a half": (
        theirs((0, 16), (2 * HOUR, 6), duration=9000),
        [Difference(at("12:30"), at("14:00"), 6, None)],
    ),
    "its clock is an hour ahead (Q105)": (
        theirs((0, 16), (HOUR, 6)),
        [Difference(at("11:00"), at("12:00"), 16, 6)],
    ),
    "it has no schedule": (
        None,
        [Difference(at("10:00"), at("12:00"), 16, None), Difference(at("12:00"), at("14:00"), 6, None)],
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_differences(case: str) -> None:
    answered, expected = CASES[case]
    assert differences(ours(), answered, ASKED, Supply()) == expected


def test_without_a_limit_of_ours_theirs_is_right() -> None:
    assert differences(ours(valid_to=at("12:00")), theirs((0, 16), (2 * HOUR, 32)), ASKED, Supply()) == []


def test_watts_have_a_tolerance_of_their_own() -> None:
    asked = ours("W")
    assert differences(asked, theirs((0, 11000), (2 * HOUR, 4000), unit="W"), ASKED, Supply()) == []
    assert differences(asked, theirs((0, 10500), (2 * HOUR, 4140), unit="W"), ASKED, Supply()) == [
        Difference(at("10:00"), at("12:00"), 11040, 10500)
    ]
