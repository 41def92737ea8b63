"""Fixtures of the store's tests: a real store in a folder of its own."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from stored import T, running

from solarocpp.store import Store, open_store


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    """A store that runs."""
    async with running(tmp_path) as running_store:
        yield running_store


@pytest.fixture
def resting(tmp_path: Path) -> Iterator[Store]:
    """A store that is open and does not run: what is projected is there at once."""
    opened = open_store(tmp_path, now=T)
    yield opened
    opened.close()
