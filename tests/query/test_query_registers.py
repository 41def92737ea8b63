"""What must be true of every register, however it misbehaves."""

from __future__ import annotations

import json

import duckdb
from hypothesis import example, given, settings
from hypothesis import strategies as st

import solarocpp.query as q

# Minutes to the next reading, and the reading: rises, resets, dips, gaps, and moments without the register.
readings = st.lists(
    st.tuples(st.integers(1, 200), st.one_of(st.none(), st.integers(0, 10), st.integers(0, 5000))), max_size=30
)


def store_of(series: list[tuple[int, int | None]]) -> duckdb.DuckDBPyConnection:
    con = duckdb.connect()
    con.execute("SET TimeZone = 'UTC'")
    minute, rows = 0, []
    for gap, wh in series:
        minute += gap
        rows.append({"minute": minute, "wh": wh})
    con.execute(
        """CREATE TABLE datum AS SELECT
            TIMESTAMPTZ '2026-01-01' + to_minutes(minute) AS created,
            1 AS "nodeId", '/a' AS "sourceId", wh AS "wattHours"
        FROM (SELECT unnest(from_json(?, '[{"minute": "BIGINT", "wh": "DOUBLE"}]'), recursive := true))""",
        [json.dumps(rows)],
    )
    return con


def energy(rows: duckdb.DuckDBPyRelation) -> float:
    return sum(wh for *_, wh in rows.fetchall() if wh is not None)


@settings(deadline=None, max_examples=40)
@given(readings)
@example([(1, 5), (1, 0), (1, 5000), (1, 5), (1, 10)])
def test_hours_add_up_to_the_month_and_no_hour_is_negative(series: list[tuple[int, int | None]]) -> None:
    with store_of(series) as con:
        hours = q.datums(con, aggregate="hour", properties="wattHours").fetchall()
        assert all(wh is None or wh >= 0 for *_, wh in hours)
        month = energy(q.datums(con, aggregate="month", properties="wattHours"))
        assert sum(wh for *_, wh in hours if wh is not None) == month


@settings(deadline=None, max_examples=40)
@given(readings, st.integers(0, 100), st.integers(1, 48))
def test_an_hour_says_the_same_whatever_range_was_asked(
    series: list[tuple[int, int | None]], first: int, hours: int
) -> None:
    """All readings are within 14 days, so both neighbours of each range are looked at."""
    with store_of(series) as con:
        con.execute(f"CREATE TABLE range AS SELECT TIMESTAMPTZ '2026-01-01' + to_hours({first}) AS since")
        [(since, until)] = con.execute(f"SELECT since, since + to_hours({hours}) FROM range").fetchall()
        whole = q.datums(con, aggregate="hour", properties="wattHours").fetchall()
        part = q.datums(con, since=since, until=until, aggregate="hour", properties="wattHours").fetchall()
        assert part == [row for row in whole if since <= row[0] < until]


@settings(deadline=None, max_examples=40)
@given(st.lists(st.tuples(st.integers(1, 200), st.integers(0, 5000)), min_size=1, max_size=30))
def test_register_that_only_rises_gave_last_minus_first(series: list[tuple[int, int]]) -> None:
    total, rising = 0, []
    for gap, rise in series:
        total += rise
        rising.append((gap, total))
    with store_of(rising) as con:
        assert energy(q.datums(con, aggregate="day", properties="wattHours")) == total - rising[0][1]
