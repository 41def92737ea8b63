"""The gateway's own WebSocket layer without OCPP: whatever comes goes back. For conformance suites.

python tests/bench/echo.py --port 9001
kosoku 127.0.0.1:9001 -i '1.*' -i '2.*' -i '3.*' -i '4.*' -i '5.*' -i '6.*' -i '7.*' -i '10.*'
"""

from __future__ import annotations

import argparse
from functools import partial

import trio

from solarocpp.config import Config
from solarocpp.gateway.request_head import RequestHead, read_head
from solarocpp.gateway.websocket import WebSocket


class Echo:
    """Sends back what it hears."""

    def __init__(self, stream: trio.abc.Stream, config: Config, early: bytes) -> None:
        self.websocket = WebSocket(stream, self, config, early)

    async def run(self, head: RequestHead) -> None:
        """Runs one connection to its end."""
        headers = head.headers
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

    async def handle(stream: trio.SocketStream) -> None:
        async with stream:
            raw = b""
            while b"\r\n\r\n" not in raw:
                data = await stream.receive_some(4096)
                if not data:
                    return
                raw += data
            raw, _, early = raw.partition(b"\r\n\r\n")
            await Echo(stream, config, early).run(read_head(raw))

    listeners = await trio.open_tcp_listeners(config.ocpp_address.port, host=config.ocpp_address.host)
    task_status.started(f"127.0.0.1:{listeners[0].socket.getsockname()[1]}")
    await trio.serve_listeners(handle, listeners)


def main() -> None:
    """Reads the flags and serves."""
    flags = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    flags.add_argument("--port", type=int, default=9001)
    flags.add_argument("--receive-path", choices=["lean", "stock"], default="lean")
    flags.add_argument("--permessage-deflate", action="store_true")
    given = flags.parse_args()
    config = Config(
        ocpp=f"127.0.0.1:{given.port}",
        receive_path=given.receive_path,
        permessage_deflate=given.permessage_deflate,
    )
    trio.run(partial(serve_echo, config))


if __name__ == "__main__":
    main()
