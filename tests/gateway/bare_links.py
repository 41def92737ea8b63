"""Links without a door: admitted by the test itself, over memory streams, so that time may be the test's own."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import trio
import trio.testing
from gateway_server import Server

from solarocpp.gateway.connection import Link
from solarocpp.gateway.handshake import Admitted, Claim
from solarocpp.gateway.peers import Peer

NEARBY = Peer("192.168.1.20", 4711)
STRANGER = Peer("8.8.8.8", 4711)


def admitted(server: Server, reached: int = 1, **claimed: Any) -> Admitted:
    """An admission of CP001; with a credential where a password is how it proved itself."""
    registry = server.services.registry
    claim = Claim("CP001", "depot", b"", "ocpp1.6", "dGhlIHNhbXBsZSBub25jZQ==", **claimed)
    return Admitted(registry.charger(1), registry.credential("depot") if reached in {1, 2} else None, claim, reached)


@asynccontextmanager
async def linked(
    server: Server, admission: Admitted | None = None, peer: Peer = NEARBY
) -> AsyncIterator[trio.abc.Stream]:
    """Runs a link; gives the charge point's end, past the handshake."""
    client, transport = trio.testing.memory_stream_pair()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(Link(server.services, admission or admitted(server), transport, peer).run)
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            head += await client.receive_some(1)
        yield client
        await client.aclose()
