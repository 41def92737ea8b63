"""The hostile list through the third door: a DuckDB client that is attached by quack."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import duckdb
import pytest
from hostile import BOUNDED, REFUSED

from solarocpp.query.quack import load_extensions

if TYPE_CHECKING:
    from conftest import Cli, Serve

pytestmark = pytest.mark.slow  # each bounded statement runs to its limit

LIMIT_S = 0.5


def test_by_quack(tmp_path: Path, running_server: Serve, solarocpp_cli: Cli) -> None:
    """In a text for `solar.query()` a statement reaches the server as it stands, whatever the client thinks of it."""
    data = tmp_path / "data"
    solarocpp_cli(data, "charger", "add", "CP001")
    with running_server(data, "--quack", "127.0.0.1:0", "--sql-deadline-s", str(LIMIT_S)) as server:
        before = sorted(path.name for path in data.iterdir())
        with duckdb.connect() as con:
            load_extensions(con)
            con.execute(f"ATTACH 'quack:{server.quack}' AS solar (TOKEN '{server.token}')")
            passed = [hostile for hostile in REFUSED if tried(con, hostile.sql) is None]
            assert passed == []
            for hostile in BOUNDED:
                reason = tried(con, hostile.sql)
                assert reason is None or "server failed" not in reason, hostile
            assert con.execute("FROM solar.query('SELECT identifier FROM charger')").fetchall() == [("CP001",)]
            assert con.execute("SELECT count(*) FROM solar.node").fetchall() == [(1,)]
        assert sorted(path.name for path in data.iterdir()) == before


def tried(con: duckdb.DuckDBPyConnection, statement: str) -> str | None:
    """Asks, and takes ten rows; tells why not, or None."""
    text = statement.replace("'", "''")
    try:
        con.execute(f"FROM solar.query('{text}')").fetchmany(10)
    except duckdb.Error as exc:
        return str(exc)
    return None
