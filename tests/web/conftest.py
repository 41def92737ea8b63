"""The API on a real socket, in front of a real store."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from served import Served, serving


@pytest.fixture
async def api(tmp_path: Path) -> AsyncIterator[Served]:
    """A running API, with the limits it has for everybody."""
    async with serving(tmp_path) as api:
        yield api
