"""What tests of instructions hold on to: a server that delivers, and charge points that answer as told."""

from __future__ import annotations

import base64
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import trio
import trio_websocket

from solarocpp.central_system import CentralSystem, Transactions
from solarocpp.central_system.instructions import Instruction, read_order
from solarocpp.config import Config
from solarocpp.gateway import Gateway, Roster, Services
from solarocpp.instructions import Delivery, InstructionQueue
from solarocpp.registry import Charger, NewCharger, NewCredential, Registry
from solarocpp.store import Store, open_store
from solarocpp.store.effects import ConnectorsCounted
from solarocpp.store.instructions import select_instructions

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
BASIC = b"Basic " + base64.b64encode(b"depot:correct horse battery")
PATIENCE_S = 10.0
"""For what happens in milliseconds."""


class ChargePoint:
    """One end of a WebSocket, spoken by hand."""

    def __init__(self, ws: trio_websocket.WebSocketConnection, patience_s: float) -> None:
        self._ws = ws
        self._patience_s = patience_s

    async def say(self, action: str, payload: dict[str, Any]) -> None:
        """Sends a CALL and waits for its answer."""
        await self.send([2, action, action, payload])
        with trio.fail_after(self._patience_s):
            while json.loads(await self._ws.get_message())[1] != action:
                pass

    async def boot(self) -> None:
        """Boots, as a charger does that has just been switched on."""
        await self.say("BootNotification", {"chargePointVendor": "ACME", "chargePointModel": "One"})

    async def status(self, connector_id: int, status: str) -> None:
        """Tells the status of a connector."""
        await self.say("StatusNotification", {"connectorId": connector_id, "errorCode": "NoError", "status": status})

    async def send(self, frame: list[Any]) -> None:
        """Sends a frame."""
        await self._ws.send_message(json.dumps(frame))

    async def told(self) -> tuple[str, str, dict[str, Any]]:
        """Waits for a CALL: its id, action and payload."""
        with trio.fail_after(self._patience_s):
            kind, unique_id, action, payload = json.loads(await self._ws.get_message())
        assert kind == 2
        return unique_id, action, payload

    async def hears_nothing(self) -> bool:
        """Whether nothing comes before the answer to a heartbeat: the server had the time to say something."""
        await self.send([2, "h", "Heartbeat", {}])
        with trio.fail_after(self._patience_s):
            return bool(json.loads(await self._ws.get_message())[1] == "h")

    async def answers(self, action: str, answer: dict[str, Any]) -> dict[str, Any]:
        """Waits to be told this, answers, and gives what it was told."""
        unique_id, told, payload = await self.told()
        assert told == action
        await self.send([3, unique_id, answer])
        return payload


class Told:
    """A server that delivers, without its API."""

    def __init__(
        self, services: Services, address: str, queue: InstructionQueue, delivery: Delivery, patience_s: float
    ) -> None:
        self._patience_s = patience_s
        self.services = services
        self.queue = queue
        self.delivery = delivery
        self._address = address

    @property
    def store(self) -> Store:
        return self.services.store

    def charger(self, identifier: str = "CP001") -> Charger:
        """Gives a charger that is registered."""
        return self.services.registry.require_charger(1, identifier)

    async def order(
        self, action: str, payload: dict[str, Any] | None = None, *, to: str = "CP001", within_s: float = 3600
    ) -> int:
        """Orders something and gives its number."""
        order = read_order(action, json.dumps(payload or {}).encode())
        expires = self.services.clock() + timedelta(seconds=within_s)
        made = await self.queue.submit(
            order, action=action, charger=self.charger(to), requested_by="a test", expires=expires
        )
        return made.instruction_id

    async def ended(self, number: int) -> Instruction:
        """Waits for the end of an instruction and reads it from the disk."""
        await self.queue.wait_ended(number, self._patience_s)
        return await self.stored(number)

    async def stored(self, number: int) -> Instruction:
        """Reads an instruction from the disk."""
        (found,) = await self.store.read(lambda con: select_instructions(con, Instruction, number=number))
        return found

    async def until(self, number: int, state: str) -> None:
        """Waits until the disk shows a state."""
        with trio.fail_after(self._patience_s):
            while (await self.stored(number)).state != state:
                pass

    async def rows(self, sql: str) -> list[Any]:
        """Asks the live store."""
        return await self.store.read(lambda con: con.execute(sql).fetchall())

    @asynccontextmanager
    async def connected(self, identifier: str = "CP001", *, basic: bytes = BASIC) -> AsyncIterator[ChargePoint]:
        """Connects as a charger, and has not booted."""
        async with trio_websocket.open_websocket_url(
            f"ws://{self._address}/ocpp/j/v16/{identifier}",
            subprotocols=["ocpp1.6"],
            extra_headers=[(b"Authorization", basic)],
            connect_timeout=self._patience_s,
            disconnect_timeout=self._patience_s,
        ) as ws:
            try:
                yield ChargePoint(ws, self._patience_s)
            finally:
                await ws.aclose()
                await ws._stream.aclose()

    async def status_of_handshake(self, identifier: str = "CP001", *, basic: bytes = BASIC) -> int:
        """Dials as a charger does, and hangs up when it has its answer: 101 if it may come in."""
        host, _, port = self._address.rpartition(":")
        head = (
            f"GET /ocpp/j/v16/{identifier} HTTP/1.1\r\nHost: {self._address}\r\nUpgrade: websocket\r\n"
            "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
            f"Sec-WebSocket-Protocol: ocpp1.6\r\nAuthorization: {basic.decode()}\r\n\r\n"
        )
        with trio.fail_after(self._patience_s):
            stream = await trio.open_tcp_stream(host, int(port))
            async with stream:
                await stream.send_all(head.encode())
                return int((await stream.receive_some(4096)).split()[1])

    @asynccontextmanager
    async def booted(self, identifier: str = "CP001") -> AsyncIterator[ChargePoint]:
        """Connects and boots."""
        async with self.connected(identifier) as charge_point:
            await charge_point.boot()
            yield charge_point


@asynccontextmanager
async def telling(
    directory: Path, patience_s: float = PATIENCE_S, roster: Roster | None = None, **settings: Any
) -> AsyncIterator[Told]:
    """Runs a server that delivers, with chargers CP001 to CP003; its wall clock goes as Trio's does."""
    began = trio.current_time()
    fresh = not (directory / "solarocpp.duckdb").exists()

    def clock() -> datetime:
        return NOW + timedelta(seconds=trio.current_time() - began)

    config = Config(data_dir=directory, ocpp="127.0.0.1:0", **settings)
    store = open_store(directory, now=NOW)
    registry = Registry.load(store)
    central = CentralSystem(registry, Transactions(store.transactions(), store.store_id))
    services = Services(config, store, registry, central, Roster() if roster is None else roster, clock)
    queue = InstructionQueue(store, registry, clock)
    delivery = Delivery(queue, services.roster, registry, store, clock)
    async with trio.open_nursery() as nursery:
        await nursery.start(store.run)
        if fresh:
            for identifier in ("CP001", "CP002", "CP003"):
                await registry.add_charger(NewCharger(identifier=identifier), now=NOW)
            await registry.add_credential(NewCredential(username="depot", password="correct horse battery"), now=NOW)
        for charger in registry.chargers():
            registry.count_connectors(ConnectorsCounted(charger.charger_id, 2))  # so that nobody asks
        async with trio.open_nursery() as links:
            address = await nursery.start(Gateway(services).serve, links)
            await links.start(delivery.run)
            yield Told(services, address, queue, delivery, patience_s)
            links.cancel_scope.cancel()
        nursery.cancel_scope.cancel()
    store.close()
