"""A charge point against a central system played by the test; Trio's clock jumps, so a day takes no time."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import pytest
import trio
import trio.testing

from solarocpp.errors import DialFailed
from solarocpp.simulator.charge_point import ChargePoint
from solarocpp.simulator.charging import Car, ChargingCurve
from solarocpp.simulator.clock import ScaledClock

if TYPE_CHECKING:
    from conftest import PlayedCentralSystem

Clock = trio.testing.MockClock
START = datetime(2026, 3, 1, 6, 0, tzinfo=UTC)

# 3 x 230 V x 10 A = 6,900 W: 115 Wh a minute, less 9.58 Wh in the first for the ramp.
CURVE = ChargingCurve(Car("test car", 69_000.0, 3, 10.0), 50.0)


def make_charge_point(central: PlayedCentralSystem, **options: Any) -> ChargePoint:
    return ChargePoint("CP001", central.dial, clock=ScaledClock(START, 1.0), **options)


@pytest.fixture
async def charge_point(central: PlayedCentralSystem, nursery: trio.Nursery, jumping: Clock) -> ChargePoint:
    charge_point = make_charge_point(central)
    await nursery.start(charge_point.run)
    await trio.testing.wait_all_tasks_blocked()
    return charge_point


async def test_a_whole_session_in_order(
    central: PlayedCentralSystem, charge_point: ChargePoint, jumping: Clock
) -> None:
    """Three readings of a minute, then the driver comes back after 200 s."""
    register = charge_point.connectors[1].reading(START).register_wh
    await charge_point.charge(1, "TAG1", CURVE, stays_s=200.0)
    await charge_point.backlog.wait_empty()
    assert central.actions() == [
        "BootNotification",
        "StatusNotification",  # connector 0
        "StatusNotification",  # connector 1
        "Authorize",
        "StatusNotification",
        "StartTransaction",
        "StatusNotification",
        "MeterValues",
        "MeterValues",
        "MeterValues",
        "StatusNotification",
        "StopTransaction",
        "StatusNotification",
    ]
    statuses = [(status["connectorId"], status["status"]) for status in central.payloads("StatusNotification")]
    assert statuses == [
        (0, "Available"),
        (1, "Available"),
        (1, "Preparing"),
        (1, "Charging"),
        (1, "Finishing"),
        (1, "Available"),
    ]
    (start,) = central.payloads("StartTransaction")
    assert start == {
        "connectorId": 1,
        "idTag": "TAG1",
        "meterStart": int(register),
        "timestamp": "2026-03-01T06:00:00.000Z",
    }
    readings = central.payloads("MeterValues")
    assert [reading["transactionId"] for reading in readings] == [7, 7, 7]
    assert [reading["meterValue"][0]["timestamp"] for reading in readings] == [
        "2026-03-01T06:01:00.000Z",
        "2026-03-01T06:02:00.000Z",
        "2026-03-01T06:03:00.000Z",
    ]
    energies = [int(reading["meterValue"][0]["sampledValue"][0]["value"]) - register for reading in readings]
    assert energies == [105, 220, 335]  # 105.4, 220.4 and 335.4 Wh
    assert len(readings[0]["meterValue"][0]["sampledValue"]) == 11
    (stop,) = central.payloads("StopTransaction")
    assert stop == {
        "transactionId": 7,
        "idTag": "TAG1",
        "timestamp": "2026-03-01T06:03:20.000Z",
        "meterStop": int(register) + 374,  # 200 s x 6,900 W less the ramp: 373.75 Wh
        "reason": "Local",
        "transactionData": [
            {
                "timestamp": "2026-03-01T06:00:00.000Z",
                "sampledValue": [energy_sample(int(register), "Transaction.Begin")],
            },
            {
                "timestamp": "2026-03-01T06:03:20.000Z",
                "sampledValue": [energy_sample(int(register) + 374, "Transaction.End")],
            },
        ],
    }
    statistics = charge_point.statistics()
    assert (statistics.sessions_started, statistics.sessions_ended, statistics.links) == (1, 1, 1)
    assert statistics.sent == statistics.answered == len(central.calls)
    assert statistics.energy_wh == pytest.approx(373.75)


def energy_sample(register: int, context: str) -> dict[str, str]:
    return {
        "value": str(register),
        "context": context,
        "format": "Raw",
        "measurand": "Energy.Active.Import.Register",
        "location": "Outlet",
        "unit": "Wh",
    }


async def test_register_goes_on_where_the_last_session_left_it(
    central: PlayedCentralSystem, charge_point: ChargePoint, jumping: Clock
) -> None:
    await charge_point.charge(1, "TAG1", CURVE, stays_s=600.0)
    await charge_point.charge(1, "TAG2", CURVE, stays_s=600.0)
    await charge_point.backlog.wait_empty()
    stops = [stop["meterStop"] for stop in central.payloads("StopTransaction")]
    starts = [start["meterStart"] for start in central.payloads("StartTransaction")]
    assert starts[1] == stops[0]
    assert stops[1] - starts[0] == 2_281  # twice 600 s x 6,900 W less the ramp: 2 x 1,140.42 Wh


async def test_a_full_car_suspends_and_stays(
    central: PlayedCentralSystem, charge_point: ChargePoint, jumping: Clock
) -> None:
    """From 99 %: 766.67 Wh are left, at less than 0.1 of 6,900 W after the taper's end."""
    nearly_full = ChargingCurve(Car("test car", 69_000.0, 3, 10.0), 99.0)
    await charge_point.charge(1, "TAG1", nearly_full, stays_s=20_000.0)
    await charge_point.backlog.wait_empty()
    statuses = [status["status"] for status in central.payloads("StatusNotification")[2:]]
    assert statuses == ["Preparing", "Charging", "SuspendedEV", "Finishing", "Available"]
    (stop,) = central.payloads("StopTransaction")
    assert stop["meterStop"] - central.payloads("StartTransaction")[0]["meterStart"] == 767
    last = central.payloads("MeterValues")[-1]["meterValue"][0]["sampledValue"]
    assert [(sample["value"]) for sample in last if sample["measurand"] in {"Power.Active.Import", "SoC"}] == [
        "0.0",
        "100.0",
    ]


async def test_a_tag_that_is_refused_starts_nothing(
    central: PlayedCentralSystem, charge_point: ChargePoint, jumping: Clock
) -> None:
    central.answers["Authorize"] = {"idTagInfo": {"status": "Invalid"}}
    assert await charge_point.charge(1, "TAG1", CURVE, stays_s=200.0) is None
    assert "StartTransaction" not in central.actions()
    assert charge_point.statistics().tags_refused == 1
    assert charge_point.connectors[1].free


async def test_a_refused_start_is_stopped_at_once(
    central: PlayedCentralSystem, charge_point: ChargePoint, jumping: Clock
) -> None:
    central.answers["StartTransaction"] = {"transactionId": 8, "idTagInfo": {"status": "Blocked"}}
    await charge_point.charge(1, "TAG1", CURVE, stays_s=200.0)
    await charge_point.backlog.wait_empty()
    (stop,) = central.payloads("StopTransaction")
    assert (stop["transactionId"], stop["reason"], "idTag" in stop) == (8, "DeAuthorized", False)
    assert stop["meterStop"] == central.payloads("StartTransaction")[0]["meterStart"]
    assert "MeterValues" not in central.actions()


@pytest.mark.parametrize("status", ["Pending", "Rejected"])
async def test_boot_is_asked_again_after_the_interval(
    central: PlayedCentralSystem, nursery: trio.Nursery, jumping: Clock, status: str
) -> None:
    """Nothing else is sent before it is Accepted (OCPP 1.6 §4.2)."""
    answers = iter([(status, 90), (status, 30), ("Accepted", 600)])
    asked: list[float] = []

    def answer(_: object) -> dict[str, Any]:
        asked.append(trio.current_time())
        given, interval = next(answers)
        return {"status": given, "currentTime": "2026-03-01T06:00:00Z", "interval": interval}

    central.answers["BootNotification"] = answer
    await nursery.start(make_charge_point(central).run)
    assert central.actions() == ["BootNotification"] * 3
    assert [round(later - earlier) for earlier, later in pairwise(asked)] == [90, 30]
    await trio.sleep(1_300)
    assert central.actions()[3:] == ["StatusNotification", "StatusNotification", "Heartbeat", "Heartbeat"]


async def test_a_backlog_keeps_its_order_and_its_times(
    central: PlayedCentralSystem, charge_point: ChargePoint, jumping: Clock, nursery: trio.Nursery
) -> None:
    """The link breaks after the first reading and comes back when the car has gone."""
    nursery.start_soon(lambda: charge_point.charge(1, "TAG1", CURVE, stays_s=200.0))
    await trio.sleep(65)
    central.reachable = False
    await central.cut()
    await trio.sleep(300)
    assert not charge_point.online
    assert len(charge_point.backlog) == 3
    before = len(central.calls)
    central.reachable = True
    await charge_point.backlog.wait_empty()
    again = central.calls[before:]
    assert [action for action, _ in again] == [
        "StatusNotification",  # states as they are now; no BootNotification, because nothing booted
        "StatusNotification",
        "MeterValues",
        "MeterValues",
        "StopTransaction",
    ]
    assert [payload["meterValue"][0]["timestamp"] for payload in central.payloads("MeterValues")] == [
        "2026-03-01T06:01:00.000Z",
        "2026-03-01T06:02:00.000Z",
        "2026-03-01T06:03:00.000Z",
    ]
    assert central.payloads("StopTransaction")[0]["timestamp"] == "2026-03-01T06:03:20.000Z"
    assert charge_point.statistics().links == 2


async def test_a_transaction_that_began_offline_gets_its_id_afterwards(
    central: PlayedCentralSystem, charge_point: ChargePoint, jumping: Clock
) -> None:
    central.reachable = False
    await central.cut()
    await trio.sleep(5)
    await charge_point.charge(1, "TAG1", CURVE, stays_s=130.0)
    central.reachable = True
    await charge_point.backlog.wait_empty()
    transactions = [
        (action, payload.get("transactionId"))
        for action, payload in central.calls
        if action in {"Authorize", "StartTransaction", "MeterValues", "StopTransaction"}
    ]
    assert transactions == [
        ("StartTransaction", None),
        ("MeterValues", 7),
        ("MeterValues", 7),
        ("StopTransaction", 7),
    ]


async def test_a_message_without_answer_is_sent_again_over_a_new_link(
    central: PlayedCentralSystem, charge_point: ChargePoint, jumping: Clock
) -> None:
    silent = [True]

    def once(_: object) -> dict[str, Any] | None:
        return None if silent.pop() else {}

    silent[:0] = [False]
    central.answers["MeterValues"] = once
    await charge_point.charge(1, "TAG1", CURVE, stays_s=70.0)
    await charge_point.backlog.wait_empty()
    first, second = central.payloads("MeterValues")
    assert first == second
    assert charge_point.statistics().links == 2


async def test_an_internal_error_is_tried_again_with_growing_waits(
    central: PlayedCentralSystem, charge_point: ChargePoint, jumping: Clock
) -> None:
    """Attempts 3, interval 60 s: after 60 s, after 120 s more, then it is given up (OCPP 1.6 §9.1)."""
    times: list[float] = []

    def refuse(_: object) -> str:
        times.append(trio.current_time())
        return "InternalError"

    central.answers["MeterValues"] = refuse
    await charge_point.charge(1, "TAG1", CURVE, stays_s=70.0)
    await charge_point.backlog.wait_empty()
    assert [round(later - earlier) for earlier, later in pairwise(times)] == [60, 120]
    assert central.actions().count("StopTransaction") == 1
    statistics = charge_point.statistics()
    assert (statistics.refused, statistics.retried, statistics.dropped) == (3, 2, 1)


async def test_a_start_that_is_never_confirmed_leaves_a_transaction_without_id(
    central: PlayedCentralSystem, charge_point: ChargePoint, jumping: Clock
) -> None:
    central.answers["StartTransaction"] = "InternalError"
    await charge_point.charge(1, "TAG1", CURVE, stays_s=70.0)
    await charge_point.backlog.wait_empty()
    assert central.actions().count("StartTransaction") == 3
    assert central.payloads("StopTransaction")[0]["transactionId"] == -1


async def test_remote_start_and_stop(central: PlayedCentralSystem, charge_point: ChargePoint, jumping: Clock) -> None:
    assert await central.call("RemoteStopTransaction", {"transactionId": 7}) == [3, "c0", {"status": "Rejected"}]
    reply = await central.call("RemoteStartTransaction", {"idTag": "REMOTE"})
    assert reply == [3, "c1", {"status": "Accepted"}]
    assert (await central.call("RemoteStartTransaction", {"idTag": "SECOND", "connectorId": 1}))[2] == {
        "status": "Rejected"
    }
    await trio.sleep(100)
    assert "Authorize" not in central.actions()  # AuthorizeRemoteTxRequests is false
    assert central.payloads("StartTransaction")[0]["idTag"] == "REMOTE"
    assert (await central.call("RemoteStopTransaction", {"transactionId": 7}))[2] == {"status": "Accepted"}
    await charge_point.backlog.wait_empty()
    assert central.payloads("StopTransaction")[0]["reason"] == "Remote"


async def test_reset_ends_the_session_and_boots_again(
    central: PlayedCentralSystem, charge_point: ChargePoint, jumping: Clock, nursery: trio.Nursery
) -> None:
    nursery.start_soon(lambda: charge_point.charge(1, "TAG1", CURVE, stays_s=3_600.0))
    await trio.sleep(65)
    assert await central.call("Reset", {"type": "Soft"}) == [3, "c0", {"status": "Accepted"}]
    await trio.sleep(10)
    assert central.payloads("StopTransaction")[0]["reason"] == "SoftReset"
    assert central.actions().count("BootNotification") == 2
    assert charge_point.online


async def test_availability_waits_for_the_session(
    central: PlayedCentralSystem, charge_point: ChargePoint, jumping: Clock, nursery: trio.Nursery
) -> None:
    nursery.start_soon(lambda: charge_point.charge(1, "TAG1", CURVE, stays_s=100.0))
    await trio.sleep(10)
    inoperative = {"connectorId": 0, "type": "Inoperative"}
    assert (await central.call("ChangeAvailability", inoperative))[2] == {"status": "Scheduled"}
    await trio.sleep(100)
    statuses = [(status["connectorId"], status["status"]) for status in central.payloads("StatusNotification")[4:]]
    assert statuses == [(0, "Unavailable"), (1, "Finishing"), (1, "Unavailable")]
    assert await charge_point.charge(1, "TAG1", CURVE, stays_s=100.0) is None
    operative = {"connectorId": 1, "type": "Operative"}
    assert (await central.call("ChangeAvailability", operative))[2] == {"status": "Accepted"}
    assert (await central.call("ChangeAvailability", {**operative, "connectorId": 2}))[2] == {"status": "Rejected"}
    await trio.sleep(1)
    assert central.payloads("StatusNotification")[-1]["status"] == "Available"


async def test_a_key_to_log_in_with_is_shown_at_once_over_a_new_link_without_another_boot(
    central: PlayedCentralSystem, charge_point: ChargePoint, jumping: Clock
) -> None:
    """Security whitepaper, A01."""
    change = {"key": "AuthorizationKey", "value": "00112233445566778899aabbccddeeff"}
    assert (await central.call("ChangeConfiguration", change))[2] == {"status": "Accepted"}
    await trio.sleep(5)
    assert central.keys == [None, bytes(range(0, 256, 17))]
    assert charge_point.online
    assert central.actions().count("BootNotification") == 1  # that of the fixture
    assert (await central.call("ChangeConfiguration", {**change, "value": "short"}))[2] == {"status": "Rejected"}
    await trio.sleep(5)
    assert len(central.keys) == 2


async def test_other_calls_of_the_core_profile(
    central: PlayedCentralSystem, charge_point: ChargePoint, jumping: Clock
) -> None:
    configuration = await central.call("GetConfiguration", {"key": ["numberofconnectors", "Colour"]})
    assert configuration[2] == {
        "configurationKey": [{"key": "NumberOfConnectors", "readonly": True, "value": "1"}],
        "unknownKey": ["Colour"],
    }
    assert len((await central.call("GetConfiguration", {}))[2]["configurationKey"]) == 34
    change = {"key": "MeterValueSampleInterval", "value": "15"}
    assert (await central.call("ChangeConfiguration", change))[2] == {"status": "Accepted"}
    assert (await central.call("ClearCache", {}))[2] == {"status": "Accepted"}
    assert (await central.call("DataTransfer", {"vendorId": "ACME"}))[2] == {"status": "UnknownVendorId"}
    assert (await central.call("UnlockConnector", {"connectorId": 1}))[2] == {"status": "Unlocked"}
    assert (await central.call("UnlockConnector", {"connectorId": 9}))[2] == {"status": "NotSupported"}
    refusal = await central.call("Heartbeat", {})  # not for a central system to send
    assert (refusal[0], refusal[2]) == (4, "NotSupported")
    refusal = await central.call("MakeCoffee", {})
    assert (refusal[0], refusal[2]) == (4, "NotImplemented")


async def test_a_link_is_closed_in_order(central: PlayedCentralSystem, jumping: Clock) -> None:
    charge_point = make_charge_point(central)
    async with trio.open_nursery() as nursery:
        await nursery.start(charge_point.run)
        await trio.testing.wait_all_tasks_blocked()
        await charge_point.aclose()
    (link,) = central.links
    assert link.closed is not None
    assert link.closed.code == 1000


async def test_the_first_dial_that_finds_nobody_is_an_error(central: PlayedCentralSystem, jumping: Clock) -> None:
    central.reachable = False
    with pytest.RaisesGroup(DialFailed):
        await make_charge_point(central).run()
