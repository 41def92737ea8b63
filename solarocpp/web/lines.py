"""Answers of long work, as lines of JSON: one whenever it got further, the last with what became of it.

    {"step": "datum", "done": 3, "total": 365}
    {"result": [...]}    or    {"error": TEXT, "kind": KIND}, as `failures` has it

Whoever asked may go away: then the work is cancelled, for nobody would hear of it. What goes wrong before the
first line is answered as any other request's failure, with its status.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final

import msgspec
import trio
from litestar import Request
from litestar.exceptions import ClientException
from litestar.types import ASGIApp, Receive, Scope, Send

from solarocpp.web.failures import answer_failure

# Often enough for a bar to move; a line for each of a hundred small files a second would cost more than they.
REPORT_EVERY_S: Final = 0.2

Report = Callable[[str, int, int], Awaitable[None]]
"""Tells which step the work is at, how much of it is done, and of how much."""

Work = Callable[[Report], Awaitable[object]]
"""Does it, and gives what becomes the `result`."""

_ENCODER: Final = msgspec.json.Encoder(enc_hook=str)


class Turn:
    """Lets one at a time do a kind of work."""

    def __init__(self, what: str) -> None:
        self._what = what
        self._taken = False

    @contextmanager
    def take(self) -> Iterator[None]:
        """Takes the turn for as long as the block runs.

        Raises:
            ClientException: somebody else has it (409).
        """
        if self._taken:
            raise ClientException(f"{self._what} is under way. Try again when it is done.", status_code=409)
        self._taken = True
        try:
            yield
        finally:
            self._taken = False


def answer_in_lines(request: Request[Any, Any, Any], turn: Turn, work: Work) -> ASGIApp:
    """Makes the answer that does `work`, alone in its kind, and tells how far it is."""

    async def answer(_scope: Scope, receive: Receive, send: Send) -> None:
        lines = _Lines(send)
        failure: Exception | None = None
        with turn.take():
            async with trio.open_nursery() as nursery:
                nursery.start_soon(_cancel_when_gone, receive, nursery.cancel_scope)
                try:
                    await lines.end({"result": await work(lines.report)})
                except Exception as exc:  # noqa: BLE001 it is answered as any other, below
                    failure = exc
                nursery.cancel_scope.cancel()
        if failure is None:
            return
        if not lines.begun:
            raise failure
        await lines.end(answer_failure(request, failure).content)

    return answer


class _Lines:
    """The body of the answer; it begins with the first line, so that a refusal can still have its status."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self._next_report = 0.0
        self.begun = False

    async def report(self, step: str, done: int, total: int) -> None:
        """Is the `Report` that the work is given."""
        if trio.current_time() >= self._next_report or done == total:
            self._next_report = trio.current_time() + REPORT_EVERY_S
            await self._write({"step": step, "done": done, "total": total}, more=True)

    async def end(self, content: object) -> None:
        """Writes the last line."""
        await self._write(content, more=False)

    async def _write(self, content: object, *, more: bool) -> None:
        if not self.begun:
            self.begun = True
            headers = [(b"content-type", b"application/x-ndjson"), (b"cache-control", b"no-store")]
            await self._send({"type": "http.response.start", "status": 200, "headers": headers})
        body = _ENCODER.encode(content) + b"\n"
        await self._send({"type": "http.response.body", "body": body, "more_body": more})


async def _cancel_when_gone(receive: Receive, scope: trio.CancelScope) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
    scope.cancel()
