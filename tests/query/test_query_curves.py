"""The power of sessions over their time, worked out by hand."""

from __future__ import annotations

from collections.abc import Iterator
from uuid import UUID

import duckdb
import pytest

from solarocpp.query.curves import power_curves

ONE, TWO, THREE = (UUID(int=number) for number in (1, 2, 3))


@pytest.fixture
def con() -> Iterator[duckdb.DuckDBPyConnection]:
    """Three sessions of 40 minutes: one with power, one by phase, one with a register alone."""
    with duckdb.connect() as con:
        con.execute("SET TimeZone = 'UTC'")
        con.execute("""
            CREATE TABLE "chargeSession" AS SELECT ('00000000-0000-0000-0000-00000000000' || n)::UUID AS "sessionId",
                n AS "transactionId", TIMESTAMPTZ '2026-03-01 10:00:00Z' AS started,
                CASE WHEN n < 3 THEN TIMESTAMPTZ '2026-03-01 10:40:00Z' END AS ended FROM range(1, 4) t(n)""")
        con.execute("""
            CREATE TABLE datum AS
            SELECT ('00000000-0000-0000-0000-00000000000' || n)::UUID AS "sessionId", n AS "transactionId",
                TIMESTAMPTZ '2026-03-01 10:00:00Z' + to_minutes(minute) AS created, watts, watts_a, watts_b, watts_c,
                register AS "wattHours", NULL::VARCHAR AS status
            FROM (VALUES
                (1, 10, 8000.0, NULL, NULL, NULL, NULL), (1, 15, 4000.0, NULL, NULL, NULL, NULL),
                (1, 40, 500.0, NULL, NULL, NULL, NULL),
                (2, 5, NULL, 1000.0, 2000.0, 3000.0, NULL),
                (3, 0, NULL, NULL, NULL, NULL, 100.0), (3, 20, NULL, NULL, NULL, NULL, 1100.0),
                (3, 40, NULL, NULL, NULL, NULL, 600.0)
            ) v(n, minute, watts, watts_a, watts_b, watts_c, register)""")
        yield con


def test_parts_of_a_session_have_the_mean_of_their_readings(con: duckdb.DuckDBPyConnection) -> None:
    """Quarters of 40 minutes; the reading at the very end belongs to the last."""
    assert power_curves(con, [ONE], 4) == {ONE: [None, 6000.0, None, 500.0]}


def test_phases_are_added_up_where_there_is_no_whole(con: duckdb.DuckDBPyConnection) -> None:
    assert power_curves(con, [TWO], 2) == {TWO: [6000.0, None]}


def test_without_power_the_register_tells(con: duckdb.DuckDBPyConnection) -> None:
    """1,000 Wh in 20 minutes are 3 kW; a register that falls says nothing. It still runs: its newest is its end."""
    assert power_curves(con, [THREE], 2) == {THREE: [None, 1500.0]}
    assert power_curves(con, [THREE], 3) == {THREE: [None, 3000.0, 0.0]}


def test_only_what_was_asked_for_is_answered(con: duckdb.DuckDBPyConnection) -> None:
    assert set(power_curves(con, [ONE, THREE], 2)) == {ONE, THREE}
    assert power_curves(con, [], 2) == {}
