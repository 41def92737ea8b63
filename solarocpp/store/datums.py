"""Datums become rows of `datum`: one row for each node, source and time, whatever was sent about it when.

The rule of merging: properties add up; for the same property the later one in (reading context,
arrival) wins, contexts up to Sample.Periodic counting as one; a status or session property that is
given replaces, one that is not given leaves what is there. So the rows do not depend on how messages
were split into batches, nor, for different contexts, on their order.

The usual datum is newer than anything in its stream and is only appended: no index, no look-up. The
newest time of each stream is kept in memory for that. Others are looked for in the table first.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import NamedTuple
from uuid import UUID

from solarocpp.metering.datums import Datum, SessionProperties, StatusProperties
from solarocpp.store.database import Connection
from solarocpp.store.effects import DatumObserved, SignedReadingKept
from solarocpp.store.rows import Value, as_json, columns_of, insert_rows, quoted, unfolded
from solarocpp.store.schema import DATUM, property_column

# Spec 2.3: Sample.Periodic. Contexts up to it tie, so only higher ones need to be remembered.
_PERIODIC = 4

# A property becomes a column name; what a vendor's decoder makes must be one that needs no quotes.
_PROPERTY_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,62}")

_FIXED = frozenset(column.name.lower() for column in DATUM.columns if column.type != "DOUBLE")

_SAME_KEY = 'n."nodeId" = datum."nodeId" AND n."sourceId" = datum."sourceId" AND n.created = datum.created'
_KEY = ("created", "nodeId", "sourceId")


class Stream(NamedTuple):
    """One source of one node."""

    node_id: int
    source_id: str


class Applied(NamedTuple):
    """What writing datums did, beside the rows."""

    newest: Mapping[Stream, datetime]
    """The newest time of each stream that has a newer one now."""
    changed: frozenset[UUID]
    """Sessions that stored rows belonged to before late readings were merged into them; they may have lost those."""


class _Merged(NamedTuple):
    """What one batch says about one moment of one stream."""

    row: dict[str, Value]
    contexts: dict[str, int]
    """Reading contexts above Sample.Periodic of the properties in `row`."""


class DatumTable:
    """The `datum` table and what must be known to write it: its columns, and the newest of each stream."""

    def __init__(self, con: Connection) -> None:
        # Of this database: a rebuild has another one beside it, with the same table.
        names = con.execute(
            "SELECT column_name FROM duckdb_columns() "
            "WHERE database_name = current_database() AND table_name = 'datum' ORDER BY column_index"
        ).fetchall()
        # DuckDB matches names in any case, so a property has one spelling: the first.
        self._spelling = {name.lower(): name for (name,) in names if name.lower() not in _FIXED}
        self._properties = frozenset(self._spelling.values())
        self._newest: dict[Stream, datetime] = {
            Stream(node_id, source_id): created.astimezone(UTC)
            for node_id, source_id, created in con.execute(
                'SELECT "nodeId", "sourceId", max(created) FROM datum GROUP BY ALL'
            ).fetchall()
        }

    @property
    def properties(self) -> frozenset[str]:
        """Names of the property columns that exist."""
        return self._properties

    def missing(self, effects: Iterable[DatumObserved]) -> list[str]:
        """Lists properties that have no column yet, in order of appearance."""
        new: dict[str, str] = {}
        known = self._properties
        for effect in effects:
            if not effect.datum.properties.keys() <= known:
                for name in effect.datum.properties:
                    if name.lower() not in self._spelling:
                        new.setdefault(name.lower(), name)
        return list(new.values())

    def add_columns(self, con: Connection, names: Iterable[str]) -> Mapping[str, str]:
        """Makes columns for properties; `accept_columns` what it returns once that is committed.

        Takes 0.1 s on 10M rows, once in the life of a property.

        Raises:
            ValueError: a name that cannot be a property.
        """
        added: dict[str, str] = {}
        for name in names:
            if not _PROPERTY_NAME.fullmatch(name) or name.lower() in _FIXED:
                raise ValueError(f"{name!r} cannot be a datum property")
            column = property_column(name)
            con.execute(f'ALTER TABLE datum ADD COLUMN IF NOT EXISTS "{column.name}" {column.type}')
            added[name.lower()] = column.name
        return added

    def accept_columns(self, added: Mapping[str, str]) -> None:
        """Takes note of columns that a committed transaction made."""
        self._spelling.update(added)
        self._properties = frozenset(self._spelling.values())

    def apply(self, con: Connection, effects: Sequence[DatumObserved]) -> Applied:
        """Writes datums; `accept` the newest of what it returns once the transaction is committed."""
        merged = self._merge(effects)
        fresh: list[_Merged] = []
        late: list[_Merged] = []
        newest: dict[Stream, datetime] = {}
        for (created, node_id, source_id), item in merged.items():
            stream = Stream(node_id, source_id)
            before = self._newest.get(stream)
            if before is None or created > before:
                fresh.append(item)
                newest[stream] = max(created, newest.get(stream, created))
            else:
                late.append(item)
        changed: frozenset[UUID] = frozenset()
        if late:
            unstored, changed = _merge_late(con, late)
            fresh += unstored
        insert_rows(con, "datum", [item.row for item in fresh])
        insert_rows(con, "datumContext", [row for item in fresh for row in _context_rows(item)])
        return Applied(newest, changed)

    def accept(self, newest: Mapping[Stream, datetime]) -> None:
        """Takes note of what a committed transaction wrote."""
        self._newest.update(newest)

    def _merge(self, effects: Iterable[DatumObserved]) -> dict[tuple[datetime, int, str], _Merged]:
        merged: dict[tuple[datetime, int, str], _Merged] = {}
        known = self._properties
        for effect in effects:
            datum = effect.datum
            key = (datum.created, datum.node_id, datum.source_id)
            item = merged.get(key)
            if item is None:
                item = merged[key] = _Merged(dict(zip(_KEY, key, strict=True)), {})
            row = item.row
            row["received"] = effect.received
            if datum.session is not None:
                _add_session(row, datum.session)
            if datum.status is not None:
                _add_status(row, datum.status)
            if datum.contexts is None and not item.contexts and datum.properties.keys() <= known:
                row.update(datum.properties)
            else:
                _merge_by_context(item, datum, self._spelling)
        return merged


def insert_signed_readings(con: Connection, effects: Sequence[SignedReadingKept]) -> None:
    """Keeps signed samples, whole."""
    rows: list[dict[str, Value]] = [
        {
            "created": effect.created,
            "nodeId": effect.node_id,
            "sourceId": effect.source_id,
            "received": effect.received,
            "sessionId": effect.session_id,
            "measurand": effect.measurand,
            "context": effect.context,
            "value": effect.value,
        }
        for effect in effects
    ]
    insert_rows(con, "signedReading", rows)


# DuckDB groups by one text column through its dictionary, four times as fast as by two columns (10M datums of 500
# streams: 45 ms of CPU against 120). So sources come first, and only those that several nodes have are told apart.
_LATEST_VIEW = f"""
CREATE OR REPLACE VIEW latest AS
WITH source AS MATERIALIZED (
    SELECT "sourceId", min("nodeId") AS "nodeId", max("nodeId") AS "lastNodeId", max(created) AS created
    FROM datum GROUP BY "sourceId"
),
newest AS (
    SELECT "nodeId", "sourceId", created FROM source WHERE "nodeId" = "lastNodeId"
    UNION ALL
    SELECT "nodeId", "sourceId", max(created) FROM datum
    WHERE "sourceId" IN (SELECT "sourceId" FROM source WHERE "nodeId" <> "lastNodeId") GROUP BY ALL
)
SELECT datum.* FROM datum SEMI JOIN newest n ON {_SAME_KEY}"""


def create_latest_view(con: Connection) -> None:
    """Makes the `latest` view for the columns that exist now."""
    con.execute(_LATEST_VIEW)


def _merge_by_context(item: _Merged, datum: Datum, spelling: Mapping[str, str]) -> None:
    contexts = datum.contexts or {}
    for name, value in datum.properties.items():
        column = spelling[name.lower()]
        context = contexts.get(name, _PERIODIC)
        if context < item.contexts.get(column, 0):
            continue
        item.row[column] = value
        if context > _PERIODIC:
            item.contexts[column] = context


def _merge_late(con: Connection, late: Sequence[_Merged]) -> tuple[list[_Merged], frozenset[UUID]]:
    """Merges rows into those that are stored; returns those that are not, and the sessions of those that were."""
    times = [item.row["created"] for item in late]
    keys = as_json([{name: item.row[name] for name in _KEY} for item in late])
    # The range lets DuckDB skip all row groups of other times.
    among = (
        f"datum SEMI JOIN {unfolded('datum', _KEY)} n ON {_SAME_KEY} WHERE datum.created BETWEEN ?::TIMESTAMPTZ AND ?"
    )
    bounds = [keys, min(times), max(times)]  # type: ignore[type-var] # they are datetimes
    found = con.execute(f'SELECT {quoted(_KEY, "datum.")}, datum."sessionId" FROM {among}', bounds).fetchall()
    stored = {_key(row[:3]): row[3] for row in found}
    both = [item for item in late if tuple(item.row[name] for name in _KEY) in stored]
    if both:
        ranks = {
            (*_key(row[:3]), row[3]): row[4]
            for row in con.execute(
                f'SELECT created, "nodeId", "sourceId", property, context FROM "datumContext" AS {among}', bounds
            ).fetchall()
        }
        _update([_winning(item, ranks) for item in both], con)
    unstored = [item for item in late if tuple(item.row[name] for name in _KEY) not in stored]
    return unstored, frozenset(session for session in stored.values() if session is not None)


def _winning(item: _Merged, ranks: Mapping[tuple[object, ...], int]) -> _Merged:
    """Leaves out the properties that lose against a stored one of a higher context."""
    key = tuple(item.row[name] for name in _KEY)
    row = {
        name: value
        for name, value in item.row.items()
        if ranks.get((*key, name), 0) <= item.contexts.get(name, _PERIODIC)
    }
    return _Merged(row, {name: rank for name, rank in item.contexts.items() if name in row})


def _update(items: Sequence[_Merged], con: Connection) -> None:
    rows = [item.row for item in items]
    columns = columns_of(rows)
    changes = ", ".join(f'"{name}" = coalesce(n."{name}", datum."{name}")' for name in columns if name not in _KEY)
    con.execute(f"UPDATE datum SET {changes} FROM {unfolded('datum', columns)} n WHERE {_SAME_KEY}", [as_json(rows)])
    contexts = [row for item in items for row in _context_rows(item)]
    if contexts:
        con.execute(
            f'DELETE FROM "datumContext" AS datum USING {unfolded("datumContext", (*_KEY, "property"))} n '
            f"WHERE {_SAME_KEY} AND n.property = datum.property",
            [as_json(contexts)],
        )
        insert_rows(con, "datumContext", contexts)


def _context_rows(item: _Merged) -> list[dict[str, Value]]:
    key = {name: item.row[name] for name in _KEY}
    return [{**key, "property": name, "context": context} for name, context in item.contexts.items()]


def _key(row: Sequence[object]) -> tuple[object, ...]:
    created, *stream = row
    return (created.astimezone(UTC) if isinstance(created, datetime) else created, *stream)


def _add_session(row: dict[str, Value], session: SessionProperties) -> None:
    row["sessionId"] = session.session_id
    row["transactionId"] = session.transaction_id
    row["token"] = session.token
    row["duration"] = session.duration_s
    if session.end_date is not None:  # and only then are the others there
        row["endDate"] = session.end_date
        if session.end_reason is not None:
            row["endReason"] = session.end_reason
        if session.end_token is not None:
            row["endToken"] = session.end_token


def _add_status(row: dict[str, Value], status: StatusProperties) -> None:
    values: dict[str, Value] = {
        "status": status.status,
        "errorCode": status.error_code,
        "info": status.info,
        "vendorErrorCode": status.vendor_error_code,
        "vendorId": status.vendor_id,
        "sessionId": status.session_id,
        "transactionId": status.transaction_id,
        "mode": status.mode,
        "vid": status.vid,
    }
    row.update({name: value for name, value in values.items() if value is not None})


def sessions_of(effects: Iterable[DatumObserved]) -> set[UUID]:
    """Collects the sessions that datums belong to."""
    return {effect.datum.session.session_id for effect in effects if effect.datum.session is not None}
