"""Rows fetched by column: the same as by row, without what is empty, with times as text."""

from __future__ import annotations

import duckdb

from solarocpp.query.cells import fetch_cells

ROWS = """
    SELECT * FROM (VALUES
        (TIMESTAMPTZ '2026-03-01 12:00:00+00', 1, '/a', 10.0, 0.1::DOUBLE, UUID '00000000-0000-0000-0000-000000000001'),
        (TIMESTAMPTZ '2026-03-01 12:00:00.5+02', 2, 'ü"', 1e300, NULL, NULL),
        (NULL, 9007199254740993, NULL, 'nan'::DOUBLE, -0.0, NULL)
    ) t(created, "nodeId", "sourceId", watts, soc, "sessionId")
"""


def test_rows_are_told_without_what_is_empty_in_them() -> None:
    with duckdb.connect() as con:
        found = con.sql(f"SELECT *, NULL::DOUBLE AS never, NULL AS nothing FROM ({ROWS})")
        cells = fetch_cells(found)
    assert cells.length == 3
    first, second, third = cells.rows()
    assert first == {
        "created": "2026-03-01T12:00:00.000000",
        "nodeId": 1,
        "sourceId": "/a",
        "watts": 10,
        "soc": 0.1,
        "sessionId": "00000000-0000-0000-0000-000000000001",
    }
    assert (str(first["watts"]), type(first["nodeId"])) == ("10", int)
    assert second == {
        "created": "2026-03-01T10:00:00.500000",
        "nodeId": 2,
        "sourceId": 'ü"',
        "watts": int(1e300),
    }
    assert third.pop("watts") != 0  # not a number, which JSON has no word for
    assert third == {"nodeId": 9007199254740993, "soc": 0}


def test_hidden_columns_are_not_told() -> None:
    with duckdb.connect() as con:
        cells = fetch_cells(con.sql("SELECT 1 AS a, 2 AS b"), frozenset({"b"}))
    assert list(cells.rows()) == [{"a": 1}]


def test_no_rows_are_none() -> None:
    with duckdb.connect() as con:
        cells = fetch_cells(con.sql(f"FROM ({ROWS}) WHERE false"))
    assert (cells.length, list(cells.rows())) == (0, [])
