"""The registry's tables: loaded whole at start, written through one entity at a time.

The registry owns the entities; here is only how a frozen struct becomes a row. A struct's fields are
columns by name, `charger_id` being `chargerId`; fields that the table does not have are left out, and
a NULL takes the field's default. All functions take the connection of a running `Store.write`,
`Store.read`, or their `_now` twins. What chargers themselves report about charger and connector rows
comes as effects and is projected here too.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import NamedTuple, TypeVar

import msgspec

from solarocpp.store.database import Connection
from solarocpp.store.effects import ChargerDescribed, ConnectorsCounted, ConnectorStatusChanged
from solarocpp.store.rows import Value, as_json, insert_rows, quoted, unfolded
from solarocpp.store.schema import SECRET_TABLES, TABLES

__all__ = [
    "ACCOUNT",
    "ACCOUNT_SETTINGS",
    "API_TOKEN",
    "AUTHORIZATION",
    "CHARGER",
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


def unused_hid(con: Connection) -> str:
    """Draws a hid that no account has in any case: what names an account in URLs (spec 1.5)."""
    taken = {hid for (hid,) in con.execute("SELECT lower(hid) FROM account").fetchall()}
    while True:
        hid = "".join(secrets.choice(UNAMBIGUOUS) for _ in range(_HID_LENGTH))
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
    """Writes what chargers said about themselves, in their order; what concerns a removed charger changes nothing."""
    statuses: dict[tuple[int, int], Mapping[str, Value]] = {}
    for effect in effects:
        match effect:
            case ConnectorStatusChanged():
                # The last to arrive is the newest: a charger whose clock fell back must not freeze here.
                key = (effect.charger_id, effect.connector_id)
                statuses[key] = {_column(name): getattr(effect, name) for name in effect.__struct_fields__}
            case ChargerDescribed():
                _describe(con, effect)
            case ConnectorsCounted():
                _write_statuses(con, statuses)
                statuses = {}
                _count_connectors(con, effect)
    _write_statuses(con, statuses)


def _write_statuses(con: Connection, statuses: Mapping[tuple[int, int], Mapping[str, Value]]) -> None:
    insert_rows(con, CONNECTOR.name, list(statuses.values()), how="INSERT OR REPLACE")


def _describe(con: Connection, effect: ChargerDescribed) -> None:
    names = [name for name in effect.__struct_fields__ if name != "charger_id"]
    changes = ", ".join(f'"{_column(name)}" = ?' for name in names)
    values = [getattr(effect, name) for name in names]
    con.execute(f'UPDATE charger SET {changes} WHERE "chargerId" = ?', [*values, effect.charger_id])


def _count_connectors(con: Connection, effect: ConnectorsCounted) -> None:
    charger, count = effect.charger_id, effect.connector_count
    con.execute('UPDATE charger SET "connectorCount" = ? WHERE "chargerId" = ?', [count, charger])
    con.execute('DELETE FROM connector WHERE "chargerId" = ? AND "connectorId" > ?', [charger, count])
    con.execute(
        'INSERT INTO connector ("chargerId", "connectorId") SELECT ?, n FROM generate_series(1, ?) AS s(n) '
        "ON CONFLICT DO NOTHING",
        [charger, count],
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
