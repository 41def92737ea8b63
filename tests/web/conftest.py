"""The API on a real socket, in front of a real store."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
import trio
from served import NOW, PATIENCE_S, TOKEN, FakeLink, Served

from solarocpp.instructions import InstructionQueue
from solarocpp.registry import Registry
from solarocpp.store import open_store
from solarocpp.web import make_app, serve


@pytest.fixture
async def api(tmp_path: Path) -> AsyncIterator[Served]:
    """A running API; `links` is the list of who is connected."""
    store = open_store(tmp_path / "data", now=NOW)
    registry = Registry.load(store)
    links: list[FakeLink] = []
    queue = InstructionQueue(store, registry, lambda: NOW)

    def connected() -> frozenset[int]:
        return frozenset(link.charger_id for link in links)

    app = make_app(registry, store, clock=lambda: NOW, queue=queue, links=lambda: links, connected=connected)
    async with trio.open_nursery() as nursery:
        await nursery.start(store.run)
        address = await nursery.start(serve, app, "127.0.0.1:0", TOKEN)
        headers = {"Authorization": f"Bearer {TOKEN}"}
        async with httpx.AsyncClient(
            base_url=f"http://{address}", headers=headers, trust_env=False, timeout=PATIENCE_S
        ) as http:
            yield Served(http, registry, store, links, app, queue)
        nursery.cancel_scope.cancel()
    store.close()
