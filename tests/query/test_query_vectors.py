"""SolarNetwork's own test vectors of spec 13.9: one source a vector, all in one store."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import duckdb
import pytest

import solarocpp.query as q
from solarocpp.query.rollups import longer_ctes
from solarocpp.query.zones import Zones
from solarocpp.store import open_store

TEXT = (Path(__file__).parent / "vectors_13_9.txt").read_text()
HOUR = {"since": "2020-06-01T12:00", "until": "2020-06-01T13:00"}
COLUMNS = {"x": "watts", "y": "temp", "w": "wattHours"}


def vectors() -> dict[str, list[list[str]]]:
    """The lines of each vector, in words."""
    lines = [line.split() for line in TEXT.splitlines() if line and not line.startswith("#")]
    found: dict[str, list[list[str]]] = {}
    for words in lines:
        if words[0] == "vector":
            found[words[1]] = []
        else:
            found[list(found)[-1]].append(words)
    return found


VECTORS = vectors()


def number(word: str) -> float | None:
    return None if word in {"-", "none"} else float(word)


@pytest.fixture(scope="module")
def con(tmp_path_factory: pytest.TempPathFactory) -> Iterator[duckdb.DuckDBPyConnection]:
    directory = tmp_path_factory.mktemp("vectors")
    datums, resets = [], []
    for name, lines in VECTORS.items():
        for first, *rest in lines:
            if first == "reset":
                resets.append((rest[0], f"/{name}", *map(float, rest[1:])))
            elif first != "is":
                datums.append((first, f"/{name}", *map(number, rest)))

    def fill(con: duckdb.DuckDBPyConnection) -> None:
        for time, source, *values in datums:
            con.execute(
                """INSERT INTO datum (created, "nodeId", "sourceId", watts, temp, "wattHours")
                VALUES (?::TIMESTAMPTZ, 1, ?, ?, ?, ?)""",
                [f"2020-06-01 {time}:00Z", source, *values],
            )
        for number, (time, source, *values) in enumerate(resets):
            con.execute(
                """INSERT INTO "resetRecord" ("resetId", created, "nodeId", "sourceId", property, "final", "start")
                VALUES (?, ?::TIMESTAMPTZ, 1, ?, 'wattHours', ?, ?)""",
                [number, f"2020-06-01 {time}:00Z", source, *values],
            )

    with closing(open_store(directory, now=datetime(2026, 1, 1, tzinfo=UTC))) as store:
        store.write_now(fill)
    with q.open(directory) as opened:
        yield opened


def expected(name: str, what: str) -> list[float]:
    [words] = [line[2:] for line in VECTORS[name] if line[:2] == ["is", what]]
    return [] if words == ["none"] else [float(word) for word in words]


def row(found: duckdb.DuckDBPyRelation, columns: str) -> list[object]:
    """The columns of the only row; nothing where there is none, or nothing in it."""
    rows = found.project(columns).fetchall()
    assert len(rows) <= 1
    return [value for row in rows for value in row if value is not None]


@pytest.mark.parametrize("stitched", [False, True], ids=["letter", "stitched"])
@pytest.mark.parametrize("name", VECTORS)
def test_register(con: duckdb.DuckDBPyConnection, name: str, *, stitched: bool) -> None:
    """Vector 01 is the one where a register falls; it comes back, so followed it is the same."""
    asked = {"source": f"/{name}", "aggregate": "hour", "properties": ["wattHours"], "stitched": stitched, **HOUR}
    clock = row(q.datums(con, **asked), '"wattHours"')
    reading = row(q.readings(con, **asked), '"wattHours", "wattHours_start", "wattHours_end"')
    assert clock + reading == pytest.approx(expected(name, "w"))


@pytest.mark.parametrize(("what", "column"), [("x", "watts"), ("y", "temp")])
@pytest.mark.parametrize("name", VECTORS)
def test_instantaneous(con: duckdb.DuckDBPyConnection, name: str, what: str, column: str) -> None:
    hour = q.datums(con, source=f"/{name}", aggregate="hour", properties=[column], **HOUR)
    mean_count_min_max = expected(name, what)
    told = row(hour, f"{column}, {column}_min, {column}_max")
    assert told == pytest.approx(mean_count_min_max[:1] + mean_count_min_max[2:])


@pytest.mark.parametrize(
    ("values", "most_frequent"),
    # Of A and C the upstream test takes either, and PostgreSQL the lower one.
    [("AABCDC", "A"), ("ABBABC", "B"), (["BB", "AA", "DD", "EE", "FF", "DD"], "DD"), ("CCAAB", "A"), ("B", "B")],
)
def test_status_is_the_most_frequent(values: Sequence[str], most_frequent: str) -> None:
    with duckdb.connect() as con:
        con.execute("SET TimeZone = 'UTC'")
        con.execute('CREATE TABLE node ("nodeId" BIGINT, "timeZone" VARCHAR)')
        con.execute(
            """CREATE TABLE datum AS SELECT TIMESTAMPTZ '2020-06-01 12:09:00Z' + to_minutes(10 * n) AS created,
                1 AS "nodeId", '/a' AS "sourceId", v AS status, CASE WHEN n = 0 THEN 'x' END AS info
            FROM (SELECT unnest(?::VARCHAR[]) AS v, generate_subscripts(?::VARCHAR[], 1) - 1 AS n)""",
            [list(values)] * 2,
        )
        rows = q.datums(con, aggregate="hour", since="2020-06-01T12:00", until="2020-06-01T13:00")
        assert rows.project("status, info").fetchall() == [(most_frequent, "x")]


def test_nearest_difference(con: duckdb.DuckDBPyConnection) -> None:
    read = q.readings(con, type="NearestDifference", source="/02", properties=["wattHours"], **HOUR)
    columns = (
        'strftime(created, \'%H:%M\'), strftime("endDate", \'%H:%M\'), "wattHours", "wattHours_start", "wattHours_end"'
    )
    assert row(read, columns) == ["11:59", "12:59", 30, 100, 130]


def test_calculated_at_has_nine_decimals(con: duckdb.DuckDBPyConnection) -> None:
    read = q.readings(con, type="at", source="/02", properties=["wattHours"], since="2020-06-01T12:00:00.000007Z")
    assert row(read, '"wattHours"') == [100.500000058]


# Each third hour of a day: mean, count, min and max of x and y, clock value of w, then its difference, start and end.
HOURS = """
    ( 0, 1.2, 6, 1.1, 3.1, 2.1, 6, 2.0, 7.1, 100, 100, 100, 200),
    ( 3, 1.3, 6, 1.2, 3.2, 3.1, 6, 2.1, 7.2, 200, 101, 200, 301),
    ( 6, 1.4, 6, 1.3, 3.3, 4.1, 6, 2.2, 7.3, 300, 102, 301, 403),
    ( 9, 1.5, 6, 1.4, 3.4, 5.1, 6, 2.3, 7.4, 400, 103, 403, 506),
    (12, 1.6, 6, 1.5, 3.5, 6.1, 6, 2.4, 7.5, 500, 104, 506, 610),
    (15, 1.7, 6, 1.6, 3.6, 7.1, 6, 2.5, 7.6, 600, 105, 610, 715),
    (18, 1.8, 6, 1.7, 3.7, 8.1, 6, 2.6, 7.7, 700, 106, 715, 821),
    (21, 1.9, 6, 1.8, 3.8, 9.1, 6, 2.7, 7.8, 800, 107, 821, 928)
"""


def test_day_of_hours() -> None:
    columns = (
        'watts, "watts count", watts_min, watts_max, temp, "temp count", temp_min, temp_max, '
        '"wattHours", "wattHours difference", "wattHours first", "wattHours last"'
    )
    hours = f"""hour AS (
        SELECT 1 AS "nodeId", '/a' AS "sourceId", 1590969600000000 + 3600000000 * h AS period,
            COLUMNS(* EXCLUDE (h))::DOUBLE
        FROM (VALUES {HOURS}) t(h, {columns}))"""
    days = ", ".join([hours, *longer_ctes("day", ["watts", "temp", "wattHours"], Zones({}))])
    with duckdb.connect() as con:
        found = con.sql(f"WITH {days} SELECT period, {columns} FROM day").fetchall()
    assert found == [
        (1590969600000000, *map(pytest.approx, (1.55, 48, 1.1, 3.8, 5.6, 48, 2, 7.8, 3600, 828, 100, 928)))
    ]
