"""Equal questions that are asked at once: answered together, and none with what is older than it."""

from __future__ import annotations

from typing import Any, cast

import trio
from litestar.types import Receive, Scope, Send

from solarocpp.web.access import Caller, with_caller
from solarocpp.web.sharing import Sharing


class Site:
    """An app that counts how often it is asked, and answers once it may."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.may_answer = trio.Event()
        self.sharing = Sharing(self._app)

    async def _app(self, scope: Scope, receive: Receive, send: Send) -> None:
        del receive
        asked: Any = scope
        self.asked.append(f"{asked['path']}?{asked['query_string'].decode()}")
        number = len(self.asked)
        await self.may_answer.wait()
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"%d" % number, "more_body": False})

    async def ask(
        self,
        path: str = "/api/sessions",
        *,
        query: bytes = b"",
        account: int = 1,
        method: str = "GET",
        accept: str = "",
    ) -> bytes:
        """Asks, and gives the body of the answer."""
        headers = [(b"accept", accept.encode())] if accept else []
        request = {"type": "http", "method": method, "path": path, "query_string": query, "headers": headers}
        scope = with_caller(cast("Scope", request), Caller(account, whole_box=False))
        told: list[Any] = []

        async def keep(message: Any) -> None:
            told.append(message)

        async def unused() -> Any:
            raise AssertionError

        await self.sharing.app(scope, cast("Receive", unused), cast("Send", keep))
        assert [message["type"] for message in told] == ["http.response.start", "http.response.body"]
        return cast("bytes", told[1]["body"])


async def gather(site: Site, *questions: dict[str, Any]) -> list[bytes]:
    """Asks one after the other without waiting for answers, then lets them come."""
    answers = [b""] * len(questions)

    async def one(at: int) -> None:
        answers[at] = await site.ask(**questions[at])

    async with trio.open_nursery() as nursery:
        for at in range(len(questions)):
            nursery.start_soon(one, at)
            await trio.testing.wait_all_tasks_blocked()
        site.may_answer.set()
    return answers


async def test_those_who_ask_meanwhile_share_the_next_answer() -> None:
    """The first is being answered already: what it gets may be older than the others' questions."""
    site = Site()
    assert await gather(site, *[{}] * 50) == [b"1", *[b"2"] * 49]
    assert len(site.asked) == 2
    assert await site.ask() == b"3"


async def test_other_questions_have_their_own_answers() -> None:
    site = Site()
    others: list[dict[str, Any]] = [
        {"query": b"active=true"},
        {"account": 2},
        {"accept": "text/csv"},
        {"path": "/api/links"},
    ]
    assert await gather(site, {}, *others) == [b"1", b"2", b"3", b"4", b"5"]


async def test_what_changes_something_or_goes_on_is_never_shared() -> None:
    site = Site()
    alone: list[dict[str, Any]] = [
        *[{"method": "POST"}] * 3,
        *[{"path": "/api/events/stream"}] * 3,
    ]
    assert await gather(site, *alone) == [b"1", b"2", b"3", b"4", b"5", b"6"]


async def test_somebody_who_goes_leaves_the_question_to_the_others() -> None:
    site = Site()
    answers: list[bytes] = []

    async def others() -> None:
        answers.append(await site.ask())

    async with trio.open_nursery() as nursery:
        nursery.start_soon(others)
        await trio.testing.wait_all_tasks_blocked()
        leader = trio.CancelScope()

        async def goes() -> None:
            with leader:
                await site.ask()

        nursery.start_soon(goes)
        await trio.testing.wait_all_tasks_blocked()
        nursery.start_soon(others)
        nursery.start_soon(others)
        await trio.testing.wait_all_tasks_blocked()
        leader.cancel()
        await trio.testing.wait_all_tasks_blocked()
        site.may_answer.set()
    assert answers == [b"1", b"2", b"2"]
