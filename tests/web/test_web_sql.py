"""SQL over HTTP: parameters, forms, limits, and what a client sees when a long answer goes wrong."""

from __future__ import annotations

import io
import re
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import httpx
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from served import Served
from structlog.testing import capture_logs

CSV = {"Accept": "text/csv"}
ARROW = {"Accept": "application/vnd.apache.arrow.stream"}

# More than the buffers of two sockets hold, and it would take hours.
ENDLESS = "SELECT range AS n, 'a text that fills the buffers' AS text FROM range(1000000000000)"
# Hundreds of thousands of rows are on their way when it fails. Of the threads that run it, the one that fails has the
# others interrupted; now and then DuckDB tells of that instead.
FAILING = "SELECT CASE WHEN row_number() OVER () < 1000000 THEN '1' ELSE 'x' END::INT AS n FROM range(2000000)"


async def ask(api: Served, query: str, headers: dict[str, str] | None = None, **options: Any) -> httpx.Response:
    return await api.http.post("/api/sql", json={"query": query, **options}, headers=headers, timeout=60)


@asynccontextmanager
async def streaming(api: Served, query: str, headers: dict[str, str], **options: Any) -> AsyncIterator[httpx.Response]:
    async with api.http.stream(
        "POST", "/api/sql", json={"query": query, **options}, headers=headers, timeout=60
    ) as answer:
        yield answer


async def test_parameters_are_by_place_or_by_name(api: Served) -> None:
    by_place = await ask(api, "SELECT ? + 1 AS a, ?::TIMESTAMPTZ AS b, ? AS c", parameters=[1, "2026-03-01", None])
    assert by_place.json()["rows"] == [[2, "2026-03-01T00:00:00Z", None]]
    by_name = await ask(api, "SELECT $low::BIGINT AS a, len($words) AS b", parameters={"low": 7, "words": ["x", "y"]})
    assert by_name.json()["rows"] == [[7, 2]]
    streamed = await ask(api, "SELECT range AS n FROM range(?)", CSV, parameters=[2])
    assert streamed.text == "n\n0\n1\n"
    missing = await ask(api, "SELECT $low", parameters={})
    assert (missing.status_code, missing.json()["kind"]) == (422, "sql_refused")
    assert "Values were not provided for the following prepared statement parameters: low" in missing.json()["error"]


async def test_an_error_has_duckdbs_words_and_the_place(api: Served) -> None:
    for headers in ({}, CSV, ARROW):
        answer = await ask(api, "FROM node\nSELECT nodeId,\n  nope", headers)
        assert (answer.status_code, answer.headers["content-type"]) == (422, "application/json")
        failure = answer.json()
        assert failure.pop("error").startswith('Binder Error: Referenced column "nope" not found in FROM clause!')
        assert failure == {"kind": "sql_refused", "line": 3, "column": 3, "excerpt": "  nope\n  ^"}
    refused = (await ask(api, "SELECT getenv('HOME')")).json()
    assert refused["error"].startswith("The function getenv is refused: it reads the server's environment.\n\nLINE 1: ")
    assert (refused["line"], refused["column"]) == (1, 8)


TYPES = """
SELECT 1::TINYINT AS i, 'a,"b"' AS text, '' AS "empty text", NULL::INT AS "no, thing", true AS yes, 12345.0 AS x,
  0.1::DOUBLE AS d, TIMESTAMPTZ '2026-03-01 12:00:00.5+01' AS t, DATE '2026-03-01' AS day,
  UUID '11111111-2222-3333-4444-555555555555' AS u, [1, NULL] AS list, {'k': 'a b'} AS struct, 1.50::DECIMAL(9,2) AS m,
  'two
lines' AS lines -- all of them"""


async def test_csv_has_every_type(api: Served) -> None:
    answer = await ask(api, TYPES + ";", CSV)
    assert answer.headers["content-type"] == "text/csv"
    assert answer.text == (
        'i,text,empty text,"no, thing",yes,x,d,t,day,u,list,struct,m,lines\n'
        '1,"a,""b""","",,true,12345.0,0.1,2026-03-01T11:00:00.5Z,2026-03-01,11111111-2222-3333-4444-555555555555,'
        '"[1,null]","{""k"":""a b""}",1.50,"two\nlines"\n'
    )
    frame = pd.read_csv(io.StringIO(answer.text), parse_dates=["t"])
    assert frame["t"][0] == pd.Timestamp("2026-03-01T11:00:00.5Z")


async def test_arrow_is_read_by_pyarrow_pandas_and_polars(api: Served) -> None:
    answer = await ask(api, TYPES, ARROW)
    assert answer.headers["content-type"] == "application/vnd.apache.arrow.stream"
    assert answer.headers["solarocpp-types"].startswith('["TINYINT", "VARCHAR", "VARCHAR", "INTEGER", "BOOLEAN"')
    with pa.ipc.open_stream(answer.content) as reader:
        table = reader.read_all()
    (row,) = table.to_pylist()
    moment = datetime(2026, 3, 1, 11, 0, 0, 500_000, tzinfo=UTC)
    assert (row["i"], row["no, thing"], row["m"]) == (1, None, Decimal("1.50"))
    assert (row["list"], row["struct"], row["t"]) == ([1, None], {"k": "a b"}, moment)
    assert UUID(str(row["u"])) == UUID("11111111-2222-3333-4444-555555555555")
    assert table.select(["text", "t", "d"]).to_pandas()["t"][0] == pd.Timestamp(moment)
    assert pl.read_ipc_stream(answer.content, columns=["i", "t"]).row(0) == (1, moment)


@pytest.mark.parametrize("headers", [CSV, ARROW])
async def test_streamed_answers_have_all_rows_or_as_many_as_asked_for(api: Served, headers: dict[str, str]) -> None:
    async def count(query: str, **options: Any) -> int:
        answer = await ask(api, query, headers, **options)
        if headers is CSV:
            return answer.text.count("\n") - 1
        with pa.ipc.open_stream(answer.content) as reader:
            return int(reader.read_all().num_rows)

    assert await count("FROM range(250000)") == 250_000
    assert await count("FROM range(250000)", limit=100_001) == 100_001
    assert await count("FROM range(3)", limit=3) == 3
    assert await count("FROM range(0)") == 0
    assert await count("FROM datum") == 0


@pytest.mark.parametrize(
    ("query", "rows"),
    [
        ("EXPLAIN SELECT 1", 1),
        ("DESCRIBE SELECT 1 AS a, 2 AS b", 2),
        ("PRAGMA table_info('migration')", 2),
        ("SELECT 1 AS a, 2 AS a", 1),
        ("SHOW TABLES", 24),
        ("SUMMARIZE SELECT 1 AS a, 2 AS b", 2),
        ("FROM range(5) ORDER BY range DESC", 5),
        ("SELECT 1 -- ; really", 1),
        ("SELECT 1; -- really", 1),
        ("VALUES (1), (2)", 2),
    ],
)
async def test_every_kind_of_question_has_the_same_rows_in_each_form(api: Served, query: str, rows: int) -> None:
    as_json = (await ask(api, query)).json()
    as_csv = await ask(api, query, CSV)
    with pa.ipc.open_stream((await ask(api, query, ARROW)).content) as reader:
        as_arrow = reader.read_all()
    frame = pd.read_csv(io.StringIO(as_csv.text))
    assert as_csv.headers["solarocpp-types"] == str(as_json["types"]).replace("'", '"')
    if query == "SHOW TABLES":
        rows = len(as_json["rows"])
        assert rows > 10
    if not query.startswith("EXPLAIN"):
        assert [str(cell) for cell in frame.iloc[:, 0]] == [str(row[0]) for row in as_json["rows"]]
    assert len(as_json["rows"]) == len(frame) == as_arrow.num_rows == rows
    assert as_arrow.column_names == as_json["columns"]


async def test_limits_are_told_when_they_are_passed(api: Served) -> None:
    rows = await ask(api, "SELECT 1", limit=100_001)
    assert rows.json() == {
        "error": "limit: At most 100000 rows as JSON; text/csv and application/vnd.apache.arrow.stream have no limit.",
        "kind": "bad_request",
    }
    time = await ask(api, "SELECT 1", timeout=601)
    assert (time.status_code, time.json()["kind"]) == (400, "bad_request")
    assert "`float` <= 600" in time.json()["error"]


@pytest.mark.slow
@pytest.mark.parametrize("headers", [{}, CSV, ARROW])
async def test_a_runaway_query_is_stopped_at_its_limit(api: Served, headers: dict[str, str]) -> None:
    answer = await ask(api, "SELECT count(*) FROM range(1000000) a, range(1000000) b", headers, timeout=0.2)
    assert (answer.status_code, answer.json()["kind"]) == (408, "query_interrupted")
    assert answer.json()["error"].startswith("The query was stopped after 0.2 s.")


@pytest.mark.parametrize("headers", [CSV, ARROW])
async def test_a_client_that_leaves_ends_its_query(api: Served, headers: dict[str, str]) -> None:
    """There are fewer readers than clients here: were one query left running, the last would get no turn."""
    for _ in range(6):
        async with streaming(api, ENDLESS, headers) as answer:
            assert answer.status_code == 200  # which is sent with the first rows
    assert (await ask(api, "SELECT 1", timeout=10)).json()["rows"] == [[1]]


@pytest.mark.slow
async def test_a_client_that_is_tired_of_waiting_ends_its_query(api: Served) -> None:
    """As above, before there is anything to send."""
    body = {"query": "SELECT count(*) FROM range(1000000) a, range(1000000) b", "timeout": 500}
    for _ in range(6):
        with pytest.raises(httpx.ReadTimeout):
            await api.http.post("/api/sql", json=body, timeout=0.2)
    assert (await ask(api, "SELECT 1", timeout=10)).json()["rows"] == [[1]]


@pytest.mark.slow
@pytest.mark.parametrize("headers", [CSV, ARROW])
async def test_an_error_in_the_middle_cuts_the_connection(api: Served, headers: dict[str, str]) -> None:
    """A file that merely ends early would be taken for the whole answer."""
    with capture_logs() as logs, pytest.raises(httpx.RemoteProtocolError, match="incomplete chunked read"):
        await ask(api, FAILING, headers)
    (line,) = logs
    assert line["event"] == "answer_cut"
    assert re.search("Could not convert string 'x'|Interrupted", line["reason"])


@pytest.mark.slow
@pytest.mark.parametrize("headers", [CSV, ARROW])
async def test_the_time_limit_counts_the_whole_answer(api: Served, headers: dict[str, str]) -> None:
    """Be it that the client reads as fast as it can, or not at all."""
    with capture_logs() as logs, pytest.raises(httpx.RemoteProtocolError, match="incomplete chunked read"):
        await ask(api, ENDLESS, headers, timeout=0.5)
    async with streaming(api, ENDLESS, headers, timeout=0.5) as answer:
        assert (await ask(api, "SELECT 1")).status_code == 200
        with pytest.raises(httpx.RemoteProtocolError, match="incomplete chunked read"):
            await answer.aread()
    assert logs[0]["reason"].startswith("The query was stopped after 0.5 s.")


@pytest.mark.parametrize(
    ("accepted", "form"),
    [
        ("*/*", "application/json"),
        ("text/*", "text/csv"),
        ("text/html, text/csv;q=0.9, application/json;q=0.1", "text/csv"),
        ("application/*", "application/json"),
    ],
)
async def test_the_client_chooses_the_form(api: Served, accepted: str, form: str) -> None:
    answer = await ask(api, "SELECT 1", {"Accept": accepted})
    assert answer.headers["content-type"] == form


async def test_a_form_that_is_not_there_is_refused(api: Served) -> None:
    answer = await ask(api, "SELECT 1", {"Accept": "image/png"})
    assert (answer.status_code, answer.json()) == (
        406,
        {
            "error": "There is no image/png here, only application/json, text/csv, "
            "application/vnd.apache.arrow.stream.",
            "kind": "not_acceptable",
        },
    )


async def test_arrow_without_pyarrow_says_what_to_install(api: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)  # what Python knows as not installed
    answer = await ask(api, "SELECT 1", ARROW)
    assert answer.status_code == 406
    assert answer.json()["error"] == (
        "There is no application/vnd.apache.arrow.stream here, only application/json, text/csv. "
        "For application/vnd.apache.arrow.stream, install pyarrow beside the server: pip install 'solarocpp[arrow]'."
    )
