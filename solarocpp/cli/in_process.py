"""Calls the app in this process as if it were a server, answers handed over piece by piece.

httpx has a transport for that, which keeps an answer until it is whole: ten million rows of CSV, in a
command that only passes them on.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import httpx
import trio

App = Callable[[Any, Any, Any], Awaitable[None]]
"""An ASGI app; its messages are dictionaries."""


class AppTransport(httpx.AsyncBaseTransport):
    """Runs `app` for each request, in a nursery that outlives them all.

    A request whose answer is not read to its end must be closed, as httpx does; its run ends then.
    """

    def __init__(self, app: App, nursery: trio.Nursery) -> None:
        self._app = app
        self._nursery = nursery

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Is called by httpx for each request."""
        call = _Call(_scope(request), await request.aread())
        self._nursery.start_soon(call.run, self._app)
        start = await call.begin()
        return httpx.Response(start["status"], headers=start["headers"], stream=call)


class _Call(httpx.AsyncByteStream):
    """One request on its way: the body of its answer for httpx, and both ends of ASGI for the app."""

    def __init__(self, scope: Any, body: bytes) -> None:
        self._scope = scope
        self._asked: list[dict[str, Any]] = [{"type": "http.request", "body": body, "more_body": False}]
        self._giving, self._taking = trio.open_memory_channel[Any](0)
        self._left = trio.Event()
        self._whole = False
        self._failure: Exception | None = None

    async def run(self, app: App) -> None:
        """Answers; what goes wrong is told to whoever reads the answer."""
        with self._giving:
            try:
                await app(self._scope, self._receive, self._giving.send)
            except Exception as exc:  # noqa: BLE001 it is raised again in the task that reads
                self._failure = exc

    async def begin(self) -> Any:
        """Waits for the head of the answer."""
        try:
            return await self._taking.receive()
        except trio.EndOfChannel:
            raise httpx.ReadError(self._reason()) from self._failure

    async def __aiter__(self) -> AsyncIterator[bytes]:
        async for message in self._taking:
            yield message.get("body", b"")
            self._whole = not message.get("more_body", False)
        if not self._whole:
            raise httpx.RemoteProtocolError(self._reason()) from self._failure

    async def aclose(self) -> None:
        """Nobody reads on."""
        self._left.set()
        self._taking.close()

    async def _receive(self) -> dict[str, Any]:
        if self._asked:
            return self._asked.pop()
        await self._left.wait()
        return {"type": "http.disconnect"}

    def _reason(self) -> str:
        cause = self._failure and (self._failure.__cause__ or self._failure)
        return str(cause) if cause else "the answer broke off"


def _scope(request: httpx.Request) -> dict[str, Any]:
    return {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": request.method,
        "headers": [(name.lower(), value) for name, value in request.headers.raw],
        "scheme": request.url.scheme,
        "path": request.url.path,
        "raw_path": request.url.raw_path.partition(b"?")[0],
        "query_string": request.url.query,
        "server": (request.url.host, request.url.port),
        "client": None,
        "root_path": "",
    }
