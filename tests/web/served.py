"""What the tests of the API hold on to."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import NamedTuple
from uuid import UUID

import httpx
import msgspec
from litestar import Litestar

from solarocpp.instructions import InstructionQueue
from solarocpp.registry import Registry
from solarocpp.store import Store

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
