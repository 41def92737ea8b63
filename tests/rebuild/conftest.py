"""Fixtures: a store that can be told a story."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from told import Told


@pytest.fixture
def told(tmp_path: Path) -> Iterator[Told]:
    story = Told(tmp_path / "data")
    yield story
    story.store.close()
