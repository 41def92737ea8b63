"""The questions of query.py, each twice: to the query module, and in plain SQL by somebody who knows the tables.

Both answer the same question, and `differing` says where they do not: a row that only one of them has, or a value
that is not the same to nine digits. What is compared:

    sessions_by_node_source   sessions, energy, duration, average and peak power, open ones, of each outlet
    sessions_by_month         the same of each month
    latest                    the whole newest row of each outlet
    source_day                the whole rows of a day of one outlet
    source_year_by_hour       energy of each hour: a step between two readings is shared by time between the hours it
                              touches, and counts for none if it took longer than an hour (SolarNetwork's clock value)
    site_month_by_15min       the mean power of each outlet in a quarter of an hour, added up

The plain SQL may take what is true of this file and not of every store: registers that never fall, no Reset records,
one node, in UTC. The module may not, and that is what it is timed against.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Final

import duckdb

import solarocpp.query as q

SOURCE: Final = "/ocpp/cp/CP007/1/Outlet"

QUESTIONS: Final[Mapping[str, Callable[[duckdb.DuckDBPyConnection], duckdb.DuckDBPyRelation]]] = {
    "sessions_by_node_source": lambda con: q.sessions(con, by=["node", "source"]),
    "sessions_by_month": lambda con: q.sessions(con, by="month"),
    "latest": q.latest,
    "source_day": lambda con: q.datums(con, source=SOURCE, since="2025-01-01", until="2025-01-02"),
    "source_year_by_hour": lambda con: q.datums(
        con, source=SOURCE, since="2025-01-01", until="2026-01-01", aggregate="hour", properties="wattHours"
    ),
    "site_month_by_15min": lambda con: q.datums(
        con, since="2025-06-01", until="2025-07-01", aggregate="15min", properties="watts"
    ).aggregate("created, sum(watts) AS watts", "created"),
}

_MEASURES = """count(*) AS sessions, sum(energy) AS energy, sum(duration) AS duration,
    sum(energy) * 3600 / sum(duration) AS "averagePower", max("peakPower") AS "peakPower",
    count(*) FILTER (ended IS NULL) AS "openSessions\""""

BY_HAND: Final[Mapping[str, str]] = {
    "sessions_by_node_source": f'SELECT "nodeId", "sourceId", {_MEASURES} FROM session GROUP BY ALL',
    "sessions_by_month": f"SELECT date_trunc('month', started) AS month, {_MEASURES} FROM session GROUP BY ALL",
    "latest": """SELECT d.* FROM datum d
        SEMI JOIN (SELECT "nodeId", "sourceId", max(created) AS created FROM datum GROUP BY ALL) n
        ON d."nodeId" = n."nodeId" AND d."sourceId" = n."sourceId" AND d.created = n.created""",
    "source_day": f"""SELECT * FROM datum
        WHERE "sourceId" = '{SOURCE}' AND created >= '2025-01-01' AND created < '2025-01-02' ORDER BY created""",
    "source_year_by_hour": f"""
        WITH step AS (
            SELECT created, date_trunc('hour', created) AS hour, lag(created) OVER readings AS since,
                "wattHours" - lag("wattHours") OVER readings AS rise
            FROM datum WHERE "sourceId" = '{SOURCE}' AND "wattHours" IS NOT NULL
            WINDOW readings AS (ORDER BY created)
        ),
        part AS (
            SELECT hour, rise * (epoch(created) - epoch(greatest(since, hour))) / (epoch(created) - epoch(since)) AS wh
            FROM step WHERE created <= since + INTERVAL 1 HOUR
            UNION ALL
            SELECT date_trunc('hour', since), rise * (epoch(hour) - epoch(since)) / (epoch(created) - epoch(since))
            FROM step WHERE since < hour AND created <= since + INTERVAL 1 HOUR
            UNION ALL -- a reading at the very end of an hour is one of that hour, too
            SELECT hour - INTERVAL 1 HOUR, 0 FROM step WHERE created = hour AND since IS NOT NULL
        )
        SELECT hour AS created, 1 AS "nodeId", '{SOURCE}' AS "sourceId", sum(wh) AS "wattHours"
        FROM part WHERE hour >= '2025-01-01' AND hour < '2026-01-01' GROUP BY ALL ORDER BY 1""",
    "site_month_by_15min": """SELECT slot AS created, sum(watts) AS watts FROM (
            SELECT time_bucket(INTERVAL 15 MINUTE, created) AS slot, "sourceId", avg(watts) AS watts FROM datum
            WHERE created >= '2025-06-01' AND created < '2025-07-01' AND watts IS NOT NULL GROUP BY ALL
        ) GROUP BY ALL""",
}


def differing(con: duckdb.DuckDBPyConnection, name: str) -> list[str]:
    """Asks both ways, and tells what differs, the first few of it; in whatever order rows and columns come."""
    ours, by_hand = QUESTIONS[name](con), con.sql(BY_HAND[name])
    if set(ours.columns) != set(by_hand.columns):
        return [f"columns {sorted(set(ours.columns) ^ set(by_hand.columns))}"]
    columns = sorted(ours.columns)
    one, other = (
        sorted((dict(zip(relation.columns, row, strict=True)) for row in relation.fetchall()), key=_key)
        for relation in (ours, by_hand)
    )
    if len(one) != len(other):
        mine, theirs = ({_key(row) for row in rows} for rows in (one, other))
        return [f"{len(one)} rows and {len(other)}, as of {sorted(mine ^ theirs)[:3]}"]
    wrong = [
        f"{_key(row)} {column}: {row[column]} and {hand[column]}"
        for row, hand in zip(one, other, strict=True)
        for column in columns
        if not _same(row[column], hand[column])
    ]
    return wrong[:3]


def _key(row: Mapping[str, object]) -> tuple[str, ...]:
    return tuple(str(row[name]) for name in ("created", "month", "nodeId", "sourceId") if name in row)


def _same(one: object, other: object) -> bool:
    if isinstance(one, float) and isinstance(other, float):
        return math.isclose(one, other, rel_tol=1e-9, abs_tol=1e-6)
    return one == other
