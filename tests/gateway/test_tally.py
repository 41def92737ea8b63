"""What is counted of messages: each one once, by what became of it, and never under a name a charger made up."""

from __future__ import annotations

import json

import pytest
import trio
from gateway_server import Server, exchange

from solarocpp.errors import CallExpired, CallRefused, NotConnected
from solarocpp.gateway.tally import Tally
from solarocpp.ocpp.messages import GetConfigurationRequest
from solarocpp.store.histogram import SECONDS, Histogram

HEARTBEAT = [2, "h", "Heartbeat", {}]
READING = {"timestamp": "2026-03-01T11:00:00Z", "sampledValue": [{"value": "1"}]}
METER_VALUES = [2, "m", "MeterValues", {"connectorId": 1, "meterValue": [READING]}]


async def test_each_message_is_counted_by_its_outcome(server: Server) -> None:
    tally = server.services.roster.tally
    async with server.connect() as ws:
        await exchange(ws, HEARTBEAT)
        await exchange(ws, METER_VALUES)
        await exchange(ws, METER_VALUES)
        await exchange(ws, [2, "s", "StatusNotification", {}])
        await exchange(ws, [2, "x", "SelfDestruct", {}])
        await ws.send_message("[2,")
        await ws.get_message()
    assert tally.messages == {
        ("in", "Heartbeat", "answered"): 1,
        ("in", "MeterValues", "answered"): 1,
        ("in", "other", "repeated"): 1,
        ("in", "StatusNotification", "refused"): 1,
        ("in", "other", "refused"): 2,
    }
    assert sum(tally.acknowledgements.counts) == 1  # a heartbeat does not wait for the disk
    assert tally.acknowledgements.total_s > 0


async def test_messages_of_ours_are_counted_when_they_have_their_end(server: Server) -> None:
    roster = server.services.roster
    async with server.connect() as ws:
        await exchange(ws, HEARTBEAT)

        async def ask(expected: type[Exception] | None, deadline_s: float = 5) -> None:
            if expected is None:
                await roster.call(1, GetConfigurationRequest(), deadline_s)
                return
            with pytest.raises(expected):
                await roster.call(1, GetConfigurationRequest(), deadline_s)

        async with trio.open_nursery() as nursery:
            nursery.start_soon(ask, None)
            asked = json.loads(await ws.get_message())
            await ws.send_message(json.dumps([3, asked[1], {"configurationKey": []}]))
        async with trio.open_nursery() as nursery:
            nursery.start_soon(ask, CallRefused)
            asked = json.loads(await ws.get_message())
            await ws.send_message(json.dumps([4, asked[1], "NotSupported", "", {}]))
        await ask(CallExpired, 0.01)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(ask, NotConnected)
            for _ in range(2):  # the one that expired, and this one
                await ws.get_message()
            await ws.aclose()
    assert {outcome: count for (way, _, outcome), count in roster.tally.messages.items() if way == "out"} == {
        "answered": 1,
        "refused": 1,
        "expired": 1,
        "lost": 1,
    }


async def test_repairs_are_counted_by_rule(server: Server) -> None:
    async with server.connect() as ws:
        for number in range(2):
            payload = {"connectorId": "1", "errorCode": "NoError", "status": "Available"}
            await exchange(ws, [2, f"s{number}", "StatusNotification", payload])
        journal_says = server.services.roster.links()[0].repairs
    assert server.services.roster.tally.repairs == journal_says != {}
    assert set(journal_says.values()) == {2}


def test_a_million_made_up_actions_are_one() -> None:
    tally = Tally()
    for number in range(1000):
        tally.heard(f"Action{number}", "refused")
    tally.heard("Heartbeat", "answered")
    assert tally.messages == {("in", "other", "refused"): 1000, ("in", "Heartbeat", "answered"): 1}


def test_a_duration_is_in_the_class_it_does_not_exceed() -> None:
    histogram = Histogram()
    for seconds in (0.0, 0.001, 0.0011, 10.0, 10.1):
        histogram.observe(seconds)
    assert len(histogram.counts) == len(SECONDS) + 1
    assert (histogram.counts[0], histogram.counts[1], histogram.counts[-2], histogram.counts[-1]) == (2, 1, 1, 1)
    assert histogram.total_s == pytest.approx(20.1021)
