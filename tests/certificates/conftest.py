"""An authority, founded at a fixed moment."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from solarocpp.certificates.authority import Authority


@pytest.fixture(scope="session")
def now() -> datetime:
    return datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.fixture(scope="session")
def authority(now: datetime) -> Authority:
    return Authority.found("site", now=now)
