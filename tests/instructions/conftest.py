"""A server that delivers, on a real socket with a real store."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
import trio
from instructed import Told, telling

from solarocpp.instructions import LocalLists
from solarocpp.web import make_app, serve


@pytest.fixture
async def told(tmp_path: Path) -> AsyncIterator[Told]:
    """A server whose chargers have 5 s to answer."""
    async with telling(tmp_path / "data", call_deadline_s=5.0) as parts:
        yield parts


@pytest.fixture
async def desk(told: Told) -> AsyncIterator[httpx.AsyncClient]:
    """The API of that server, for whoever holds its own token."""
    services = told.services
    # Changes of id tags need not settle here.
    lists = LocalLists(services.store, services.registry, told.queue, services.roster, services.clock, settle_s=0.0)
    app = make_app(
        services.registry,
        services.store,
        clock=services.clock,
        queue=told.queue,
        links=services.roster.links,
        connected=services.roster.connected,
        lists=lists,
    )
    async with trio.open_nursery() as nursery:
        await nursery.start(lists.run)
        address = await nursery.start(serve, app, "127.0.0.1:0", "the-token")
        headers = {"Authorization": "Bearer the-token"}
        async with httpx.AsyncClient(base_url=f"http://{address}/api", headers=headers, trust_env=False) as http:
            yield http
        nursery.cancel_scope.cancel()
