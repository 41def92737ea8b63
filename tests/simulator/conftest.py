"""A central system played by the test: raw JSON over memory streams, knowing nothing of our own codec."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

import pytest
import trio
import trio.testing
from trio_websocket import ConnectionClosed, WebSocketConnection, wrap_client_stream, wrap_server_stream

from solarocpp.errors import DialFailed
from solarocpp.simulator.charge_point import ChargePoint
from solarocpp.simulator.clock import ScaledClock

Payload = dict[str, Any]

START = datetime(2026, 3, 1, 6, 0, tzinfo=UTC)


class PlayedCentralSystem:
    """Accepts every dial, notes every CALL, answers by table.

    An answer is a payload, a function of the request's payload, an error code as text, or None for silence.
    """

    def __init__(self, nursery: trio.Nursery) -> None:
        self._nursery = nursery
        self.reachable = True
        self.keys: list[bytes | None] = []
        """What was shown at each dial."""
        self.calls: list[tuple[str, Payload]] = []
        """Action and payload of each CALL, in order of arrival."""
        self.replies: dict[str, list[Any]] = {}
        """What the charge point answered to our calls, by id."""
        self.links: list[WebSocketConnection] = []
        self.link_ids: list[str] = []
        self.answers: dict[str, Payload | str | Callable[[Payload], Payload | str | None] | None] = {
            "BootNotification": {"status": "Accepted", "currentTime": "2026-03-01T06:00:00Z", "interval": 86_400},
            "StatusNotification": {},
            "Heartbeat": {"currentTime": "2026-03-01T06:00:00Z"},
            "Authorize": {"idTagInfo": {"status": "Accepted"}},
            "StartTransaction": {"transactionId": 7, "idTagInfo": {"status": "Accepted"}},
            "MeterValues": {},
            "StopTransaction": {"idTagInfo": {"status": "Accepted"}},
        }

    @asynccontextmanager
    async def dial(self, key: bytes | None = None) -> AsyncGenerator[WebSocketConnection]:
        self.keys.append(key)
        if not self.reachable:
            raise DialFailed("memory", None, "nobody there")
        ours, theirs = trio.testing.memory_stream_pair()
        self._nursery.start_soon(self._serve, ours)
        async with trio.open_nursery() as nursery:
            connection = await wrap_client_stream(nursery, theirs, "memory", "/CP001", subprotocols=["ocpp1.6"])
            yield connection
            await connection.aclose()

    async def _serve(self, stream: trio.abc.Stream) -> None:
        async with trio.open_nursery() as nursery:
            request = await wrap_server_stream(nursery, stream)
            link = await request.accept(subprotocol="ocpp1.6")
            self.links.append(link)
            try:
                while True:
                    await self._take(link, json.loads(await link.get_message()))
            except ConnectionClosed:
                return

    async def _take(self, link: WebSocketConnection, frame: list[Any]) -> None:
        if frame[0] != 2:
            self.replies[frame[1]] = frame
            return
        _, unique_id, action, payload = frame
        self.calls.append((action, payload))
        answer = self.answers[action]
        if callable(answer):
            answer = answer(payload)
        if isinstance(answer, str):
            await link.send_message(json.dumps([4, unique_id, answer, "", {}]))
        elif answer is not None:
            await link.send_message(json.dumps([3, unique_id, answer]))

    async def call(self, action: str, payload: Payload) -> list[Any]:
        """Sends a CALL over the newest link and returns the frame that answers it."""
        unique_id = f"c{len(self.replies)}"
        await self.links[-1].send_message(json.dumps([2, unique_id, action, payload]))
        await trio.testing.wait_all_tasks_blocked()
        return self.replies[unique_id]

    async def cut(self) -> None:
        """Ends the newest link."""
        await self.links[-1].aclose(1001)

    def actions(self) -> list[str]:
        return [action for action, _ in self.calls]

    def payloads(self, action: str) -> list[Payload]:
        return [payload for called, payload in self.calls if called == action]

    def statuses(self, connector: int = 1) -> list[str]:
        """What a connector said it is, in order."""
        told = self.payloads("StatusNotification")
        return [status["status"] for status in told if status["connectorId"] == connector]


@pytest.fixture
def central(nursery: trio.Nursery) -> PlayedCentralSystem:
    return PlayedCentralSystem(nursery)


@pytest.fixture
def jumping(autojump_clock: trio.testing.MockClock) -> trio.testing.MockClock:
    """Trio's clock jumps when everybody waits; a test asks for it itself, pytest-trio looks nowhere else."""
    return autojump_clock


@pytest.fixture
async def charge_point(
    central: PlayedCentralSystem, nursery: trio.Nursery, jumping: trio.testing.MockClock
) -> ChargePoint:
    """A charge point of two connectors that has booted, and what it said for that is forgotten."""
    for action in ("SignCertificate", "DiagnosticsStatusNotification", "FirmwareStatusNotification"):
        central.answers[action] = {"status": "Accepted"} if action == "SignCertificate" else {}
    central.answers |= {"LogStatusNotification": {}, "SignedFirmwareStatusNotification": {}}
    charge_point = ChargePoint("CP001", central.dial, clock=ScaledClock(START, 1.0), connectors=2)
    await nursery.start(charge_point.run)
    await trio.testing.wait_all_tasks_blocked()
    central.calls.clear()
    return charge_point
