"""What faulty chargers say, and what happens to all of them now and then."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from random import Random
from typing import TYPE_CHECKING

import pytest
import trio

from solarocpp.simulator.charge_point import ChargePoint
from solarocpp.simulator.charging import CARS, ChargingCurve
from solarocpp.simulator.clock import SteppedClock
from solarocpp.simulator.quirks import QUIRKS, SANE, Meter, mishaps, quirk_of

if TYPE_CHECKING:
    from conftest import PlayedCentralSystem

START = datetime(2026, 3, 1, 6, 0, tzinfo=UTC)
NAMED = {quirk.name: quirk for quirk in QUIRKS}


def meter_of(name: str) -> Meter:
    made = NAMED[name].meter
    assert made is not None
    return made(Random(1))  # noqa: S311 -- a pattern, not a secret


def test_quirks_are_the_last_chargers_and_never_most_of_them() -> None:
    assert [quirk_of(at, 20) is SANE for at in (0, 9, 10, 19)] == [True, True, False, False]
    assert [quirk_of(at, 6).name for at in range(6)] == [
        "none", "none", "none", "slow clock", "register glitches", "register restarts",
    ]  # fmt: skip
    assert quirk_of(0, 1) is SANE


def test_a_register_that_restarts_goes_on_from_zero() -> None:
    meter = meter_of("register restarts")
    said = [float(meter(1_000_000.0 + day * 1_000.0, START + timedelta(days=day), True)) for day in range(365)]
    falls = [after for before, after in pairwise(said) if after < before]
    assert 3 <= len(falls) <= 6
    assert set(falls) == {0.0}
    assert said[0] == 1_000_000.0


def test_a_glitch_is_one_reading_and_never_the_begin_or_end() -> None:
    meter = meter_of("register glitches")
    said = [meter(5_000.0, START, True) for _ in range(6_000)]
    assert set(said) == {"0", "5000"}
    assert 20 < said.count("0") < 70  # 40 of 6,000
    assert {meter(5_000.0, START, False) for _ in range(1_000)} == {"5000"}


def test_other_meters() -> None:
    assert meter_of("kWh as Wh")(7_316_250.0, START, True) == "7316.250"
    relative = meter_of("register of the session")
    said = [relative(wh, START, at_times) for wh, at_times in ((9_000.0, False), (9_500.0, True), (9_800.0, False))]
    assert said == ["9000", "500", "9800"]
    unreadable = meter_of("unreadable readings")
    assert {unreadable(1.0, START, True) for _ in range(1_000)} == {"1", "--"}
    assert {unreadable(1.0, START, False) for _ in range(1_000)} == {"1"}


def test_mishaps_come_one_after_the_other_and_are_over_in_time() -> None:
    until = START + timedelta(days=365)
    for index in range(20):
        free_from, count = START, 0
        for mishap in mishaps(1, index, quirk_of(index, 20), START, until):
            assert mishap.at >= free_from
            free_from = mishap.at + timedelta(seconds=mishap.seconds)
            count += 1
        assert free_from < until
        assert count >= 3


async def test_what_a_charger_without_link_has_to_say_is_said_later(central: PlayedCentralSystem) -> None:
    """Two hours away in the middle of a session: time goes on without an answer, and nothing is lost."""
    clock = SteppedClock(START)
    charge_point = ChargePoint(
        "CP001", central.dial, clock=clock, configuration={"MeterValueSampleInterval": "900"}, heartbeats=False
    )
    async with trio.open_nursery() as nursery:
        clock.hold()
        await nursery.start(charge_point.run)

        async def charge() -> None:
            await charge_point.charge(1, "CARD", ChargingCurve(CARS[2], 20.0), stays_s=4 * 3600.0)
            clock.release()

        async def lose_the_link() -> None:
            await clock.sleep(3600.0)
            await charge_point.stay_away(2 * 3600.0)
            clock.release()

        clock.hold()
        nursery.start_soon(charge)
        nursery.start_soon(lose_the_link)
        with trio.fail_after(20):
            await trio.testing.wait_all_tasks_blocked()
            while charge_point.statistics().sessions_ended == 0:
                await trio.testing.wait_all_tasks_blocked()
            await charge_point.backlog.wait_empty()
        nursery.cancel_scope.cancel()
    times = [payload["meterValue"][0]["timestamp"] for payload in central.payloads("MeterValues")]
    assert len(times) == 15  # every quarter of an hour of four, without the last
    assert times == sorted(times)
    assert len(central.links) == 2
    assert charge_point.backlog.dropped == 0


@pytest.mark.parametrize(("name", "ahead_s"), [("slow clock", -430.0)])
async def test_a_clock_that_is_wrong_is_wrong_in_every_message(
    central: PlayedCentralSystem, name: str, ahead_s: float
) -> None:
    clock = SteppedClock(START)
    charge_point = ChargePoint("CP001", central.dial, clock=clock, heartbeats=False, quirk=NAMED[name])
    async with trio.open_nursery() as nursery:
        await nursery.start(charge_point.run)
        await trio.testing.wait_all_tasks_blocked()
        nursery.cancel_scope.cancel()
    said = datetime.fromisoformat(central.payloads("StatusNotification")[0]["timestamp"])
    assert said - START == timedelta(seconds=ahead_s)


async def test_a_charger_breaks_down_and_its_session_ends(central: PlayedCentralSystem) -> None:
    clock = SteppedClock(START)
    charge_point = ChargePoint("CP001", central.dial, clock=clock, heartbeats=False)
    async with trio.open_nursery() as nursery:
        clock.hold()
        await nursery.start(charge_point.run)

        async def charge() -> None:
            await charge_point.charge(1, "CARD", ChargingCurve(CARS[2], 20.0), stays_s=4 * 3600.0)
            clock.release()

        clock.hold()
        nursery.start_soon(charge)
        await clock.sleep(600.0)
        await charge_point.break_down(1, "GroundFailure", 3600.0)
        nursery.cancel_scope.cancel()
    (stop,) = central.payloads("StopTransaction")
    assert (stop["reason"], stop["timestamp"]) == ("Other", "2026-03-01T06:10:00.000Z")
    told = [(each["status"], each["errorCode"]) for each in central.payloads("StatusNotification")]
    assert told[-2:] == [("Faulted", "GroundFailure"), ("Available", "NoError")]
    assert charge_point.connectors[1].free
