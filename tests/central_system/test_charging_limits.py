"""Limits as people say them, and as profiles that chargers may take."""

from __future__ import annotations

from datetime import timedelta

import pytest
from schedules import at, installed, profile

from solarocpp.central_system.charging import Supply
from solarocpp.central_system.charging.limits import Limit, check_profile, limit_profiles, read_limit
from solarocpp.errors import RegistryError
from solarocpp.ocpp.datatypes import ChargingProfile

NOW = at("10:00")


@pytest.mark.parametrize(
    ("text", "limit"),
    [
        ("16A", Limit(16, "A")),
        ("16 a", Limit(16, "A")),
        ("7.4kW", Limit(7400, "W")),
        ("7,4 KW", Limit(7400, "W")),
        ("3680W", Limit(3680, "W")),
        ("0A", Limit(0, "A")),
        ("16.19A", Limit(16.1, "A")),
    ],
)
def test_limit_is_read(text: str, limit: Limit) -> None:
    assert read_limit(text) == limit


@pytest.mark.parametrize("text", ["", "16", "A", "-6A", "16V", "1e9A", "nan A", "16A 3", "1234567890A"])
def test_what_is_no_limit_is_refused(text: str) -> None:
    with pytest.raises(RegistryError, match="write it like 16A, 3700W or 11kW"):
        read_limit(text)


def brief(made: list[ChargingProfile]) -> list[tuple[str, int, str, float, int | None]]:
    return [
        (
            row.charging_profile_purpose,
            row.stack_level,
            row.charging_schedule.charging_rate_unit,
            row.charging_schedule.charging_schedule_period[0].limit,
            row.charging_schedule.charging_schedule_period[0].number_phases,
        )
        for row in made
    ]


def test_whole_charger_is_limited_as_one_or_transaction_by_transaction_in_either_unit() -> None:
    made = limit_profiles(Limit(16, "A"), 0, now=NOW, until=None, installed=[], supply=Supply())
    assert brief(made) == [
        ("ChargePointMaxProfile", 0, "A", 16, None),
        ("TxDefaultProfile", 0, "A", 16, None),
        ("ChargePointMaxProfile", 0, "W", 11040, None),
        ("TxDefaultProfile", 0, "W", 11040, None),
    ]
    assert {row.charging_profile_id for row in made} == {1}


def test_connector_is_limited_by_the_default_of_its_transactions() -> None:
    made = limit_profiles(Limit(3700, "W"), 2, now=NOW, until=None, installed=[], supply=Supply(phases=1))
    assert brief(made) == [("TxDefaultProfile", 0, "W", 3700, None), ("TxDefaultProfile", 0, "A", 16, 1)]
    assert {row.charging_profile_id for row in made} == {3}


def test_it_begins_in_the_past_and_ends_when_it_was_said_to() -> None:
    """Q105: a charger whose clock is behind would wait for a schedule that begins now."""
    (made, _) = limit_profiles(Limit(16, "A"), 1, now=NOW, until=at("18:00"), installed=[], supply=Supply())
    schedule = made.charging_schedule
    assert (schedule.start_schedule, schedule.duration) == (at("9:50"), 8 * 3600 + 600)
    assert at("9:50") + timedelta(seconds=schedule.duration or 0) == at("18:00")


def test_it_stands_above_what_is_there_and_replaces_the_limit_before() -> None:
    there = [
        installed(profile(1, 10, purpose="ChargePointMaxProfile", stack=5)),  # the last limit
        installed(profile(1001, 10, purpose="ChargePointMaxProfile", stack=2)),
        installed(profile(1002, 10, stack=7), connector=1),  # another place
        installed(profile(1003, 10, stack=3)),
    ]
    made = limit_profiles(Limit(6, "A"), 0, now=NOW, until=None, installed=there, supply=Supply())
    assert [row.stack_level for row in made] == [3, 4, 3, 4]


def broken(**changes: object) -> ChargingProfile:
    return profile(1, changes.pop("periods", 16), **changes)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("made", "connector", "text"),
    [
        (broken(periods={}), None, "chargingSchedulePeriod is empty"),
        (broken(periods={1: 16}), None, "the first startPeriod is not 0"),
        (broken(periods={0: 16, 3: 6, 2: 8}), None, "startPeriod does not rise"),
        (broken(periods=-1), None, "limit -1 is no number of tenths from 0 to 1e\\+09"),
        (broken(periods=1e308), None, "limit 1e\\+308 is no number of tenths"),
        (broken(periods=16.05), None, "limit 16.05 is no number of tenths"),
        (broken(phases=4), None, "numberPhases 4 is not 1, 2 or 3"),
        (broken(duration=0), None, "duration 0 is no time"),
        (broken(stack=-1), None, "stackLevel is below 0"),
        (broken(kind="Recurring"), None, "recurrencyKind is for Recurring"),
        (broken(recurrency_kind="Daily"), None, "recurrencyKind is for Recurring"),
        (broken(kind="Recurring", recurrency_kind="Daily", start=None), None, "needs startSchedule"),
        (broken(purpose="ChargePointMaxProfile", kind="Relative"), None, "cannot be Relative"),
        (broken(transaction_id=7), None, "only a TxProfile has a transactionId"),
        (broken(valid_from=NOW, valid_to=NOW), None, "validTo is not after validFrom"),
        (broken(purpose="ChargePointMaxProfile"), 1, "for the whole charger, connector 0"),
        (broken(purpose="TxProfile"), 0, "for a transaction, so name its connector"),
    ],
)
def test_profile_that_breaks_the_rules_is_refused(made: ChargingProfile, connector: int | None, text: str) -> None:
    with pytest.raises(RegistryError, match=text):
        check_profile(made, connector)


def test_what_is_wrong_is_said_at_once() -> None:
    with pytest.raises(RegistryError, match=r"^the first startPeriod is not 0; stackLevel is below 0\.$"):
        check_profile(broken(periods={1: 16}, stack=-1))


def test_good_profiles_pass() -> None:
    check_profile(broken(periods={0: 16, 1: 0.3}), 0)
    check_profile(broken(kind="Relative", purpose="TxProfile", transaction_id=7), 1)
    check_profile(broken(kind="Recurring", recurrency_kind="Weekly"), 2)
    check_profile(broken(purpose="ChargePointMaxProfile"), 0)
