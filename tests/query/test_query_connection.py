"""Opening a data directory: what an analyst gets, and what they are told when they get nothing."""

from __future__ import annotations

import json
import subprocess
import sys
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import duckdb
import pytest

import solarocpp.query as q
from solarocpp.errors import StoreError, StoreLocked
from solarocpp.store import open_store

NOW = datetime(2026, 1, 1, tzinfo=UTC)

# Holds the store until its input ends.
HOLDER = """
import sys, duckdb
with duckdb.connect(sys.argv[1]):
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def data(tmp_path: Path) -> Path:
    open_store(tmp_path, now=NOW).close()
    return tmp_path


def test_directory_and_file_open_alike_read_only_and_in_utc(data: Path) -> None:
    for path in (data, str(data), data / "solarocpp.duckdb"):
        with q.open(path) as con:
            assert con.sql('SELECT "nodeId", created FROM node').fetchall() == [(1, NOW)]
            assert con.sql("SELECT current_setting('TimeZone')").fetchall() == [("UTC",)]
            with pytest.raises(duckdb.InvalidInputException, match="read-only"):
                con.execute("DELETE FROM node")


def test_two_analysts_may_read_at_once(data: Path) -> None:
    with q.open(data) as one, q.open(data) as other:
        assert one.sql("FROM session").fetchall() == other.sql("FROM session").fetchall() == []


def test_answers_take_further_sql(data: Path) -> None:
    with q.open(data) as con:
        assert q.sessions(con).filter("energy > 1000").aggregate("count(*)").fetchall() == [(0,)]


def test_missing_store_says_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match=r"There is no store at .*solarocpp\.duckdb\. `solarocpp serve --data"):
        q.open(tmp_path)


def test_file_that_is_no_store_is_named(tmp_path: Path) -> None:
    (tmp_path / "solarocpp.duckdb").write_bytes(b"This is no database." * 1000)
    with pytest.raises(StoreError, match=r"solarocpp\.duckdb cannot be read"):
        q.open(tmp_path)


def test_database_of_somebody_else_is_named_when_asked(tmp_path: Path) -> None:
    with (
        duckdb.connect(tmp_path / "x.duckdb") as con,
        pytest.raises(StoreError, match="There is no table node here"),
    ):
        q.sessions(con)


def test_address_of_a_server_wants_a_token() -> None:
    for address in ("quack://localhost:9494", "quack:localhost:9494", "http://localhost:8080"):
        with pytest.raises(StoreError, match=r"wants a token: open\(\.\.\., token=\.\.\.\), or SOLAROCPP_TOKEN"):
            q.open(address)


@pytest.mark.parametrize("web", ["127.0.0.1:8080", None])
def test_held_store_names_the_holder_and_where_to_ask(data: Path, web: str | None) -> None:
    if web:
        (data / "server.json").write_text(json.dumps({"pid": 1, "ocpp": "0.0.0.0:9000", "web": web}))
    command = [sys.executable, "-c", HOLDER, str(data / "solarocpp.duckdb")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(StoreLocked) as caught:
            q.open(data)
        assert caught.value.pid == holder.pid
        assert caught.value.url == (f"http://{web}" if web else "")
        holder.communicate()


def test_cursor_of_the_live_store_answers_too(data: Path) -> None:
    """The web API asks the same questions of a store that is open for writing."""
    with closing(open_store(data, now=NOW)) as store:
        assert store.read_now(lambda con: q.sessions(con, by=["node", "day"]).fetchall()) == []
        assert store.read_now(lambda con: q.datums(con, aggregate="hour").fetchall()) == []
        answer = store.read_now(lambda con: q.answer_sql(con, "SELECT count(*) FROM datum"))
        assert answer.rows == [(0,)]
