"""What the tests of the API hold on to."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple
from uuid import UUID

import httpx
import msgspec
import trio
from litestar import Litestar

from solarocpp.instructions import InstructionQueue
from solarocpp.registry import Registry
from solarocpp.store import Store, open_store
from solarocpp.web import make_app, serve
from solarocpp.web.serving import STUCK_S

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
TOKEN = "a token for tests"
PATIENCE_S = 60.0
"""Readers have a processor while nobody else wants it: on a busy machine a question takes longer than httpx waits."""


class FakeLink(msgspec.Struct, frozen=True, rename="camel"):
    """What the gateway says of a link, as far as the API looks."""

    charger_id: int
    identifier: str
    account_id: int = 1
    reached: str = "192.168.1.5"
    peer: str = "192.0.2.7:50000"
    link_id: UUID = UUID(int=7)
    since: datetime = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


class Served(NamedTuple):
    """The API as a program meets it, and what is behind it."""

    http: httpx.AsyncClient
    registry: Registry
    store: Store
    links: list[FakeLink]
    app: Litestar
    queue: InstructionQueue

    def as_caller(self, token: str, **headers: str) -> httpx.AsyncClient:
        """The same API for somebody with another token."""
        shown = {"Authorization": f"Bearer {token}", **headers}
        return httpx.AsyncClient(
            base_url=self.http.base_url,
            headers=shown,
            trust_env=False,
            timeout=PATIENCE_S,
            verify=False,  # noqa: S501 plain HTTP, and whom to trust takes 50 ms to read for each of them
        )


def usual(store: Store) -> dict[str, Any]:
    """Leaves every part of the app as it is for everybody."""
    return {}


@asynccontextmanager
async def serving(
    tmp_path: Path, parts: Callable[[Store], dict[str, Any]] = usual, stuck_s: float = STUCK_S
) -> AsyncIterator[Served]:
    """Runs an API with `parts` of its own; `links` is the list of who is connected."""
    store = open_store(tmp_path / "data", now=NOW)
    registry = Registry.load(store)
    links: list[FakeLink] = []
    queue = InstructionQueue(store, registry, lambda: NOW)

    def connected() -> frozenset[int]:
        return frozenset(link.charger_id for link in links)

    app = make_app(
        registry, store, clock=lambda: NOW, queue=queue, links=lambda: links, connected=connected, **parts(store)
    )
    async with trio.open_nursery() as nursery:
        await nursery.start(store.run)
        address = await nursery.start(partial(serve, stuck_s=stuck_s), app, "127.0.0.1:0", TOKEN)
        headers = {"Authorization": f"Bearer {TOKEN}"}
        async with httpx.AsyncClient(
            base_url=f"http://{address}",
            headers=headers,
            trust_env=False,
            timeout=PATIENCE_S,
            verify=False,  # noqa: S501 as in `as_caller`
        ) as http:
            yield Served(http, registry, store, links, app, queue)
        nursery.cancel_scope.cancel()
    store.close()
