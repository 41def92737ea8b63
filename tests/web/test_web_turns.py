"""Requests that come at once begin one by one, so that whoever shares their thread gets a word in between."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import pairwise
from typing import Any, cast

import trio
from litestar.types import Receive, Scope, Send

from solarocpp.web.gate import Gate

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


class Nobody:
    """A registry without tokens."""

    def token_by_text(self, text: str) -> None:
        del text

    def token_by_number(self, number: str) -> None:
        del number


async def test_a_charger_gets_its_word_in_between_requests_that_come_at_once() -> None:
    """All in one turn of the loop would hold up every charger for as long as all of them take."""
    order: list[str] = []

    async def route(scope: Scope, receive: Receive, send: Send) -> None:
        del scope, receive, send
        order.append("request")

    async def charger() -> None:
        while order.count("request") < 5:
            order.append("charger")
            await trio.lowlevel.checkpoint()

    async def unused(*_: Any) -> Any:
        raise AssertionError

    gate = Gate(route, "admin", Nobody(), lambda: NOW)
    scope = {"type": "http", "path": "/api/chargers", "headers": [(b"authorization", b"Bearer admin")]}
    async with trio.open_nursery() as nursery:
        for _ in range(5):
            nursery.start_soon(gate.app, cast("Scope", dict(scope)), cast("Receive", unused), cast("Send", unused))
        nursery.start_soon(charger)
    at = [place for place, who in enumerate(order) if who == "request"]
    assert len(at) == 5
    assert all("charger" in order[one:other] for one, other in pairwise(at))


async def test_a_request_that_waits_keeps_nobody_from_beginning() -> None:
    """Live events and questions that wait for an answer go on for minutes."""
    waiting = trio.Event()
    begun: list[str] = []

    async def route(scope: Scope, receive: Receive, send: Send) -> None:
        del receive, send
        begun.append(scope["path"])
        if scope["path"] == "/first":
            await waiting.wait()
        waiting.set()

    async def unused(*_: Any) -> Any:
        raise AssertionError

    gate = Gate(route, "admin", Nobody(), lambda: NOW)
    with trio.fail_after(10):
        async with trio.open_nursery() as nursery:
            for path in ("/first", "/second"):
                scope = {"type": "http", "path": path, "headers": [(b"authorization", b"Bearer admin")]}
                nursery.start_soon(gate.app, cast("Scope", scope), cast("Receive", unused), cast("Send", unused))
                await trio.testing.wait_all_tasks_blocked()
    assert begun == ["/first", "/second"]
