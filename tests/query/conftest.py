"""Stores to ask questions of, filled the way the store itself fills its tables: with effects."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import duckdb
import pytest

import solarocpp.query as q
from solarocpp.store import open_store
from solarocpp.store.effects import Effect

NOW = datetime(2026, 1, 1, tzinfo=UTC)

Fill = Callable[..., duckdb.DuckDBPyConnection]


@pytest.fixture
def filled(tmp_path: Path) -> Iterator[Fill]:
    """Makes a store of effects (and of SQL, for what has no effect), and opens it as an analyst does."""
    opened: list[duckdb.DuckDBPyConnection] = []

    def fill(effects: Sequence[Effect] = (), *, sql: str = "") -> duckdb.DuckDBPyConnection:
        with closing(open_store(tmp_path, now=NOW)) as store:
            if sql:
                store.write_now(lambda con: con.execute(sql))
            store.project_tail([(0, effects)])
        opened.append(q.open(tmp_path))
        return opened[-1]

    yield fill
    for con in opened:
        con.close()
