"""Who follows live events goes on when the server is back: without loss, or told of it; over real sockets."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest
import trio
from litestar import Litestar

from solarocpp.cli.client import Api
from solarocpp.cli.options import Where
from solarocpp.errors import RequestRefused, Unreachable
from solarocpp.instructions import InstructionQueue
from solarocpp.registry import Registry
from solarocpp.store import Store, open_store
from solarocpp.store.effects import EventHappened
from solarocpp.web import make_app, serve

Stop = Callable[[], Awaitable[None]]
NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
TOKEN = "a token for tests"
REMOVED = b'401 Unauthorized\r\nContent-Type: application/json\r\n\r\n{"error": "no token", "kind": "unauthorized"}'
WAITED_FOR = "The server has ended this; it is waited for, until Ctrl-C.\n"


class Site:
    """A store, an API that comes and goes on one port, and somebody who follows its events."""

    def __init__(self, store: Store, nursery: trio.Nursery, http: httpx.AsyncClient) -> None:
        self.store = store
        self.registry = Registry.load(store)
        self.queue = InstructionQueue(store, self.registry, lambda: NOW)
        self.heard: list[str | None] = []
        self._news = trio.Event()
        self._nursery = nursery
        self._http = http
        self._bind = "127.0.0.1:0"

    def app(self) -> Litestar:
        """Makes the API as a process does at its start: it knows nothing of what another told."""
        return make_app(self.registry, self.store, clock=lambda: NOW, queue=self.queue)

    async def serve(self, app: Litestar, shown: str = TOKEN) -> Stop:
        """Has it served to whoever shows that token; gives what ends it, and all its connections."""
        scope, ended = trio.CancelScope(), trio.Event()

        async def run(*, task_status: trio.TaskStatus[str]) -> None:
            with scope:
                await serve(app, self._bind, shown, task_status=task_status)
            ended.set()

        async def stop() -> None:
            scope.cancel()
            await ended.wait()

        self.point_at(await self._nursery.start(run))
        return stop

    def point_at(self, address: str) -> None:
        """Has whoever follows ask there."""
        self._bind = address
        self._http.base_url = httpx.URL(f"http://{address}")

    async def follow(self) -> None:
        """Follows events until it is cancelled."""
        api = Api(self._http, Where(url=f"http://{self._bind}"))
        await api.listen("events", "stream", show=self._show, once_open=self._show_open, kinds="event")

    async def _show_open(self) -> None:
        self._show({"message": "open"})

    def _show(self, happening: dict[str, Any]) -> None:
        self.heard.append("lost" if happening.get("kind") == "lost" else happening["message"])
        self._news.set()
        self._news = trio.Event()

    async def happen(self, text: str) -> None:
        """Has something happen."""
        self.store.record(None, [EventHappened(NOW, "sample_odd", "CP001", text, {})])
        await self.store.settle()

    async def wait_heard(self, *texts: str) -> None:
        """Waits until just this was heard, from the beginning."""
        with trio.fail_after(60):
            while len(self.heard) < len(texts):
                await self._news.wait()
        assert self.heard == list(texts)


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Site]:
    store = open_store(tmp_path / "data", now=NOW)
    headers = {"Authorization": f"Bearer {TOKEN}"}
    async with trio.open_nursery() as nursery, httpx.AsyncClient(headers=headers, trust_env=False) as http:
        await nursery.start(store.run)
        yield Site(store, nursery, http)
        nursery.cancel_scope.cancel()
    store.close()


async def test_nothing_is_lost_that_the_server_still_has(site: Site, capsys: pytest.CaptureFixture[str]) -> None:
    """A proxy, a network or a laptop that slept: the server went on meanwhile."""
    app = site.app()
    async with trio.open_nursery() as nursery:
        stop = await site.serve(app)
        nursery.start_soon(site.follow)
        await site.wait_heard("open")
        await site.happen("one")
        await site.wait_heard("open", "one")
        await stop()
        await site.happen("two")
        await site.happen("three")
        await site.serve(app)
        await site.wait_heard("open", "one", "two", "three")
        await site.happen("four")
        await site.wait_heard("open", "one", "two", "three", "four")
        nursery.cancel_scope.cancel()
    assert capsys.readouterr().err == WAITED_FOR


async def test_what_ends_each_stream_at_once_is_asked_less_and_less_and_told_of_once(
    site: Site, nursery: trio.Nursery, capsys: pytest.CaptureFixture[str]
) -> None:
    """A proxy that has no server behind it any more, for one."""
    answers = iter([*[b"200 OK\r\nContent-Type: text/event-stream\r\n\r\n"] * 3, REMOVED])

    async def answer(stream: trio.SocketStream) -> None:
        async with stream:
            await stream.receive_some()
            await stream.send_all(b"HTTP/1.1 " + next(answers))

    listeners: list[trio.SocketListener] = await nursery.start(partial(trio.serve_tcp, answer, 0, host="127.0.0.1"))
    site.point_at(f"127.0.0.1:{listeners[0].socket.getsockname()[1]}")
    with pytest.raises(RequestRefused):
        await site.follow()
    assert capsys.readouterr().err == WAITED_FOR
    nursery.cancel_scope.cancel()


async def test_what_a_new_server_does_not_have_is_told_as_lost(site: Site, capsys: pytest.CaptureFixture[str]) -> None:
    """Once a loss, said once for each time the server went."""
    async with trio.open_nursery() as nursery:
        stop = await site.serve(site.app())
        nursery.start_soon(site.follow)
        await site.wait_heard("open")
        for restart in (1, 2):
            await stop()
            await site.happen("missed")
            stop = await site.serve(site.app())
            await site.wait_heard("open", *(restart * ["lost"]))
        nursery.cancel_scope.cancel()
    assert capsys.readouterr().err == 2 * WAITED_FOR


async def test_token_that_was_removed_ends_it(site: Site) -> None:
    """Nobody may wait for ever for what cannot come."""
    stop = await site.serve(site.app())
    with trio.fail_after(60), pytest.RaisesGroup(pytest.RaisesExc(RequestRefused, match="needs the header")):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(site.follow)
            await site.wait_heard("open")
            await stop()
            await site.serve(site.app(), shown="another")
            await trio.sleep_forever()


async def test_without_a_server_to_begin_with_there_is_nothing_to_wait_for(site: Site) -> None:
    stop = await site.serve(site.app())
    await stop()
    with pytest.raises(Unreachable, match="No server answers at"):
        await site.follow()
