"""Charging profiles as the charge point takes them, and what they do to its power."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import trio
import trio.testing

from solarocpp.simulator.charge_point import ChargePoint
from solarocpp.simulator.charging import Car, ChargingCurve

if TYPE_CHECKING:
    from conftest import PlayedCentralSystem

Clock = trio.testing.MockClock
CURVE = ChargingCurve(Car("test car", 69_000.0, 3, 32.0), 20.0)
ACCEPTED, REJECTED = {"status": "Accepted"}, {"status": "Rejected"}


def profile(limit: float, **changes: Any) -> dict[str, Any]:
    return {
        "chargingProfileId": 1,
        "stackLevel": 0,
        "chargingProfilePurpose": "TxDefaultProfile",
        "chargingProfileKind": "Absolute",
        "chargingSchedule": {
            "chargingRateUnit": "A",
            "chargingSchedulePeriod": [{"startPeriod": 0, "limit": limit}],
            "startSchedule": "2026-03-01T06:00:00Z",
        },
        **changes,
    }


async def set_profile(central: PlayedCentralSystem, connector: int, wanted: dict[str, Any]) -> str:
    answer: str = (await central.call("SetChargingProfile", {"connectorId": connector, "csChargingProfiles": wanted}))[
        2
    ]["status"]
    return answer


async def test_a_profile_limits_the_power_and_lets_it_go_again(
    central: PlayedCentralSystem, charge_point: ChargePoint, jumping: Clock, nursery: trio.Nursery
) -> None:
    """32 A are 22,080 W, 10 A 6,900 W; below 6 A nothing may be offered."""
    nursery.start_soon(lambda: charge_point.charge(1, "TAG1", CURVE, stays_s=3_600.0))
    await trio.sleep(60)
    assert charge_point.power_w == pytest.approx(22_080.0)
    assert await set_profile(central, 1, profile(10.0)) == "Accepted"
    await trio.sleep(60)
    assert charge_point.power_w == pytest.approx(6_900.0)
    reading = charge_point.connectors[1].reading(charge_point.clock.now())
    assert (reading.offered_a, round(reading.soc or 0.0, 1)) == (10.0, 20.6)
    assert await set_profile(central, 1, profile(5.0)) == "Accepted"
    await trio.sleep(60)
    assert charge_point.power_w == 0.0
    assert central.statuses()[-1] == "SuspendedEVSE"
    before = charge_point.statistics().energy_wh
    await trio.sleep(60)
    assert charge_point.statistics().energy_wh == before
    assert (await central.call("ClearChargingProfile", {"id": 1}))[2] == ACCEPTED
    assert (await central.call("ClearChargingProfile", {"id": 1}))[2] == {"status": "Unknown"}
    await trio.sleep(60)
    assert charge_point.power_w == pytest.approx(22_080.0)
    assert central.statuses() == ["Preparing", "Charging", "SuspendedEVSE", "Charging"]
    registers = [
        float(sample["value"])
        for reading in central.payloads("MeterValues")
        for sample in reading["meterValue"][0]["sampledValue"]
        if sample["measurand"] == "Energy.Active.Import.Register"
    ]
    assert registers == sorted(registers)


async def test_a_schedule_is_heeded_at_its_minutes_and_two_share_a_limit(
    central: PlayedCentralSystem, charge_point: ChargePoint, jumping: Clock, nursery: trio.Nursery
) -> None:
    whole = profile(32.0, chargingProfilePurpose="ChargePointMaxProfile")
    whole["chargingSchedule"]["chargingSchedulePeriod"] = [
        {"startPeriod": 0, "limit": 32.0},
        {"startPeriod": 90, "limit": 20.0},
    ]
    assert await set_profile(central, 0, whole) == "Accepted"
    nursery.start_soon(lambda: charge_point.charge(1, "TAG1", CURVE, stays_s=3_600.0))
    await trio.sleep(60)
    assert charge_point.power_w == pytest.approx(22_080.0)
    await trio.sleep(50)
    assert charge_point.power_w == pytest.approx(13_800.0)
    nursery.start_soon(lambda: charge_point.charge(2, "TAG2", CURVE, stays_s=60.0))
    await trio.sleep(20)
    assert [connector.power_w(charge_point.clock.now()) for connector in charge_point.connectors] == [
        0.0,
        pytest.approx(6_900.0),
        pytest.approx(6_900.0),
    ]
    await trio.sleep(60)
    assert charge_point.power_w == pytest.approx(13_800.0)


async def test_a_composite_schedule_is_told(
    central: PlayedCentralSystem, charge_point: ChargePoint, jumping: Clock
) -> None:
    await set_profile(central, 1, profile(10.0))
    told = (await central.call("GetCompositeSchedule", {"connectorId": 1, "duration": 600, "chargingRateUnit": "W"}))[2]
    assert told == {
        "status": "Accepted",
        "connectorId": 1,
        "scheduleStart": told["scheduleStart"],
        "chargingSchedule": {
            "chargingRateUnit": "W",
            "duration": 600,
            "startSchedule": told["scheduleStart"],
            "chargingSchedulePeriod": [{"startPeriod": 0, "limit": 6_900.0}],
        },
    }
    assert (await central.call("GetCompositeSchedule", {"connectorId": 3, "duration": 600}))[2] == REJECTED
    assert (await central.call("GetCompositeSchedule", {"connectorId": 1, "duration": 0}))[2] == REJECTED


async def test_a_profile_that_cannot_be_is_rejected(
    central: PlayedCentralSystem, charge_point: ChargePoint, jumping: Clock
) -> None:
    async def rejected(connector: int, **changes: Any) -> bool:
        return await set_profile(central, connector, profile(10.0, **changes)) == "Rejected"

    def schedule(*periods: tuple[int, float], **changes: Any) -> dict[str, Any]:
        made = [{"startPeriod": at, "limit": limit} for at, limit in periods]
        return {"chargingSchedule": {"chargingRateUnit": "A", "chargingSchedulePeriod": made, **changes}}

    assert await rejected(3)
    assert await rejected(1, stackLevel=10)
    assert await rejected(1, chargingProfilePurpose="ChargePointMaxProfile")
    assert await rejected(1, chargingProfilePurpose="TxProfile")  # no transaction
    assert await rejected(1, chargingProfileKind="Recurring")  # and how often?
    assert await rejected(1, **schedule())
    assert await rejected(1, **schedule((60, 10.0)))
    assert await rejected(1, **schedule((0, 10.0), (60, 8.0), (60, 9.0)))
    assert await rejected(1, **schedule((0, -1.0)))
    assert await rejected(1, **schedule(*((at, 10.0) for at in range(49))))
    assert await rejected(1, **schedule((0, 10.0), startSchedule="9999-12-31T23:59:59Z"))
    assert not await rejected(1)


async def test_a_profile_comes_with_a_remote_start_and_goes_with_the_transaction(
    central: PlayedCentralSystem, charge_point: ChargePoint, jumping: Clock
) -> None:
    wanted = profile(8.0, chargingProfilePurpose="TxProfile", chargingProfileKind="Relative")
    start = {"idTag": "TAG1", "connectorId": 1}
    wrong = profile(8.0)
    assert (await central.call("RemoteStartTransaction", {**start, "chargingProfile": wrong}))[2] == REJECTED
    assert (await central.call("RemoteStartTransaction", {**start, "chargingProfile": wanted}))[2] == ACCEPTED
    await trio.sleep(60)
    assert charge_point.power_w == pytest.approx(5_520.0)  # a compact car: 3 x 230 V x 8 A
    assert len(charge_point.limits) == 1
    await central.call("RemoteStopTransaction", {"transactionId": 7})
    await trio.sleep(1)
    assert len(charge_point.limits) == 0
