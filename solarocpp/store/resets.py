"""Meter changes that an operator entered: rows of `resetRecord`, and the totals they change (spec 10.2)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final

import msgspec

from solarocpp.store.database import Connection
from solarocpp.store.rows import insert_rows, quoted
from solarocpp.store.schema import RESET_RECORD
from solarocpp.store.sessions import store_totals

_COLUMNS: Final = quoted(column.name for column in RESET_RECORD.columns)


class ResetRecord(msgspec.Struct, frozen=True):
    """One row of `resetRecord`."""

    reset_id: int
    created: datetime
    node_id: int
    source_id: str
    property: str
    final: float
    start: float
    note: str
    entered: datetime


def select_resets(con: Connection, nodes: Sequence[int] | None = None) -> list[ResetRecord]:
    """Lists records by time; of some nodes only, or all."""
    rows = con.execute(f'SELECT {_COLUMNS} FROM "resetRecord" ORDER BY created, "resetId"').fetchall()
    records = [_record(row) for row in rows]
    return records if nodes is None else [record for record in records if record.node_id in nodes]


def nodes_of(con: Connection, source_id: str) -> list[int]:
    """Lists the nodes that have datums of a source."""
    rows = con.execute('SELECT DISTINCT "nodeId" FROM datum WHERE "sourceId" = ? ORDER BY 1', [source_id]).fetchall()
    return [int(node_id) for (node_id,) in rows]


def insert_reset(con: Connection, record: ResetRecord) -> ResetRecord:
    """Enters a record, gives it its number, and computes the totals of sessions it is within again."""
    number = con.execute("SELECT nextval('resetNumber')").fetchone()
    record = msgspec.structs.replace(record, reset_id=int(number[0]) if number else 0)
    values = msgspec.structs.astuple(record)
    insert_rows(con, RESET_RECORD.name, [dict(zip((c.name for c in RESET_RECORD.columns), values, strict=True))])
    _store_totals_around(con, record)
    return record


def delete_reset(con: Connection, record: ResetRecord) -> None:
    """Takes a record back, and with it what it changed in totals."""
    con.execute('DELETE FROM "resetRecord" WHERE "resetId" = ?', [record.reset_id])
    _store_totals_around(con, record)


def _store_totals_around(con: Connection, record: ResetRecord) -> None:
    """A record between two readings of one session is in its energy; all others only meet it in idle steps."""
    sessions = con.execute(
        'SELECT "sessionId" FROM datum WHERE "nodeId" = ? AND "sourceId" = ? AND "sessionId" IS NOT NULL '
        'GROUP BY "sessionId" HAVING min(created) < ? AND max(created) >= ?',
        [record.node_id, record.source_id, record.created, record.created],
    ).fetchall()
    names = con.execute("SELECT column_name FROM duckdb_columns() WHERE table_name = 'datum'").fetchall()
    store_totals(con, [session_id for (session_id,) in sessions], [name for (name,) in names])


def _record(row: Sequence[object]) -> ResetRecord:
    values = [value.astimezone(UTC) if isinstance(value, datetime) else value for value in row]
    return msgspec.convert(dict(zip(ResetRecord.__struct_fields__, values, strict=True)), ResetRecord)
