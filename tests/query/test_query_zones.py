"""Periods by the clock of the node: whole zones, halves of hours, and the two odd days of each year."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import duckdb
import pytest

import solarocpp.query as q
from solarocpp.errors import StoreError
from solarocpp.query.filters import read_time_range
from solarocpp.query.zones import Zones


@pytest.fixture
def con() -> Iterator[duckdb.DuckDBPyConnection]:
    """An analyst's connection whose own zone must make no difference."""
    with duckdb.connect() as con:
        con.execute("SET TimeZone = 'Pacific/Auckland'")
        con.execute('CREATE TABLE node ("nodeId" BIGINT, "timeZone" VARCHAR)')
        con.execute(
            """CREATE TABLE datum (created TIMESTAMPTZ, "nodeId" BIGINT, "sourceId" VARCHAR, "transactionId" BIGINT,
                watts DOUBLE, "wattHours" DOUBLE)"""
        )
        con.execute(
            """CREATE TABLE "resetRecord" (created TIMESTAMPTZ, "nodeId" BIGINT, "sourceId" VARCHAR, property VARCHAR,
                "final" DOUBLE, "start" DOUBLE)"""
        )
        yield con


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("zone", "period", "time", "start"),
    [
        (None, "15min", "2024-02-29T23:59:59.999999", "2024-02-29T23:45"),
        (None, "hour", "2024-02-29T23:59:59.999999", "2024-02-29T23:00"),
        (None, "day", "2024-02-29T23:59:59.999999", "2024-02-29T00:00"),
        (None, "month", "2024-02-29T23:59:59.999999", "2024-02-01T00:00"),
        ("Europe/Berlin", "hour", "2026-03-29T01:30", "2026-03-29T01:00"),
        ("Europe/Berlin", "day", "2026-03-28T22:59", "2026-03-27T23:00"),
        ("Europe/Berlin", "day", "2026-03-28T23:00", "2026-03-28T23:00"),
        ("Europe/Berlin", "day", "2026-03-29T22:00", "2026-03-29T22:00"),  # this day had 23 hours
        ("Europe/Berlin", "day", "2026-10-25T22:59", "2026-10-24T22:00"),  # ... and this one 25
        ("Europe/Berlin", "month", "2026-03-31T21:59", "2026-02-28T23:00"),
        ("Europe/Berlin", "month", "2026-03-31T22:00", "2026-03-31T22:00"),
        ("America/Los_Angeles", "month", "2026-01-01T07:59", "2025-12-01T08:00"),
        ("Asia/Kolkata", "15min", "2026-01-01T18:29", "2026-01-01T18:15"),
        ("Asia/Kolkata", "hour", "2026-01-01T18:29", "2026-01-01T17:30"),
        ("Asia/Kolkata", "day", "2026-01-01T18:30", "2026-01-01T18:30"),
        ("Asia/Kathmandu", "hour", "2026-01-01T18:20", "2026-01-01T18:15"),
        # The island's summer is half an hour ahead: 11:00 and 10:30 before UTC.
        ("Australia/Lord_Howe", "hour", "2026-01-01T13:10", "2026-01-01T13:00"),
        ("Australia/Lord_Howe", "hour", "2026-07-01T13:40", "2026-07-01T13:30"),
        # At the end of summer time there is 00:00 to 01:00 twice.
        ("America/Havana", "day", "2025-11-02T04:30", "2025-11-02T04:00"),
        ("America/Havana", "day", "2025-11-02T05:30", "2025-11-02T04:00"),
        # In spring there is none: the day begins at 01:00.
        ("America/Havana", "day", "2026-03-08T05:00", "2026-03-08T05:00"),
    ],
)
def test_period_starts(con: duckdb.DuckDBPyConnection, zone: str | None, period: str, time: str, start: str) -> None:
    con.execute("INSERT INTO node VALUES (1, ?)", [zone])
    con.execute("INSERT INTO datum VALUES (?, 1, '/a', NULL, 1, NULL)", [utc(time)])
    assert q.datums(con, aggregate=period).project("created").fetchall() == [(utc(start),)]  # type: ignore[arg-type]
    read = q.datums(con, aggregate=period, since=utc(start), until=utc(start) + timedelta(microseconds=1))  # type: ignore[arg-type]
    assert len(read) == 1


@pytest.mark.parametrize(
    ("zone", "day", "hours"),
    [("Europe/Berlin", "2026-03-29", 23), ("Europe/Berlin", "2026-10-25", 25), ("Europe/Berlin", "2026-06-01", 24)],
)
def test_a_day_has_the_hours_it_has(con: duckdb.DuckDBPyConnection, zone: str, day: str, hours: int) -> None:
    """A charger that reads 1 kWh each hour on the hour, for two days around."""
    con.execute("INSERT INTO node VALUES (1, ?)", [zone])
    con.execute(
        """INSERT INTO datum SELECT ?::TIMESTAMPTZ + to_hours(n), 1, '/a', NULL, 1, 1000 * n
        FROM range(-48, 48) t(n)""",
        [utc(day)],
    )
    tomorrow = (datetime.fromisoformat(day) + timedelta(days=1)).date()
    asked = {"since": day, "until": tomorrow, "properties": ["wattHours"]}
    assert q.datums(con, aggregate="day", **asked).project('"wattHours"').fetchall() == [(hours * 1000,)]
    assert len(q.datums(con, aggregate="hour", **asked)) == hours
    read = q.readings(con, aggregate="day", **asked).project('"wattHours", date_diff(\'hour\', created, "endDate")')
    assert read.fetchall() == [(hours * 1000, hours)]
    assert q.readings(con, type="atd", **asked).project('"wattHours"').fetchall() == [(hours * 1000,)]


def test_each_node_has_its_own_clock(con: duckdb.DuckDBPyConnection) -> None:
    con.execute("INSERT INTO node VALUES (1, NULL), (2, 'Europe/Berlin'), (3, 'America/New_York'), (4, 'UTC')")
    con.execute(
        """INSERT INTO datum SELECT TIMESTAMPTZ '2026-01-01 00:00:00Z' + to_hours(n), unnest([1, 2, 3, 4]), '/a', NULL,
            n, NULL FROM range(-24, 24) t(n)"""
    )
    days = q.datums(con, aggregate="day", since="2026-01-01", until="2026-01-02", properties="watts")
    assert days.project('"nodeId", created, watts_min').order('"nodeId"').fetchall() == [
        (1, utc("2026-01-01T00:00"), 0),
        (2, utc("2025-12-31T23:00"), -1),
        (3, utc("2026-01-01T05:00"), 5),
        (4, utc("2026-01-01T00:00"), 0),
    ]
    # So do the ends of a plain list.
    listed = q.datums(con, since="2026-01-01", until="2026-01-01T02:00").aggregate('"nodeId", min(watts), max(watts)')
    assert listed.order('"nodeId"').fetchall() == [(1, 0, 1), (2, -1, 0), (3, 5, 6), (4, 0, 1)]


def test_zone_this_machine_does_not_know(con: duckdb.DuckDBPyConnection) -> None:
    con.execute("INSERT INTO node VALUES (7, 'Mars/Olympus_Mons')")
    with pytest.raises(StoreError, match=r"Node 7 has the time zone 'Mars/Olympus_Mons', which this machine does not"):
        q.datums(con, aggregate="day")
    assert q.datums(con, node=1, aggregate="day").fetchall() == []


def test_one_zone_for_all_costs_no_case() -> None:
    """Hours of whole-hour zones begin together, and those of UTC by arithmetic alone."""
    zones = Zones({"Europe/Berlin": (1, 2), "America/New_York": (3,)})
    assert zones.period_start("hour", "t") == "t // 3600000000 * 3600000000"
    assert zones.within("t", read_time_range("1970-01-01T00:00Z", None)) == "t >= 0"
