"""Whether something came of what was accepted: limits and readings, and what a restart of the server must not lose."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import msgspec
import pytest
import trio
from instructed import NOW, ChargePoint, Told, telling
from trio.testing import MockClock

from solarocpp.central_system.signs import LimitSought
from solarocpp.instructions.sightings import Sightings
from solarocpp.metering.datums import Datum
from solarocpp.ocpp.datatypes import ChargingProfile, SourceId
from solarocpp.ocpp.messages import OcppMessage
from solarocpp.registry import NewAuthorization
from solarocpp.store.effects import DatumObserved, Effect

PATIENT = dict.fromkeys(("call_deadline_s", "pong_deadline_s", "send_deadline_s", "handshake_deadline_s"), 6000.0)


@pytest.fixture
def jumping_clock() -> MockClock:
    """A second a second, and minutes at once where a test says so."""
    return MockClock(rate=1)


PROFILE: dict[str, Any] = {
    "chargingProfileId": 1,
    "stackLevel": 0,
    "chargingProfilePurpose": "TxDefaultProfile",
    "chargingProfileKind": "Absolute",
    "chargingSchedule": {
        "chargingRateUnit": "A",
        "chargingSchedulePeriod": [{"startPeriod": 0, "limit": 16}],
        "startSchedule": "2026-03-01T11:00:00Z",
    },
}


async def takes(told: Told, charge_point: ChargePoint, amperes: str) -> None:
    """Tells what connector 1 takes at this moment."""
    sampled = {"value": amperes, "measurand": "Current.Import", "phase": "L1", "unit": "A"}
    moment = told.services.clock().strftime("%Y-%m-%dT%H:%M:%SZ")
    await charge_point.say(
        "MeterValues", {"connectorId": 1, "meterValue": [{"timestamp": moment, "sampledValue": [sampled]}]}
    )


async def effect_of(told: Told, number: int) -> str:
    with trio.fail_after(60_000):
        while (effect := (await told.stored(number)).effect) is None:
            pass
    return effect


@pytest.mark.parametrize(
    ("amperes", "effect"),
    [
        ("15.9", "seen"),
        ("31.8", "accepted, no effect after 300 s: 31.8 A measured, 16 A allowed"),
        ("6.0", "accepted; no reading within 300 s shows whether it is kept"),
    ],
)
async def test_readings_show_whether_a_limit_is_kept(
    tmp_path: Path, jumping_clock: MockClock, amperes: str, effect: str
) -> None:
    """Q78: accepted is not the same as kept."""
    async with telling(tmp_path / "data", patience_s=6000.0, **PATIENT) as told, told.booted() as charge_point:
        number = await told.order(
            "SetChargingProfile", {"connectorId": 1, "csChargingProfiles": PROFILE}, within_s=86_000
        )
        await charge_point.answers("SetChargingProfile", {"status": "Accepted"})
        await told.ended(number)
        jumping_clock.jump(35)
        await takes(told, charge_point, amperes)
        if effect != "seen":
            jumping_clock.jump(300)
        assert await effect_of(told, number) == effect


@pytest.mark.parametrize(
    ("before", "after"),
    [
        pytest.param([], [{"chargingProfileId": 1, "limit": 32}], id="replaced"),
        pytest.param([{"chargingProfileId": 2, "stackLevel": 3, "limit": 32}], [], id="outranked"),
    ],
)
async def test_a_limit_in_whose_place_another_may_hold_is_not_said_to_be_broken(
    tmp_path: Path, jumping_clock: MockClock, before: list[dict[str, Any]], after: list[dict[str, Any]]
) -> None:
    """Who shares out the power of a site sets another limit each minute."""
    async with telling(tmp_path / "data", patience_s=6000.0, **PATIENT) as told, told.booted() as charge_point:

        async def install(**differing: Any) -> int:
            limit = differing.pop("limit", 16)
            schedule = {**PROFILE["chargingSchedule"], "chargingSchedulePeriod": [{"startPeriod": 0, "limit": limit}]}
            set_it = {"connectorId": 1, "csChargingProfiles": {**PROFILE, **differing, "chargingSchedule": schedule}}
            number = await told.order("SetChargingProfile", set_it, within_s=86_000)
            await charge_point.answers("SetChargingProfile", {"status": "Accepted"})
            await told.ended(number)
            return number

        for each in before:
            await install(**each)
        number = await install()
        for each in after:
            await install(**each)
        await told.store.settle()
        jumping_clock.jump(35)
        await takes(told, charge_point, "31.8")
        jumping_clock.jump(300)
        assert await effect_of(told, number) == (
            "accepted; 31.8 A measured, 16 A allowed, but another profile may hold by now"
        )


class NoLinks:
    """Nobody is connected."""

    def __init__(self) -> None:
        self.on_presence: list[Callable[[int], None]] = []
        self.on_effects: list[Callable[[int, Sequence[Effect]], None]] = []

    def presence(self, charger_id: int) -> None:
        """Tells that a charger is away."""

    async def call(self, charger_id: int, request: OcppMessage, deadline_s: float | None = None) -> OcppMessage:
        """Is not asked."""
        raise NotImplementedError


async def test_what_is_taken_in_the_first_seconds_says_nothing(autojump_clock: MockClock) -> None:
    """A reading that is sent then may be from before, and cars take their time."""
    links = NoLinks()
    sightings = Sightings(links)
    profile = msgspec.convert(PROFILE, ChargingProfile, strict=False)
    sighting = sightings.begin(1, LimitSought(profile, frozenset({"/s"}), shared=False))

    def take(amperes: float) -> None:
        reading = DatumObserved(Datum(1, SourceId("/s"), NOW, {"current_a": amperes}), NOW)
        for listen in links.on_effects:
            listen(1, [reading])

    take(16)
    sighting.accept()
    await trio.sleep(29)
    take(16)
    take(31.8)
    assert (sighting.contradiction, sighting.seen.is_set()) == ("", False)
    await trio.sleep(1)
    take(31.8)
    assert (sighting.contradiction, sighting.seen.is_set()) == ("31.8 A measured, 16 A allowed", False)
    take(16)
    assert sighting.seen.is_set()


async def test_a_start_is_looked_for_after_a_restart(tmp_path: Path) -> None:
    async with telling(tmp_path / "data") as told, told.booted() as charge_point:
        number = await told.order("RemoteStartTransaction", {"idTag": "TAG1", "connectorId": 2})
        await charge_point.answers("RemoteStartTransaction", {"status": "Accepted"})
        await told.ended(number)
    async with telling(tmp_path / "data") as told, told.booted() as charge_point:
        assert (await told.stored(number)).effect is None
        await charge_point.status(2, "Preparing")
        assert await effect_of(told, number) == "seen"


async def test_a_status_that_is_repeated_is_no_start(tmp_path: Path) -> None:
    """A car that was plugged in before is no effect of the order, be the server restarted and the status told again."""
    async with telling(tmp_path / "data") as told, told.booted() as charge_point:
        await charge_point.status(2, "Preparing")
        await charge_point.status(1, "Preparing")
        await charge_point.status(1, "Available")
    async with telling(tmp_path / "data") as told, told.booted() as charge_point:
        number = await told.order("RemoteStartTransaction", {"idTag": "TAG1"})
        await charge_point.answers("RemoteStartTransaction", {"status": "Accepted"})
        await told.ended(number)
        for _ in range(2):
            await charge_point.status(2, "Preparing")
        assert await charge_point.hears_nothing()
        assert (await told.stored(number)).effect is None
        await charge_point.status(1, "Preparing")
        assert await effect_of(told, number) == "seen"


async def test_a_session_that_began_before_a_restart_counts(tmp_path: Path) -> None:
    """Its start was stored, and the process ended before that was noted."""
    async with telling(tmp_path / "data") as told, told.booted() as charge_point:
        number = await told.order("RemoteStartTransaction", {"idTag": "TAG1", "connectorId": 2})
        await charge_point.answers("RemoteStartTransaction", {"status": "Accepted"})
        await told.ended(number)
        await told.services.registry.add_authorization(NewAuthorization(token="TAG1"), now=told.services.clock())
        start = {"connectorId": 2, "idTag": "TAG1", "meterStart": 0, "timestamp": "2026-03-01T12:00:30Z"}
        await charge_point.say("StartTransaction", start)
        assert await effect_of(told, number) == "seen"
        await told.store.settle()
        await told.store.write(lambda con: con.execute("UPDATE instruction SET effect = NULL"))
    async with telling(tmp_path / "data") as told:
        assert await effect_of(told, number) == "seen"


async def test_a_reset_is_seen_after_a_restart_by_a_boot_only(tmp_path: Path) -> None:
    """Every charger dials again when the server does."""
    async with telling(tmp_path / "data") as told, told.booted() as charge_point:
        number = await told.order("Reset", {"type": "Hard"})
        await charge_point.answers("Reset", {"status": "Accepted"})
        await told.ended(number)
    async with telling(tmp_path / "data") as told, told.connected() as charge_point:
        assert await charge_point.hears_nothing()
        assert (await told.stored(number)).effect is None
        await charge_point.boot()
        assert await effect_of(told, number) == "seen"


async def test_what_should_have_come_while_the_server_was_down_is_not_denied(tmp_path: Path) -> None:
    async with telling(tmp_path / "data") as told, told.booted() as charge_point:
        number = await told.order("Reset", {"type": "Hard"})
        await charge_point.answers("Reset", {"status": "Accepted"})
        await told.ended(number)
        await told.store.write(
            lambda con: con.execute('UPDATE instruction SET "statusDate" = "statusDate" - INTERVAL 1 HOUR')
        )
    async with telling(tmp_path / "data") as told:
        assert await effect_of(told, number) == (
            "accepted; not seen within 180 s, of which the server was down for some"
        )
