"""A question that many ask at once is answered once for all of them, so that pollers cost as much as one of them.

Fifty displays that ask for the running sessions each second would have DuckDB plan and read the same fifty times, on
the processors that answer chargers. So a question waits while the same is being answered, and whoever asks the same
meanwhile gets the answer of that next turn: it began after they asked, so it is never older than their question.
"""

from __future__ import annotations

from typing import Any, Final

import trio
from litestar.types import ASGIApp, Receive, Scope, Send

from solarocpp.web.access import ACCOUNT_HEADER, caller_of

SHARED_PATHS: Final = frozenset(
    {
        "/api/chargers",
        "/api/clocks",
        "/api/datums",
        "/api/links",
        "/api/readings",
        "/api/sessions",
        "/api/status",
        "/metrics",
    }
)
"""Questions about the present or the past, which programs poll. Their answers are made as a whole, not streamed."""

# What an answer depends on, beside who asks and where.
_HEADERS: Final = frozenset({b"accept", ACCOUNT_HEADER.lower().encode()})


class _Turn:
    """One answer, for all who wait for it."""

    def __init__(self) -> None:
        self.over = trio.Event()
        self.messages: list[Any] | None = None
        """None: whoever was to ask has gone, or failed."""


class Sharing:
    """Answers equal questions together; `app` is the ASGI app."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._waiting: dict[object, _Turn] = {}
        """By question, the turn that has not begun: whoever asks may join."""
        self._asking: dict[object, trio.Lock] = {}

    async def app(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers one request, with others like it if there are any."""
        asked: Any = scope
        if asked.get("method") != "GET" or asked["path"] not in SHARED_PATHS:
            await self._app(scope, receive, send)
            return
        headers = frozenset((name.lower(), text) for name, text in asked["headers"] if name.lower() in _HEADERS)
        question = (asked["path"], asked["query_string"], headers, caller_of(scope))
        for message in await self._answer(question, scope, receive):
            await send(message.copy())  # whoever adds a header adds it for one

    async def _answer(self, question: object, scope: Scope, receive: Receive) -> list[Any]:
        while (turn := self._waiting.get(question)) is not None:
            await turn.over.wait()
            if turn.messages is not None:
                return turn.messages
        turn = self._waiting[question] = _Turn()
        lock = self._asking.setdefault(question, trio.Lock())
        try:
            async with lock:
                del self._waiting[question]  # who asks from now on could get what is older than the question
                turn.messages = await self._ask(scope, receive)
                return turn.messages
        finally:
            if self._waiting.get(question) is turn:
                del self._waiting[question]
            if question not in self._waiting and not lock.locked():
                self._asking.pop(question, None)
            turn.over.set()

    async def _ask(self, scope: Scope, receive: Receive) -> list[Any]:
        messages: list[Any] = []

        async def keep(message: Any) -> None:
            messages.append(message)
            await trio.lowlevel.checkpoint()

        await self._app(scope, receive, keep)
        return messages
