"""What tests see of a gateway under test."""

from __future__ import annotations

import base64
import json
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import trio
import trio_websocket

from solarocpp.gateway import Gateway, Services
from solarocpp.store import Store

BASIC = "Basic " + base64.b64encode(b"depot:correct horse battery").decode()
WRONG = "Basic " + base64.b64encode(b"depot:wrong").decode()

PATIENCE_S = 60.0
"""What has not come by then will not; on a busy machine a crowd of argon2 hashes takes more than five seconds."""

HELLO = bytes.fromhex("16030100c8010000c40303") + bytes(32) + bytes.fromhex("0000021301010000")
"""The beginning of a TLS handshake."""

Trusting = Callable[..., ssl.SSLContext]
"""Makes a charger's context: it trusts the server, and shows a certificate with the names it is given, if any."""


def basic(username: str, password: str) -> str:
    """Writes an Authorization header."""
    return "Basic " + base64.b64encode(f"{username}:{password}".encode()).decode()


def handshake(target: str = "/ocpp/j/v16/CP001", authorization: str = BASIC, **headers: str) -> bytes:
    """Writes a request head; a header given as "" is left out, others come besides the usual ones or replace them."""
    lines = {
        "Host": "x",
        "Upgrade": "websocket",
        "Connection": "Upgrade",
        "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
        "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Protocol": "ocpp1.6",
        "Authorization": authorization,
    } | {name.replace("_", "-"): value for name, value in headers.items()}
    written = "".join(f"{name}: {value}\r\n" for name, value in lines.items() if value)
    return f"GET {target} HTTP/1.1\r\n{written}\r\n".encode("latin-1")


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

    async def dial(self, context: ssl.SSLContext | None = None, name: str = "127.0.0.1") -> trio.abc.Stream:
        """Opens a TCP stream, or a TLS one to `name`."""
        host, _, port = self.address.rpartition(":")
        tcp = await trio.open_tcp_stream(host, int(port))
        return tcp if context is None else trio.SSLStream(tcp, context, server_hostname=name, https_compatible=True)

    async def answer(self, raw: bytes, context: ssl.SSLContext | None = None, *, ends: bool = False) -> bytes:
        """Sends bytes and returns what comes back: all until the server closes, or the head where it lets us in.

        With `ends` it says that nothing more will come.
        """
        received = b""
        with trio.fail_after(PATIENCE_S):
            async with await self.dial(context) as stream:
                await stream.send_all(raw)
                if ends and isinstance(stream, trio.SocketStream):
                    await stream.send_eof()
                while data := await stream.receive_some(4096):
                    received += data
                    if received.startswith(b"HTTP/1.1 101 ") and b"\r\n\r\n" in received:
                        break
        return received

    async def events(self, *keys: str) -> list[tuple[Any, ...]]:
        """Tells what was refused: the event's name, identifier and account, and some of its data, oldest first."""
        rows = await self.rows(
            "SELECT name, identifier, \"accountId\", data::VARCHAR FROM event WHERE list_contains(tags, 'forbidden') "
            "ORDER BY created, rowid"
        )
        return [(*row[:3], *(json.loads(row[3]).get(key) for key in keys)) for row in rows]

    async def rows(self, sql: str) -> list[Any]:
        """Asks the live store."""
        return await self.store.read(lambda con: con.execute(sql).fetchall())


async def exchange(ws: trio_websocket.WebSocketConnection, frame: list[Any]) -> list[Any]:
    """Sends one frame, returns the next one."""
    await ws.send_message(json.dumps(frame))
    with trio.fail_after(PATIENCE_S):
        return json.loads(await ws.get_message())


async def status(server: Server, target: str = "/ocpp/j/v16/CP001", authorization: str = BASIC, **headers: str) -> int:
    """Tries to connect; gives the status of the answer."""
    answer = await server.answer(handshake(target, authorization, **headers))
    return int(answer.split(b" ", 2)[1])
