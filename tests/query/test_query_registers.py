"""What must be true of every register, however it misbehaves."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import accumulate, pairwise
from typing import NamedTuple

import duckdb
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

import solarocpp.query as q

# Minutes to the next reading, and the reading: rises, resets, dips, gaps, and moments without the register.
readings = st.lists(
    st.tuples(st.integers(1, 200), st.one_of(st.none(), st.integers(0, 10), st.integers(0, 5000))), max_size=30
)
Series = Sequence[tuple[int, int | None]]

# A Reset record: how many minutes after the beginning, final and start value.
records = st.lists(
    st.tuples(st.integers(0, 1500), st.integers(0, 100), st.integers(0, 100)), max_size=3, unique_by=lambda r: r[0]
)


def store_of(series: Series, resets: Sequence[tuple[int, int, int]] = ()) -> duckdb.DuckDBPyConnection:
    con = duckdb.connect()
    con.execute("SET TimeZone = 'UTC'")
    minute, rows = 0, []
    for gap, wh in series:
        minute += gap
        rows.append({"minute": minute, "wh": wh})
    con.execute('CREATE TABLE node ("nodeId" BIGINT, "timeZone" VARCHAR)')
    con.execute(
        """CREATE TABLE datum AS SELECT
            TIMESTAMPTZ '2026-01-01 00:00:00Z' + to_minutes(minute) AS created,
            1 AS "nodeId", '/a' AS "sourceId", NULL::BIGINT AS "transactionId", wh AS "wattHours"
        FROM (SELECT unnest(from_json(?, '[{"minute": "BIGINT", "wh": "DOUBLE"}]'), recursive := true))""",
        [json.dumps(rows)],
    )
    con.execute(
        """CREATE TABLE "resetRecord" AS SELECT
            TIMESTAMPTZ '2026-01-01 00:00:00Z' + to_minutes(m) AS created,
            1 AS "nodeId", '/a' AS "sourceId", 'wattHours' AS property, f AS "final", s AS "start"
        FROM (SELECT unnest(from_json(?, '[{"m": "BIGINT", "f": "DOUBLE", "s": "DOUBLE"}]'), recursive := true))""",
        [json.dumps([dict(zip("mfs", reset, strict=True)) for reset in resets])],
    )
    return con


def energy(rows: duckdb.DuckDBPyRelation) -> float:
    return sum(wh for (wh,) in rows.project('"wattHours"').fetchall() if wh is not None)


class Row(NamedTuple):
    """A row as spec 10.2 orders them: by time, then raw, final, start."""

    at: int
    kind: int
    value: int


def rows_used(raw: Sequence[Row], aux: Sequence[Row], start: int, end: int) -> list[Row]:
    """Spec 10.2, "rows used": those inside, the leading and the trailing one; none: there is no aggregate."""
    inside = [row for row in (*raw, *aux) if start <= row.at <= end]
    # The hour before T is made only "if T is exactly on the hour and a previous datum exists" (spec 10.1).
    if not inside or min(*raw, *aux, inside[0]).at == end:
        return []
    earlier = [row for row in (*raw, *aux) if row.at < start]
    later = [row for row in (*raw, *aux) if row.at > end]
    if earlier and not any(row.at == start for row in inside):
        inside.append(max(earlier))
    if later and any(row in inside for row in raw if row.at >= start) and not any(row.at == end for row in inside):
        inside.append(min(later))
    return sorted(inside)


def portion(prev: Row, row: Row, start: int, end: int) -> float:
    """Spec 10.2, the portions in their order; over the end of a short slot counts what is inside."""
    gap = row.at - prev.at
    if gap > 60 or gap == 0 or row.at < start:
        return 0
    if prev.at < start:
        return (min(row.at, end) - start) / gap
    return (end - prev.at) / gap if row.at > end > prev.at else 1


def model(series: Series, resets: Sequence[tuple[int, int, int]], start: int, width: int) -> list[float] | None:
    """Spec 10.2 read aloud, in minutes: clock value, then difference, first and last value.

    A row without the property is left out from the beginning; see solarocpp.query.registers.
    """
    minutes = accumulate(gap for gap, _ in series)
    raw = [Row(minute, 0, value) for minute, (_, value) in zip(minutes, series, strict=True) if value is not None]
    aux = [row for at, final, begins in resets for row in (Row(at, 1, final), Row(at, 2, begins))]
    end = start + width
    rows = rows_used(raw, aux, start, end)
    if not rows:
        return None
    rises = [(prev, row, 0 if row.kind == 2 else row.value - prev.value) for prev, row in pairwise(rows)]
    clock = sum(rise * portion(prev, row, start, end) for prev, row, rise in rises)
    read = [
        row
        for row in rows
        if (row.at < end and not (row.kind == 1 and row.at <= start)) or (row.at == end and row.kind != 2)
    ]
    difference = sum(rise for _, row, rise in rises if row in read)
    return [clock, difference, read[0].value, read[-1].value]


@settings(deadline=None, max_examples=60)
@given(readings, records, st.sampled_from([("hour", 60), ("15min", 15)]))
@example([(60, 5), (60, 10), (120, 20)], [], ("hour", 60))  # on the hour, each
@example([(60, 5), (60, 10)], [(120, 12, 3)], ("hour", 60))  # ... and a meter changed then
@example([(59, 1), (2, None), (2, 7)], [], ("hour", 60))
def test_every_hour_is_as_spec_10_2_says(
    series: Series, resets: Sequence[tuple[int, int, int]], period: tuple[str, int]
) -> None:
    aggregate, width = period
    with store_of(series, resets) as con:
        asked = {"aggregate": aggregate, "properties": ["wattHours"], "stitched": False}
        columns = "epoch(created - TIMESTAMPTZ '2026-01-01 00:00:00Z')::BIGINT // 60, \"wattHours\""
        clock = dict(q.datums(con, **asked).project(columns).fetchall())  # type: ignore[arg-type]
        read = q.readings(con, **asked).project(f'{columns}, "wattHours_start", "wattHours_end"').fetchall()  # type: ignore[arg-type]
    found = {start: [clock.get(start), *values] for start, *values in read}
    last = max([0, sum(gap for gap, _ in series), *(at for at, *_ in resets)])
    told = {start: model(series, resets, start, width) for start in range(-width, last + 1, width)}
    assert found == {start: pytest.approx(values) for start, values in told.items() if values is not None}


@settings(deadline=None, max_examples=40)
@given(readings)
@example([(1, 5), (1, 0), (1, 5000), (1, 5), (1, 10)])
def test_hours_add_up_to_the_month_and_no_hour_is_negative(series: Series) -> None:
    with store_of(series) as con:
        for ask in (q.datums, q.readings):
            hours = ask(con, aggregate="hour", properties="wattHours").project('"wattHours"').fetchall()
            assert all(wh >= 0 for (wh,) in hours)
            month = energy(ask(con, aggregate="month", properties="wattHours"))
            assert sum(wh for (wh,) in hours) == pytest.approx(month)


@settings(deadline=None, max_examples=40)
@given(readings, st.integers(0, 100), st.integers(1, 48), st.sampled_from(["15min", "hour", "day"]))
def test_a_period_says_the_same_whatever_range_was_asked(
    series: Series, first: int, hours: int, aggregate: q.Aggregate
) -> None:
    """All readings are within 14 days, so both neighbours of each range are looked at."""
    since = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(hours=first)
    until = since + timedelta(hours=hours)
    with store_of(series) as con:
        for ask in (q.datums, q.readings):
            whole = ask(con, aggregate=aggregate, properties="wattHours").fetchall()
            part = ask(con, since=since, until=until, aggregate=aggregate, properties="wattHours").fetchall()
            assert part == [row for row in whole if since <= row[0] < until]


@settings(deadline=None, max_examples=40)
@given(st.lists(st.tuples(st.integers(1, 200), st.integers(0, 5000)), min_size=1, max_size=30))
def test_register_that_only_rises_gave_last_minus_first(series: list[tuple[int, int]]) -> None:
    total, rising = 0, []
    for gap, rise in series:
        total += rise
        rising.append((gap, total))
    with store_of(rising) as con:
        went = total - rising[0][1]
        assert energy(q.readings(con, aggregate="day")) == went
        assert energy(q.readings(con)) == went
        # Of the clock value that is true while no step takes longer than the tolerance.
        if all(gap <= 60 for gap, _ in series):
            assert energy(q.datums(con, aggregate="hour", properties="wattHours")) == pytest.approx(went)
