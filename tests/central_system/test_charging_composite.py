"""The composite schedule of OCPP 1.6 §3.13, case by case; each expectation is worked out by hand."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from schedules import at, installed, profile, running, shown

from solarocpp.central_system.charging import (
    LONGEST_WINDOW_S,
    CompositeSchedule,
    InstalledProfile,
    Supply,
    composite_schedule,
)

HOUR = 3600


def composite(*rows: InstalledProfile, **changes: Any) -> CompositeSchedule:
    asked: dict[str, Any] = {
        "connector_id": 1,
        "transaction": running(),
        "start": at("10:00"),
        "duration_s": 4 * HOUR,
        "unit": "A",
        "supply": Supply(),
    }
    return composite_schedule(rows, **{**asked, **changes})


CASES: dict[str, tuple[list[InstalledProfile], dict[str, Any], list[tuple[str, str, float | None]]]] = {
    "no profile: nothing limits": ([], {}, [("10:00", "14:00", None)]),
    "§3.13.1: a TxDefaultProfile of connector 0 is every connector's": (
        [installed(profile(1, 16))],
        {},
        [("10:00", "14:00", 16)],
    ),
    "of another connector it is none of ours": (
        [installed(profile(1, 16), connector=2)],
        {},
        [("10:00", "14:00", None)],
    ),
    "of this connector it stands before that of connector 0 on the same level": (
        [installed(profile(1, 16), connector=1), installed(profile(2, 10), connector=0)],
        {},
        [("10:00", "14:00", 16)],
    ),
    "but not before a higher level of connector 0": (
        [installed(profile(1, 16), connector=1), installed(profile(2, 10, stack=1), connector=0)],
        {},
        [("10:00", "14:00", 10)],
    ),
    "§3.13.2: the highest stackLevel prevails, even where it allows more": (
        [installed(profile(1, 10)), installed(profile(2, 20, stack=3)), installed(profile(3, 6, stack=2))],
        {},
        [("10:00", "14:00", 20)],
    ),
    "where its duration is over, the next lower one takes over": (
        [installed(profile(1, 10)), installed(profile(2, 20, stack=3, start=at("9:00"), duration=2 * HOUR))],
        {},
        [("10:00", "11:00", 20), ("11:00", "14:00", 10)],
    ),
    "and where it has not begun": (
        [installed(profile(1, 10)), installed(profile(2, 20, stack=3, start=at("13:00")))],
        {},
        [("10:00", "13:00", 10), ("13:00", "14:00", 20)],
    ),
    "and where its first period begins later": (
        [installed(profile(1, 10)), installed(profile(2, {11: 20}, stack=3))],
        {},
        [("10:00", "11:00", 10), ("11:00", "14:00", 20)],
    ),
    "validFrom and validTo bound it, the end left out": (
        [installed(profile(1, 10)), installed(profile(2, 20, stack=1, valid_from=at("11:00"), valid_to=at("12:30")))],
        {},
        [("10:00", "11:00", 10), ("11:00", "12:30", 20), ("12:30", "14:00", 10)],
    ),
    "a gap with nothing below it is no limit": (
        [installed(profile(2, 20, valid_to=at("12:00")))],
        {},
        [("10:00", "12:00", 20), ("12:00", "14:00", None)],
    ),
    "an Absolute schedule counts from startSchedule, its last period goes on": (
        [installed(profile(1, {0: 6, 2: 16, 3: 32}, start=at("9:30")))],
        {},
        [("10:00", "11:30", 6), ("11:30", "12:30", 16), ("12:30", "14:00", 32)],
    ),
    "§7.13: without startSchedule it counts from the start of charging": (
        [installed(profile(1, {0: 6, 1: 16}, start=None))],
        {"transaction": running("9:30")},
        [("10:00", "10:30", 6), ("10:30", "14:00", 16)],
    ),
    "periods in any order": (
        [installed(profile(1, {3: 32, 0: 6}, start=at("10:00")))],
        {},
        [("10:00", "13:00", 6), ("13:00", "14:00", 32)],
    ),
    "Relative counts from the start of the transaction": (
        [installed(profile(1, {0: 6, 1: 16}, kind="Relative", duration=3 * HOUR))],
        {"transaction": running("9:15")},
        [("10:00", "10:15", 6), ("10:15", "12:15", 16), ("12:15", "14:00", None)],
    ),
    "and for a connector that nobody charges at, as for a car that comes now": (
        [installed(profile(1, {0: 6, 1: 16}, kind="Relative"))],
        {"transaction": None},
        [("10:00", "11:00", 6), ("11:00", "14:00", 16)],
    ),
    "Recurring Daily begins anew each day": (
        [installed(profile(1, {0: 16, 7: 32, 20: 10}, kind="Recurring", recurrency_kind="Daily"))],
        {"start": at("19:00", days=3), "duration_s": 14 * HOUR},
        [
            ("3+19:00", "3+20:00", 32),
            ("3+20:00", "4+00:00", 10),
            ("4+00:00", "4+07:00", 16),
            ("4+07:00", "4+09:00", 32),
        ],
    ),
    "shorter than a day, it leaves the rest of the day to the level below": (
        [
            installed(profile(1, 32)),
            installed(
                profile(2, 8, stack=1, kind="Recurring", recurrency_kind="Daily", start=at("17:00"), duration=3 * HOUR)
            ),
        ],
        {"start": at("16:00", days=2), "duration_s": 28 * HOUR},
        [
            ("2+16:00", "2+17:00", 32),
            ("2+17:00", "2+20:00", 8),
            ("2+20:00", "3+17:00", 32),
            ("3+17:00", "3+20:00", 8),
        ],
    ),
    "longer than a day, the next day cuts it off": (
        [installed(profile(1, {0: 16, 23: 6}, kind="Recurring", recurrency_kind="Daily", duration=30 * HOUR))],
        {"start": at("22:00"), "duration_s": 4 * HOUR},
        [("22:00", "23:00", 16), ("23:00", "1+00:00", 6), ("1+00:00", "1+02:00", 16)],
    ),
    "Recurring says nothing before its first day": (
        [installed(profile(1, 16, kind="Recurring", recurrency_kind="Daily", start=at("12:00")))],
        {},
        [("10:00", "12:00", None), ("12:00", "14:00", 16)],
    ),
    "Recurring Weekly: Monday's schedule is there again on the next Monday": (
        [installed(profile(1, {0: 32, 120: 10}, kind="Recurring", recurrency_kind="Weekly"))],
        {"start": at("22:00", days=11), "duration_s": 60 * HOUR},
        [("11+22:00", "12+00:00", 32), ("12+00:00", "14+00:00", 10), ("14+00:00", "14+10:00", 32)],
    ),
    "a TxProfile overrules TxDefaultProfile, whatever their levels": (
        [installed(profile(1, 10, stack=8)), installed(profile(2, 20, purpose="TxProfile"), connector=1)],
        {},
        [("10:00", "14:00", 20)],
    ),
    "when it ends, TxDefaultProfile holds again": (
        [
            installed(profile(1, 10, stack=8)),
            installed(profile(2, 20, purpose="TxProfile", start=at("10:00"), duration=HOUR), connector=1),
        ],
        {},
        [("10:00", "11:00", 20), ("11:00", "14:00", 10)],
    ),
    "a TxProfile of another transaction is not this one's": (
        [installed(profile(2, 20, purpose="TxProfile", transaction_id=6), connector=1)],
        {},
        [("10:00", "14:00", None)],
    ),
    "of this one it is; and transactionId 0 is none (Q105)": (
        [
            installed(profile(2, 20, purpose="TxProfile", transaction_id=7, valid_to=at("12:00")), connector=1),
            installed(profile(3, 8, purpose="TxProfile", transaction_id=0, valid_from=at("12:00")), connector=1),
        ],
        {},
        [("10:00", "12:00", 20), ("12:00", "14:00", 8)],
    ),
    "without a transaction there is no TxProfile": (
        [installed(profile(2, 20, purpose="TxProfile"), connector=1)],
        {"transaction": None},
        [("10:00", "14:00", None)],
    ),
    "§3.13.3: the least of the purposes holds": (
        [
            installed(profile(1, {0: 32, 11: 12}, purpose="ChargePointMaxProfile")),
            installed(profile(2, {0: 16, 12: 6}, purpose="TxProfile"), connector=1),
        ],
        {},
        [("10:00", "11:00", 16), ("11:00", "12:00", 12), ("12:00", "14:00", 6)],
    ),
    "ChargePointMaxProfile alone limits too; its own stack is by level": (
        [
            installed(profile(1, 32, purpose="ChargePointMaxProfile")),
            installed(profile(2, 20, purpose="ChargePointMaxProfile", stack=1, valid_to=at("11:00"))),
        ],
        {},
        [("10:00", "11:00", 20), ("11:00", "14:00", 32)],
    ),
    "on a connector a ChargePointMaxProfile is none (§7.9: connector 0 only)": (
        [installed(profile(1, 20, purpose="ChargePointMaxProfile"), connector=1)],
        {},
        [("10:00", "14:00", None)],
    ),
    "connector 0 is the grid connection: what the charger as a whole may take": (
        [installed(profile(1, 32, purpose="ChargePointMaxProfile")), installed(profile(2, 10))],
        {"connector_id": 0, "transaction": None},
        [("10:00", "14:00", 32)],
    ),
    "two with the same level and purpose: the newer replaced the older": (
        [installed(profile(1, 10), when=at("1:00")), installed(profile(2, 20), when=at("2:00"))],
        {},
        [("10:00", "14:00", 20)],
    ),
    "zero is a limit": ([installed(profile(1, 0))], {}, [("10:00", "14:00", 0)]),
    "steps that say the same are one": (
        [installed(profile(1, {0: 16, 11: 16, 12: 16}))],
        {},
        [("10:00", "14:00", 16)],
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_composite_schedule(case: str) -> None:
    rows, changes, expected = CASES[case]
    assert shown(composite(*rows, **changes)) == expected


UNITS: dict[str, tuple[list[InstalledProfile], str, Supply, float, int | None]] = {
    "watts on three phases": ([installed(profile(1, 11000, unit="W"))], "A", Supply(), 15.9, None),
    "amperes on three phases": ([installed(profile(1, 16))], "W", Supply(), 11040, None),
    "amperes on one phase": ([installed(profile(1, 16, phases=1))], "W", Supply(), 3680, 1),
    "three phases where one is connected": ([installed(profile(1, 16, phases=3))], "W", Supply(phases=1), 3680, 3),
    "another voltage": ([installed(profile(1, 32))], "W", Supply(phases=1, voltage_v=120), 3840, None),
    "the same unit is not touched by phases": (
        [installed(profile(1, 7.4, unit="W"))],
        "W",
        Supply(phases=2),
        7.4,
        None,
    ),
    "down to tenths, never up": ([installed(profile(1, 7399, unit="W"))], "A", Supply(phases=1), 32.1, None),
    "a number that is somebody's no limit": ([installed(profile(1, 1e308))], "A", Supply(), 1e308, None),
    "a limit in tenths stays what it is": ([installed(profile(1, 0.3))], "A", Supply(), 0.3, None),
    "two units: 16 A are less than 22 kW": (
        [
            installed(profile(1, 22000, unit="W", purpose="ChargePointMaxProfile")),
            installed(profile(2, 16)),
        ],
        "W",
        Supply(),
        11040,
        None,
    ),
    "two units: 3.68 kW are less than 32 A": (
        [
            installed(profile(1, 3680, unit="W", purpose="ChargePointMaxProfile")),
            installed(profile(2, 32)),
        ],
        "A",
        Supply(),
        5.3,
        None,
    ),
    "11 kW on the one phase that the other profile leaves are 47.8 A, so 32 A hold": (
        [
            installed(profile(1, 11000, unit="W", purpose="ChargePointMaxProfile")),
            installed(profile(2, 32, phases=1)),
        ],
        "A",
        Supply(),
        32,
        1,
    ),
}


@pytest.mark.parametrize("case", UNITS)
def test_units_and_phases(case: str) -> None:
    rows, unit, supply, limit, phases = UNITS[case]
    (step,) = composite(*rows, unit=unit, supply=supply).steps
    assert (step.limit, step.number_phases) == (limit, phases)


def test_steps_name_the_profiles_that_prevail() -> None:
    (step,) = composite(
        installed(profile(1, 32, purpose="ChargePointMaxProfile")), installed(profile(2, 10)), installed(profile(3, 9))
    ).steps
    assert step.profile_ids == (1, 2)


@pytest.mark.parametrize(
    ("least", "limit", "below"),
    [(6.0, 5.9, True), (6.0, 6.0, False), (6.0, 0, False), (None, 1, False)],
    ids=["too little for the car", "just enough", "a pause that is meant", "no minimum"],
)
def test_a_limit_below_the_minimum_is_marked_and_not_raised(least: float | None, limit: float, *, below: bool) -> None:
    """A minChargingRate is advice about the car (§7.13); raising a limit to it would break somebody's fuse."""
    (step,) = composite(
        installed(profile(1, limit, purpose="ChargePointMaxProfile")), installed(profile(2, 20, least=least))
    ).steps
    assert (step.limit, step.below_minimum) == (limit, below)


def test_minimum_in_watts_beside_a_limit_in_amperes() -> None:
    (step,) = composite(
        installed(profile(1, 5, purpose="ChargePointMaxProfile")),
        installed(profile(2, 11000, unit="W", least=4140)),  # 6 A on three phases
    ).steps
    assert (step.limit, step.below_minimum) == (5, True)


def test_windows_have_an_end() -> None:
    assert composite(duration_s=10**9).end == at("10:00", days=31)
    assert LONGEST_WINDOW_S == 31 * 24 * HOUR


def test_dates_at_the_end_of_time_are_only_late() -> None:
    last = datetime(9999, 12, 31, 23, tzinfo=UTC)
    for kind in ("Absolute", "Recurring"):
        row = installed(
            profile(1, {0: 6, 596_000: 7}, kind=kind, recurrency_kind="Daily", start=last, duration=2**31 - 1)
        )
        assert shown(composite(row)) == [("10:00", "14:00", None)]
