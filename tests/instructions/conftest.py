"""A server that delivers, on a real socket with a real store."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from instructed import Told, telling


@pytest.fixture
async def told(tmp_path: Path) -> AsyncIterator[Told]:
    """A server whose chargers have 5 s to answer."""
    async with telling(tmp_path / "data", call_deadline_s=5.0) as parts:
        yield parts
