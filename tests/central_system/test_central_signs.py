"""What a reading says of a limit, and what is said where none does."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest

from solarocpp.central_system.signs import (
    LimitSought,
    StartSought,
    missing_effect,
    shows_start,
    sign_of_limit,
    sought_effect,
    surely_holds,
)
from solarocpp.metering.datums import Datum
from solarocpp.ocpp.datatypes import ChargePointId, ChargingProfile, SourceId
from solarocpp.ocpp.messages import SetChargingProfileRequest
from solarocpp.store.effects import ConnectorStatusChanged, DatumObserved
from solarocpp.store.ledger import ChargerFacts

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
FACTS = ChargerFacts(1, ChargePointId("CP001"), 1, 1, "/ocpp/cp/{chargerIdentifier}/{connectorId}/{location}", True)


def profile(limit: float = 16, unit: str = "A", purpose: str = "TxDefaultProfile", **schedule: Any) -> ChargingProfile:
    told = {
        "chargingProfileId": 1,
        "stackLevel": 0,
        "chargingProfilePurpose": purpose,
        "chargingProfileKind": "Absolute",
        "chargingSchedule": {
            "chargingRateUnit": unit,
            "chargingSchedulePeriod": [{"startPeriod": 0, "limit": limit}],
            "startSchedule": "2026-03-01T11:00:00Z",
            **schedule,
        },
    }
    return msgspec.convert(told, ChargingProfile, strict=False)


def sought(connector: int, told: ChargingProfile, connectors: int = 2) -> LimitSought:
    found = sought_effect(SetChargingProfileRequest(connector, told), FACTS, connectors)
    assert isinstance(found, LimitSought)
    return found


def reading(connector: int = 1, age_s: float = 1, **properties: float) -> DatumObserved:
    source = SourceId(f"/ocpp/cp/CP001/{connector}/Outlet")
    return DatumObserved(Datum(1, source, NOW - timedelta(seconds=age_s), properties), NOW)


@pytest.mark.parametrize(
    ("properties", "verdict"),
    [
        ({"current_a": 31.8, "current_b": 0.0, "current_c": 0.0}, "exceeded"),
        ({"current_a": 15.9, "current_b": 15.8, "current_c": 15.9}, "kept"),
        ({"current_a": 17.0}, "kept"),
        ({"current_a": 17.1}, "exceeded"),
        ({"current_a": 8.0}, None),
        ({"current": 47.0}, None),  # 16 A on each of three phases, or far too much on one
        ({"current": 16.0}, "kept"),
        ({"current": 49.5}, "exceeded"),
        ({"currentOffered": 16.0, "current_a": 4.0}, "kept"),
        ({"currentOffered": 32.0, "current_a": 4.0}, "exceeded"),
        ({"currentOffered": 16.0, "current_a": 31.0}, "exceeded"),
        ({"watts": 11000.0}, None),
        ({"wattHours": 5.0}, None),
    ],
)
def test_a_reading_in_amperes(properties: dict[str, float], verdict: str | None) -> None:
    sign = sign_of_limit(sought(1, profile()), reading(**properties))
    assert (None if sign is None else sign.verdict) == verdict


@pytest.mark.parametrize(
    ("properties", "verdict"),
    [
        ({"watts": 7300.0}, "exceeded"),
        ({"watts": 6900.0}, "kept"),
        ({"watts": 3000.0}, None),
        ({"watts_a": 2500.0, "watts_b": 2500.0, "watts_c": 2500.0}, "exceeded"),
        ({"wattsOffered": 7000.0, "watts": 100.0}, "kept"),
    ],
)
def test_a_reading_in_watts(properties: dict[str, float], verdict: str | None) -> None:
    sign = sign_of_limit(sought(1, profile(7000, "W")), reading(**properties))
    assert (None if sign is None else sign.verdict) == verdict


def test_the_contradiction_names_both_values() -> None:
    sign = sign_of_limit(sought(1, profile()), reading(current_a=31.8))
    assert sign is not None
    assert sign.text == "31.8 A measured, 16 A allowed"
    assert missing_effect(sought(1, profile()), sign.text) == (
        "accepted, no effect after 300 s: 31.8 A measured, 16 A allowed"
    )


def test_other_connectors_say_nothing() -> None:
    assert sign_of_limit(sought(1, profile()), reading(2, current_a=31.8)) is None


def test_a_limit_of_each_connector_is_exceeded_at_any() -> None:
    sign = sign_of_limit(sought(0, profile()), reading(2, current_a=31.8))
    assert sign is not None
    assert sign.verdict == "exceeded"


def test_one_of_several_below_a_limit_of_all_proves_nothing() -> None:
    whole = profile(purpose="ChargePointMaxProfile")
    assert sign_of_limit(sought(0, whole), reading(1, currentOffered=16.0)) is None
    assert sign_of_limit(sought(0, whole), reading(1, current_a=20.0)) is not None
    assert sign_of_limit(sought(0, whole, connectors=1), reading(1, currentOffered=16.0)) is not None


def test_a_reading_from_before_says_nothing() -> None:
    """A charger that was offline sends what it measured an hour ago."""
    assert sign_of_limit(sought(1, profile()), reading(age_s=301, current_a=31.8)) is None


def test_a_schedule_that_says_nothing_now_is_not_exceeded() -> None:
    later = profile(startSchedule="2026-03-01T13:00:00Z")
    assert sign_of_limit(sought(1, later), reading(current_a=31.8)) is None


def test_steps_from_the_start_of_a_transaction_are_not_watched() -> None:
    """Which of them holds depends on a start that the profile does not tell."""
    steps = profile(chargingSchedulePeriod=[{"startPeriod": 0, "limit": 16}, {"startPeriod": 600, "limit": 32}])
    relative = msgspec.structs.replace(steps, charging_profile_kind="Relative")
    assert sought_effect(SetChargingProfileRequest(1, relative), FACTS, 2) is None


@pytest.mark.parametrize(
    ("before", "status", "shown"),
    [
        (None, "Preparing", True),
        ("Available", "Preparing", True),
        ("Reserved", "Charging", True),
        ("Preparing", "Charging", True),
        ("Preparing", "SuspendedEV", True),
        ("Preparing", "Preparing", False),  # a car is plugged in all the time, and the charger says so after a boot
        ("Charging", "Charging", False),
        ("Charging", "SuspendedEVSE", False),  # somebody else's session, and its pause
        ("SuspendedEV", "Charging", False),
        ("Preparing", "Available", False),
        ("Charging", "Finishing", False),
    ],
)
def test_a_status_shows_a_start_where_it_is_another(before: str | None, status: str, *, shown: bool) -> None:
    effect = ConnectorStatusChanged(
        charger_id=1, connector_id=1, timestamp=NOW, received=NOW, status=status, error_code="NoError"
    )
    assert shows_start(StartSought(None), effect, before) is shown
    assert shows_start(StartSought(1), effect, before) is shown
    assert not shows_start(StartSought(2), effect, before)


def test_what_nobody_saw_is_told_from_what_did_not_happen() -> None:
    assert missing_effect(StartSought(1)) == "accepted, no effect after 90 s"
    assert missing_effect(StartSought(1), interrupted=True) == (
        "accepted; not seen within 90 s, of which the server was down for some"
    )
    assert missing_effect(sought(1, profile())) == "accepted; no reading within 300 s shows whether it is kept"


@pytest.mark.parametrize(
    ("purpose", "others", "holds"),
    [
        ("TxDefaultProfile", [], True),
        ("TxDefaultProfile", [("TxProfile", 0)], False),
        ("TxDefaultProfile", [("TxDefaultProfile", 0)], False),  # of another connector: all of them, or this one
        ("TxDefaultProfile", [("TxDefaultProfile", 1)], False),
        ("TxDefaultProfile", [("ChargePointMaxProfile", 5)], True),
        ("TxProfile", [("TxDefaultProfile", 5)], True),
        ("TxProfile", [("TxProfile", 1)], False),
        ("ChargePointMaxProfile", [("TxProfile", 5)], True),
    ],
)
def test_a_limit_surely_holds_where_nothing_outranks_it(
    purpose: str, others: list[tuple[str, int]], *, holds: bool
) -> None:
    """OCPP 1.6 §3.13.2: the highest stack level prevails, and a TxProfile over defaults."""
    ours = profile(purpose=purpose)
    there = [
        msgspec.structs.replace(ours, charging_profile_id=2 + number, charging_profile_purpose=kind, stack_level=level)
        for number, (kind, level) in enumerate(others)
    ]
    assert surely_holds(ours, [*there, ours]) is holds
    assert surely_holds(ours, there) is False, "it was cleared"
    assert surely_holds(ours, [profile(32, purpose=purpose)]) is False, "it was replaced"
