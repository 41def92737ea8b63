"""The gateway's own listener and WebSocket layer without OCPP: whatever comes goes back. For conformance suites.

    python tests/bench/echo.py --port 9001
    kosoku 127.0.0.1:9001 -i '1.*' -i '2.*' -i '3.*' -i '4.*' -i '5.*' -i '6.*' -i '7.*' -i '10.*'

Sections 9, 12 and 13 send messages of 8 MiB and more, which are closed with 1009 here.
"""

from __future__ import annotations

import argparse
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import trio

from solarocpp.config import Config
from solarocpp.gateway.door import DoorBook
from solarocpp.gateway.listener import Listener
from solarocpp.gateway.opening import Arrival
from solarocpp.gateway.tls import TlsKeeper
from solarocpp.gateway.websocket import WebSocket


class Echo:
    """Sends back what it hears."""

    def __init__(self, arrival: Arrival, config: Config) -> None:
        self.arrival = arrival
        self.websocket = WebSocket(arrival.stream, self, config, arrival.early)

    async def run(self) -> None:
        """Runs one connection to its end."""
        assert self.arrival.head is not None, self.arrival.refusal
        headers = self.arrival.head.headers
        try:
            await self.websocket.run(headers["sec-websocket-key"], None, headers.get("sec-websocket-extensions", ""))
        finally:
            await self.websocket.finish()

    def opened(self) -> None:
        """Has nothing to prepare."""

    def hear(self, text: str) -> None:
        """Sends text back."""
        self.websocket.send_text(text.encode())

    def hear_bytes(self, data: bytes) -> None:
        """Sends bytes back."""
        self.websocket.send_bytes(data)


async def serve_echo(config: Config, *, task_status: trio.TaskStatus[str] = trio.TASK_STATUS_IGNORED) -> None:
    """Serves until cancelled; reports the bound address through `task_status`."""
    book = DoorBook(lambda _: None, lambda: datetime(2026, 1, 1, tzinfo=UTC))  # who is not let in is told to nobody
    listener = Listener(config, TlsKeeper(config), book, lambda arrival: Echo(arrival, config).run())
    async with trio.open_nursery() as links:
        task_status.started(await links.start(listener.serve, links))


def main() -> None:
    """Reads the flags and serves."""
    flags = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    flags.add_argument("--port", type=int, default=9001)
    flags.add_argument("--receive-path", choices=["lean", "stock"], default="lean")
    flags.add_argument("--permessage-deflate", action="store_true")
    flags.add_argument("--tls-cert", type=Path)
    flags.add_argument("--tls-key", type=Path)
    given = vars(flags.parse_args())
    trio.run(partial(serve_echo, Config(ocpp=f"127.0.0.1:{given.pop('port')}", **given)))


if __name__ == "__main__":
    main()
