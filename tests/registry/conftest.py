"""A registry on a real store."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
import trio

from solarocpp.registry import Registry
from solarocpp.store import Store, open_store

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


@pytest.fixture
async def store(tmp_path: Path, nursery: trio.Nursery) -> AsyncIterator[Store]:
    """A store on a fresh directory; `registry` runs it, since loading comes first."""
    del nursery
    store = open_store(tmp_path / "data", now=NOW)
    yield store
    store.close()


@pytest.fixture
async def registry(store: Store) -> AsyncIterator[Registry]:
    """A registry as a server has it: loaded, then the store runs."""
    registry = Registry.load(store)
    async with trio.open_nursery() as nursery:
        await nursery.start(store.run)
        yield registry
        nursery.cancel_scope.cancel()
