"""What was derived takes the place of what was there, in one transaction; and back.

`before` holds which rows are concerned (`key`, `concerned`, `retotalled`) and what was there. The same
function puts in what is staged and, later, what was there before; so the way back is tried at each step.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from itertools import islice
from typing import NamedTuple
from uuid import UUID

import duckdb

from solarocpp.errors import StoreError
from solarocpp.store.database import Connection
from solarocpp.store.datums import DatumTable, create_latest_view
from solarocpp.store.effects import EventHappened
from solarocpp.store.events import insert_events
from solarocpp.store.rebuild.span import Span
from solarocpp.store.rebuild.staging import BEFORE, STAGED
from solarocpp.store.sessions import create_session_view, store_totals

# One statement for all would hold the datums of all sessions at once; so many are some 100 MB.
_SESSIONS_AT_ONCE = 5_000

_SAME_KEY = 'USING (created, "nodeId", "sourceId")'


class TableChange(NamedTuple):
    """How one table changes, in rows; `before` and `after` count the rows that are looked at, not the whole table."""

    table: str
    before: int
    after: int
    added: int
    removed: int
    changed: int


class SessionChange(NamedTuple):
    """An ended session whose energy changes; None where it was or will not be there."""

    transaction_id: int
    source_id: str
    token: str
    started: datetime
    energy_before: float | None
    energy_after: float | None


class Changes(NamedTuple):
    """What a rebuild changes."""

    tables: list[TableChange]
    sessions: list[SessionChange]
    """Those with the largest differences first."""

    @property
    def any(self) -> bool:
        """Whether anything changes at all."""
        return any(table.added or table.removed or table.changed for table in self.tables)

    @property
    def removes(self) -> bool:
        """Whether rows go, or change, that are not made anew."""
        return any(table.removed or table.changed for table in self.tables)


def keep_before(con: Connection, span: Span, first_transaction_id: int) -> None:
    """Writes down in `before` what a swap is about to replace, and where."""
    con.execute(
        f'CREATE TABLE {BEFORE}.about AS SELECT uuid() AS id, ?::BIGINT AS "last", ? AS cut', [span.last, span.cut]
    )
    touched = 'SELECT created, "nodeId", "sourceId" FROM {0}datum WHERE received >= $cut'
    con.execute(
        f"CREATE TABLE {BEFORE}.key AS {touched.format('')} UNION {touched.format(STAGED + '.')}", {"cut": span.cut}
    )
    con.execute(
        f'CREATE TABLE {BEFORE}.concerned AS SELECT "sessionId" FROM {STAGED}."chargeSession" '
        'UNION SELECT "sessionId" FROM "chargeSession" WHERE "transactionId" >= ?',
        [first_transaction_id],
    )
    for table in ("datum", "datumContext"):
        con.execute(f'CREATE TABLE {BEFORE}."{table}" AS FROM "{table}" SEMI JOIN {BEFORE}.key {_SAME_KEY}')
    con.execute(
        f'CREATE TABLE {BEFORE}."chargeSession" AS '
        f'FROM "chargeSession" SEMI JOIN {BEFORE}.concerned USING ("sessionId")'
    )
    con.execute(f'CREATE TABLE {BEFORE}."signedReading" AS FROM "signedReading" WHERE received >= ?', [span.cut])
    con.execute(
        f'CREATE TABLE {BEFORE}.retotalled AS SELECT "sessionId" FROM {BEFORE}.concerned '
        f'UNION SELECT "sessionId" FROM {BEFORE}.datum WHERE "sessionId" IS NOT NULL '
        f'UNION SELECT "sessionId" FROM {STAGED}.datum SEMI JOIN {BEFORE}.key {_SAME_KEY} WHERE "sessionId" IS NOT NULL'
    )
    con.execute(
        f'CREATE TABLE {BEFORE}."sessionTotal" AS FROM "sessionTotal" SEMI JOIN {BEFORE}.retotalled USING ("sessionId")'
    )
    for column in _new_columns(con):  # so that rows of both can be compared
        con.execute(f'ALTER TABLE {BEFORE}.datum ADD COLUMN "{column}" DOUBLE')
    # Into the file, which alone is kept; that the disk is too full is found before anything is replaced.
    con.execute(f"CHECKPOINT {BEFORE}")


class Swap:
    """A swap that is done and not kept yet."""

    def __init__(self, changes: Changes) -> None:
        self.changes = changes
        self.kept = False

    def keep(self) -> None:
        """Has it committed at the end of the block; without it everything stays as it was."""
        self.kept = True


@contextlib.contextmanager
def swapped(con: Connection, now: datetime) -> Iterator[Swap]:
    """Puts what is staged in the place of what was there, in a transaction that lasts as long as the block."""
    con.begin()
    try:
        swap = Swap(_swap(con, now))
        yield swap
        if swap.kept:
            con.commit()
        else:
            con.rollback()
    except BaseException:
        with contextlib.suppress(duckdb.Error):  # it may have ended already
            con.rollback()
        raise


def _swap(con: Connection, now: datetime) -> Changes:
    for column in _new_columns(con):
        con.execute(f'ALTER TABLE datum ADD COLUMN "{column}" DOUBLE')
    _put_in(con, STAGED)
    _retotal(con)
    changes = Changes(_table_changes(con), _session_changes(con))
    identity, _, cut = _about(con)
    said = {f"{table.table}_{what}": getattr(table, what) for table in changes.tables for what in _WHATS}
    message = f"datums and sessions since {cut.isoformat()} were derived again from the ledger"
    insert_events(con, [EventHappened(now, "tables_rebuilt", None, message, {"id": str(identity), **said})])
    return changes


def undo_swap(con: Connection, now: datetime) -> None:
    """Puts back what the last swap replaced, from the attached `before`; within a transaction.

    Raises:
        StoreError: something was written since, or another rebuild; says what to do instead.
    """
    identity, last, cut = _about(con)
    done = con.execute(
        "SELECT data->>'id' FROM event WHERE name IN ('tables_rebuilt', 'rebuild_undone') ORDER BY created DESC LIMIT 1"
    ).fetchone()
    if done is None or done[0] != str(identity):
        raise StoreError("The last rebuild was undone already, or what it replaced is not kept any more.")
    (watermark,) = con.execute("SELECT watermark FROM meta").fetchall()[0]
    if watermark != last:
        raise StoreError(
            f"{watermark - last} exchanges came in since the rebuild, and what they made would be lost. "
            f"To go back, run: solarocpp rebuild --since {cut:%Y-%m-%dT%H:%M:%SZ}, with the version you had before."
        )
    _put_in(con, BEFORE)
    con.execute(f'INSERT INTO "sessionTotal" BY NAME FROM {BEFORE}."sessionTotal"')
    message = f"what a rebuild since {cut.isoformat()} replaced was put back"
    insert_events(con, [EventHappened(now, "rebuild_undone", None, message, {"rebuild": str(identity)})])


def _about(con: Connection) -> tuple[UUID, int, datetime]:
    identity, last, cut = con.execute(f'SELECT id, "last", cut FROM {BEFORE}.about').fetchall()[0]
    return identity, last, cut.astimezone(UTC)


def _put_in(con: Connection, source: str) -> None:
    for table in ("datum", "datumContext"):
        same = " AND ".join(f'"{table}"."{name}" = k."{name}"' for name in ("created", "nodeId", "sourceId"))
        con.execute(f'DELETE FROM "{table}" USING {BEFORE}.key k WHERE {same}')
        con.execute(f'INSERT INTO "{table}" BY NAME FROM {source}."{table}" SEMI JOIN {BEFORE}.key {_SAME_KEY}')
    con.execute(f'DELETE FROM "chargeSession" WHERE "sessionId" IN (SELECT "sessionId" FROM {BEFORE}.concerned)')
    con.execute(f'INSERT INTO "chargeSession" BY NAME FROM {source}."chargeSession"')
    con.execute(f'DELETE FROM "signedReading" WHERE received >= (SELECT cut FROM {BEFORE}.about)')
    con.execute(f'INSERT INTO "signedReading" BY NAME FROM {source}."signedReading"')
    con.execute(f'DELETE FROM "sessionTotal" WHERE "sessionId" IN (SELECT "sessionId" FROM {BEFORE}.retotalled)')


def _retotal(con: Connection) -> None:
    """Computes the totals of all sessions concerned, as when they ended; views learn of new columns first."""
    properties = DatumTable(con).properties
    create_session_view(con, properties)
    create_latest_view(con)
    ids = con.execute(f'SELECT "sessionId" FROM {BEFORE}.retotalled ORDER BY "sessionId"').fetchall()
    for some in _batches([session_id for (session_id,) in ids]):
        store_totals(con, some, properties)


def _batches(ids: Sequence[UUID]) -> Iterator[list[UUID]]:
    waiting = iter(ids)
    while some := list(islice(waiting, _SESSIONS_AT_ONCE)):
        yield some


def _new_columns(con: Connection) -> list[str]:
    """Lists the columns that `datum` has in `staged` and not in the store, in their order."""
    sql = (
        "SELECT column_name FROM duckdb_columns() WHERE table_name = 'datum' AND database_name = {} "
        "ORDER BY column_index"
    )
    known = {name.lower() for (name,) in con.execute(sql.format("current_database()")).fetchall()}
    staged = con.execute(sql.format(f"'{STAGED}'")).fetchall()
    return [name for (name,) in staged if name.lower() not in known]


_WHATS = ("added", "removed", "changed")

_DATUM_KEY = ("created", "nodeId", "sourceId")

_COMPARED: dict[str, tuple[str, tuple[str, ...]]] = {
    "datum": (f"FROM {STAGED}.datum SEMI JOIN {BEFORE}.key {_SAME_KEY}", _DATUM_KEY),
    "datumContext": (
        f'FROM {STAGED}."datumContext" SEMI JOIN {BEFORE}.key {_SAME_KEY}',
        (*_DATUM_KEY, "property"),
    ),
    "chargeSession": (f'FROM {STAGED}."chargeSession"', ("sessionId",)),
    "sessionTotal": (f'FROM "sessionTotal" SEMI JOIN {BEFORE}.retotalled USING ("sessionId")', ("sessionId",)),
    "signedReading": (f'FROM {STAGED}."signedReading"', (*_DATUM_KEY, "measurand", "context")),
}
"""Tables by what they hold afterwards, and the columns by which a row is the same one."""

_COMPARISON = """
WITH gone AS MATERIALIZED ((FROM {old}) EXCEPT ALL ({new})),
fresh AS MATERIALIZED (({new}) EXCEPT ALL (FROM {old}))
SELECT (SELECT count(*) FROM {old}), (SELECT count(*) FROM ({new})), (SELECT count(*) FROM fresh),
    (SELECT count(*) FROM gone), (SELECT count(*) FROM gone SEMI JOIN fresh USING ({key}))
"""


def _table_changes(con: Connection) -> list[TableChange]:
    changes = []
    for table, (new, key) in _COMPARED.items():
        names = ", ".join(f'"{name}"' for name in key)
        sql = _COMPARISON.format(old=f'{BEFORE}."{table}"', new=new, key=names)
        before, after, fresh, gone, changed = con.execute(sql).fetchall()[0]
        changes.append(TableChange(table, before, after, fresh - changed, gone - changed, changed))
    return changes


_SESSION_CHANGES = f"""
SELECT "transactionId", "sourceId", token, started, o.energy, n.energy
FROM {BEFORE}."sessionTotal" o
FULL JOIN (FROM "sessionTotal" SEMI JOIN {BEFORE}.retotalled USING ("sessionId")) n USING ("sessionId")
JOIN (FROM "chargeSession" UNION FROM {BEFORE}."chargeSession" ANTI JOIN "chargeSession" USING ("sessionId")) s
    USING ("sessionId")
WHERE o.energy IS DISTINCT FROM n.energy OR o."sessionId" IS NULL OR n."sessionId" IS NULL
ORDER BY abs(coalesce(n.energy, 0) - coalesce(o.energy, 0)) DESC, "transactionId" LIMIT {{most}}
"""

MOST_SESSIONS_SHOWN = 1_000
"""As many as any listing of the command line has by default; a person looks at the first ten."""


def _session_changes(con: Connection) -> list[SessionChange]:
    rows = con.execute(_SESSION_CHANGES.format(most=MOST_SESSIONS_SHOWN)).fetchall()
    return [
        SessionChange(number, source, token, started.astimezone(UTC), before, after)
        for number, source, token, started, before, after in rows
    ]
