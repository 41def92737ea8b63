"""What tests see of a gateway under test."""

from __future__ import annotations

import base64
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import trio
import trio_websocket

from solarocpp.gateway import Gateway, Services
from solarocpp.store import Store

BASIC = "Basic " + base64.b64encode(b"depot:correct horse battery").decode()


class Server:
    """What a test sees of the gateway."""

    def __init__(self, services: Services, address: str, gateway: Gateway) -> None:
        self.services = services
        self.address = address
        self.gateway = gateway

    @property
    def store(self) -> Store:
        return self.services.store

    @asynccontextmanager
    async def connect(self, identifier: str = "CP001") -> AsyncIterator[trio_websocket.WebSocketConnection]:
        """Opens a WebSocket as a charge point does."""
        async with trio_websocket.open_websocket_url(
            f"ws://{self.address}/ocpp/j/v16/{identifier}",
            subprotocols=["ocpp1.6"],
            extra_headers=[(b"Authorization", BASIC.encode())],
        ) as ws:
            try:
                yield ws
            finally:
                await ws.aclose()
                await ws._stream.aclose()  # the library leaves it open where the other end closed first

    async def raw(self, identifier: str = "CP001", *, head: str | None = None) -> trio.SocketStream:
        """Opens a TCP stream and sends a request head; the test does the rest by hand."""
        host, _, port = self.address.rpartition(":")
        stream = await trio.open_tcp_stream(host, int(port))
        if head is None:
            head = (
                f"GET /ocpp/j/v16/{identifier} HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
                f"Sec-WebSocket-Protocol: ocpp1.6\r\nAuthorization: {BASIC}\r\n\r\n"
            )
        await stream.send_all(head.encode("latin-1"))
        return stream

    async def rows(self, sql: str) -> list[Any]:
        """Asks the live store."""
        return await self.store.read(lambda con: con.execute(sql).fetchall())


async def exchange(ws: trio_websocket.WebSocketConnection, frame: list[Any]) -> list[Any]:
    """Sends one frame, returns the next one."""
    await ws.send_message(json.dumps(frame))
    with trio.fail_after(5):
        return json.loads(await ws.get_message())
