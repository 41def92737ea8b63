"""The registry's tables: loaded whole at start, written through one entity at a time.

The registry owns the entities; here is only how a frozen struct becomes a row. A struct's fields are
columns by name, `charger_id` being `chargerId`; fields that the table does not have are left out, and
a NULL takes the field's default. All functions take the connection of a running `Store.write`,
`Store.read`, or their `_now` twins. What chargers themselves report about charger and connector rows
comes as effects and is projected here too.
"""

from __future__ import annotations

import secrets
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import NamedTuple, TypeVar

import msgspec

from solarocpp.store.database import Connection
from solarocpp.store.effects import ChargerDescribed, ConnectorsCounted, ConnectorStatusChanged
from solarocpp.store.rows import Value, as_json, columns_of, insert_rows, quoted, unfolded
from solarocpp.store.schema import SECRET_TABLES, TABLES

__all__ = [
    "ACCOUNT",
    "ACCOUNT_SETTINGS",
    "API_TOKEN",
    "AUTHORIZATION",
    "CHARGER",
    "CHARGER_KEY",
    "CHARGER_SETTINGS",
    "CONNECTOR",
    "CREDENTIAL",
    "NODE",
    "UNAMBIGUOUS",
    "Connection",
    "EntityTable",
    "delete_entity",
    "insert_entities",
    "next_id",
    "replace_entity",
    "select_all",
    "unused_hid",
]

T = TypeVar("T", bound=msgspec.Struct)


class EntityTable(NamedTuple):
    """A table of entities: its name and the struct fields that identify a row."""

    name: str
    key: tuple[str, ...]


ACCOUNT = EntityTable("account", ("account_id",))
NODE = EntityTable("node", ("node_id",))
CHARGER = EntityTable("charger", ("charger_id",))
AUTHORIZATION = EntityTable("authorization", ("authorization_id",))
ACCOUNT_SETTINGS = EntityTable("accountSettings", ("account_id",))
CHARGER_SETTINGS = EntityTable("chargerSettings", ("charger_id",))
CONNECTOR = EntityTable("connector", ("charger_id", "connector_id"))
# In secrets.duckdb: use these with `Store.secrets`.
CREDENTIAL = EntityTable("credential", ("credential_id",))
API_TOKEN = EntityTable("apiToken", ("token_id",))
CHARGER_KEY = EntityTable("chargerKey", ("charger_id", "state"))

UNAMBIGUOUS = "23456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
"""No 0 O 1 I l: somebody reads it from a screen and types it into a charger with three keys."""

# SolarNetwork's, spec 1.5.
_HID_LENGTH = 8

_COLUMNS: Mapping[str, frozenset[str]] = {
    table.name: frozenset(column.name for column in table.columns) for table in (*TABLES, *SECRET_TABLES)
}


def next_id(con: Connection, table: EntityTable) -> int:
    """Gives a number for a new entity; never the same one twice, even after a removal."""
    key = _column(table.key[0])
    while True:
        # An operator may have chosen a number ahead of the sequence, as one does for nodes.
        row = con.execute(
            f'SELECT n, n IN (SELECT "{key}" FROM "{table.name}") FROM (SELECT nextval(\'{table.name}Number\') AS n)'
        ).fetchone()
        if row is not None and not row[1]:
            return int(row[0])


def unused_hid(con: Connection, choose: Callable[[str], str] = secrets.choice) -> str:
    """Draws a hid that no account has in any case: what names an account in URLs (spec 1.5)."""
    taken = {hid for (hid,) in con.execute("SELECT lower(hid) FROM account").fetchall()}
    while True:
        hid = "".join(choose(UNAMBIGUOUS) for _ in range(_HID_LENGTH))
        if hid.lower() not in taken:
            return hid


def select_all(con: Connection, table: EntityTable, kind: type[T]) -> list[T]:
    """Reads every row of `table` as a `kind`, in the order of its key; times are aware UTC."""
    fields = [name for name in kind.__struct_fields__ if _column(name) in _COLUMNS[table.name]]
    names = quoted(map(_column, fields))
    rows = con.execute(f'SELECT {names} FROM "{table.name}" ORDER BY {quoted(map(_column, table.key))}').fetchall()
    return [
        msgspec.convert({name: _utc(value) for name, value in zip(fields, row, strict=True) if value is not None}, kind)
        for row in rows
    ]


def insert_entities(con: Connection, table: EntityTable, entities: Sequence[msgspec.Struct]) -> None:
    """Inserts entities that are not there yet."""
    insert_rows(con, table.name, [_row(table, entity) for entity in entities])


def replace_entity(con: Connection, table: EntityTable, entity: msgspec.Struct) -> None:
    """Writes all fields of an entity, whether it is there or not."""
    row = _row(table, entity)
    key = [_column(name) for name in table.key]
    changes = ", ".join(f'"{name}" = excluded."{name}"' for name in row if name not in key)
    con.execute(
        f'INSERT INTO "{table.name}" ({quoted(row)}) SELECT {quoted(row)} FROM {unfolded(table.name, list(row))} '
        f"ON CONFLICT ({quoted(key)}) DO UPDATE SET {changes}",
        [as_json([row])],
    )


def delete_entity(con: Connection, table: EntityTable, **key: int) -> bool:
    """Deletes the entity with this key, `charger_id=7`; False if there was none."""
    where = " AND ".join(f'"{_column(name)}" = ?' for name in key)
    deleted = con.execute(f'DELETE FROM "{table.name}" WHERE {where} RETURNING 1', list(key.values())).fetchall()
    return bool(deleted)


def apply_charger_effects(
    con: Connection, effects: Sequence[ConnectorStatusChanged | ChargerDescribed | ConnectorsCounted]
) -> None:
    """Writes what chargers said about themselves, as if one by one; what concerns a removed charger changes nothing.

    Statements for all chargers at once cost 0.2 ms each when 5,000 dial in for the first time; statements for
    each one cost 8.5 ms, which kept the projector busy for 40 s.
    """
    described: dict[int, Mapping[str, Value]] = {}
    counted: dict[int, int] = {}
    fewest: dict[int, int] = {}
    statuses: defaultdict[int, dict[int, Mapping[str, Value]]] = defaultdict(dict)
    for effect in effects:
        charger = effect.charger_id
        match effect:
            case ConnectorStatusChanged():
                # The last to arrive is the newest: a charger whose clock fell back must not freeze here.
                statuses[charger][effect.connector_id] = _as_row(effect)
            case ChargerDescribed():
                described[charger] = _as_row(effect)
            case ConnectorsCounted():
                count = effect.connector_count
                counted[charger] = count
                # What a count took away is not brought back by a higher one after it: it is made anew, empty.
                fewest[charger] = min(count, fewest.get(charger, count))
                statuses[charger] = {number: row for number, row in statuses[charger].items() if number <= count}
    _update_chargers(con, list(described.values()))
    _update_chargers(con, _counts(counted))
    _remove_connectors(con, _counts(fewest))
    insert_rows(
        con, CONNECTOR.name, [row for said in statuses.values() for row in said.values()], how="INSERT OR REPLACE"
    )
    _add_connectors(con, _counts(counted))


def select_connector_statuses(con: Connection) -> dict[tuple[int, int], str]:
    """Reads what each connector said last that it is, by the number of its charger and its own."""
    rows = con.execute('SELECT "chargerId", "connectorId", status FROM connector WHERE status IS NOT NULL').fetchall()
    return {(charger, connector): status for charger, connector, status in rows}


def _as_row(effect: ConnectorStatusChanged | ChargerDescribed) -> Mapping[str, Value]:
    return {_column(name): getattr(effect, name) for name in effect.__struct_fields__}


def _counts(counts: Mapping[int, int]) -> Sequence[Mapping[str, Value]]:
    return [{"chargerId": charger, "connectorCount": count} for charger, count in counts.items()]


def _update_chargers(con: Connection, rows: Sequence[Mapping[str, Value]]) -> None:
    if rows:
        columns = columns_of(rows)
        changes = ", ".join(f'"{name}" = n."{name}"' for name in columns if name != "chargerId")
        con.execute(
            f"UPDATE charger SET {changes} FROM {unfolded(CHARGER.name, columns)} AS n "
            'WHERE charger."chargerId" = n."chargerId"',
            [as_json(rows)],
        )


def _remove_connectors(con: Connection, counts: Sequence[Mapping[str, Value]]) -> None:
    """Removes the connectors above a charger's count."""
    if counts:
        con.execute(
            f"DELETE FROM connector USING {unfolded(CHARGER.name, columns_of(counts))} AS n "
            'WHERE connector."chargerId" = n."chargerId" AND "connectorId" > n."connectorCount"',
            [as_json(counts)],
        )


def _add_connectors(con: Connection, counts: Sequence[Mapping[str, Value]]) -> None:
    """Makes the connectors 1 to a charger's count, where they are not there yet."""
    if counts:
        con.execute(
            'INSERT INTO connector ("chargerId", "connectorId") '
            'SELECT "chargerId", unnest(range(1, "connectorCount" + 1)) '
            f"FROM {unfolded(CHARGER.name, columns_of(counts))} ON CONFLICT DO NOTHING",
            [as_json(counts)],
        )


def _row(table: EntityTable, entity: msgspec.Struct) -> dict[str, Value]:
    columns = _COLUMNS[table.name]
    return {_column(name): getattr(entity, name) for name in entity.__struct_fields__ if _column(name) in columns}


def _column(field: str) -> str:
    """Spells a struct field as its column: `charger_id` is `chargerId`."""
    first, *others = field.split("_")
    return first + "".join(word.capitalize() for word in others)


def _utc(value: object) -> object:
    return value.astimezone(UTC) if isinstance(value, datetime) else value
