"""Configuration keys of chargers: what they told, with its past, and what somebody wants them to be.

A row of `configuration` is one value for as long as it stood: `until` is empty for what is now. Secrets that are
desired are in the secrets database only; both tables hold the same mark in their place.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Final, TypeVar

import msgspec

from solarocpp.store.database import Connection
from solarocpp.store.effects import ConfigurationKeyTold, ConfigurationTold
from solarocpp.store.rows import Value, as_json, insert_rows, quoted, unfolded
from solarocpp.store.schema import CONFIGURATION, CONFIGURATION_READING, DESIRED_CONFIGURATION

T = TypeVar("T", bound=msgspec.Struct)

_SECRETS: Final = "desiredConfigurationSecret"
_CHANGING: Final = ("readonly", "rebootRequired", "seen", "until")
_COLUMNS: Final[Mapping[str, tuple[str, ...]]] = {
    table.name: tuple(column.name for column in table.columns)
    for table in (CONFIGURATION, CONFIGURATION_READING, DESIRED_CONFIGURATION)
}


class ConfigurationValue(msgspec.Struct, frozen=True):
    """One row of `configuration`; its fields are the columns, in their order."""

    charger_id: int
    account_id: int
    identifier: str
    key: str
    value: str | None
    readonly: bool | None
    reboot_required: bool
    since: datetime
    seen: datetime
    until: datetime | None = None


class ConfigurationReading(msgspec.Struct, frozen=True):
    """One row of `configurationReading`; its fields are the columns, in their order."""

    charger_id: int
    read: datetime
    firmware_version: str | None
    max_keys: int | None
    by_key: bool


class DesiredValue(msgspec.Struct, frozen=True):
    """One row of `desiredConfiguration`; its fields are the columns, in their order."""

    charger_id: int
    account_id: int
    identifier: str
    key: str
    value: str
    requested_by: str
    created: datetime

    def __repr__(self) -> str:
        """Shows whose key it is, and not its value: that may be the secret itself, read back."""
        return f"DesiredValue(charger_id={self.charger_id!r}, key={self.key!r})"


# -- what chargers told ----------------------------------------------------------------------------------


def apply_configuration_effects(con: Connection, effects: Sequence[ConfigurationTold]) -> None:
    """Writes what chargers told of their keys, as if one by one."""
    if not effects:
        return
    chargers = sorted({effect.charger_id for effect in effects})
    current = _select(
        con, ConfigurationValue, CONFIGURATION.name, 'WHERE until IS NULL AND list_contains(?, "chargerId")', [chargers]
    )
    rows = {_name(row.charger_id, row.key): row for row in current}
    known = dict(rows)
    changed: dict[tuple[int, str], ConfigurationValue] = {}
    made: list[ConfigurationValue] = []

    def end(name: tuple[int, str], until: datetime) -> None:
        row = rows.pop(name)
        ended = msgspec.structs.replace(row, until=until)
        if name in known:
            changed[name] = ended
            del known[name]
        else:  # it came and went within this batch
            made.append(ended)

    for effect in effects:
        for told in effect.told:
            name = _name(effect.charger_id, told.key)
            before = rows.get(name)
            if before is not None and before.value == told.value:
                rows[name] = _seen_again(before, told, effect.received)
                continue
            if before is not None:
                end(name, effect.received)
            rows[name] = _first_seen(before, told, effect)
        for key in effect.unknown:
            if (name := _name(effect.charger_id, key)) in rows:
                end(name, effect.received)
    changed.update({name: rows[name] for name in known if name in rows})
    made += [row for name, row in rows.items() if name not in known]
    _update(con, list(changed.values()))
    insert_rows(con, CONFIGURATION.name, [_row(CONFIGURATION.name, row) for row in made])


def select_configuration(con: Connection, charger_id: int) -> list[ConfigurationValue]:
    """Lists the keys of a charger as they are now, by name."""
    where = 'WHERE "chargerId" = ? AND until IS NULL ORDER BY lower("key")'
    return _select(con, ConfigurationValue, CONFIGURATION.name, where, [charger_id])


def select_configuration_history(
    con: Connection, charger_id: int, key: str | None, limit: int
) -> list[ConfigurationValue]:
    """Lists the values a key had, or with None every key, the oldest first; of more than `limit` the newest."""
    where = (
        'WHERE "chargerId" = ? AND lower("key") = lower(coalesce(?, "key")) '
        "ORDER BY since DESC, until DESC NULLS FIRST LIMIT ?"
    )
    return _select(con, ConfigurationValue, CONFIGURATION.name, where, [charger_id, key and key.strip(), limit])[::-1]


def select_reading(con: Connection, charger_id: int) -> ConfigurationReading | None:
    """Tells when the whole configuration of a charger was read; None: it never was."""
    found = _select(con, ConfigurationReading, CONFIGURATION_READING.name, 'WHERE "chargerId" = ?', [charger_id])
    return found[0] if found else None


def store_reading(con: Connection, reading: ConfigurationReading) -> None:
    """Notes that the whole configuration of a charger was read."""
    insert_rows(con, CONFIGURATION_READING.name, [_row(CONFIGURATION_READING.name, reading)], how="INSERT OR REPLACE")


def _name(charger_id: int, key: str) -> tuple[int, str]:
    """Keys are the same in any case (OCPP 1.6: CiString50Type), and some chargers pad them (Q104)."""
    return charger_id, key.strip().casefold()


def _seen_again(before: ConfigurationValue, told: ConfigurationKeyTold, received: datetime) -> ConfigurationValue:
    return msgspec.structs.replace(
        before,
        readonly=before.readonly if told.readonly is None else told.readonly,
        reboot_required=told.reboot_required,
        seen=received,
    )


def _first_seen(
    before: ConfigurationValue | None, told: ConfigurationKeyTold, effect: ConfigurationTold
) -> ConfigurationValue:
    """Makes the row of a new value; who only sets a value does not hear again whether that is possible."""
    readonly = before.readonly if told.readonly is None and before is not None else told.readonly
    return ConfigurationValue(
        effect.charger_id,
        effect.account_id,
        effect.identifier,
        told.key.strip() if before is None else before.key,
        told.value,
        readonly,
        told.reboot_required,
        effect.received,
        effect.received,
    )


def _update(con: Connection, rows: Sequence[ConfigurationValue]) -> None:
    """Writes what may change of rows that are there and have not ended: one a key."""
    if rows:
        columns = ("chargerId", "key", *_CHANGING)
        changes = ", ".join(f'"{name}" = n."{name}"' for name in _CHANGING)
        con.execute(
            f"UPDATE configuration SET {changes} FROM {unfolded(CONFIGURATION.name, columns)} AS n "
            'WHERE configuration."chargerId" = n."chargerId" AND configuration."key" = n."key" '
            "AND configuration.until IS NULL",
            [as_json([_row(CONFIGURATION.name, row, columns) for row in rows])],
        )


# -- what somebody wants ---------------------------------------------------------------------------------


def select_desired(con: Connection, charger_id: int) -> list[DesiredValue]:
    """Lists what the keys of a charger are to be, by name; secrets are blanked."""
    where = 'WHERE "chargerId" = ? ORDER BY lower("key")'
    return _select(con, DesiredValue, DESIRED_CONFIGURATION.name, where, [charger_id])


def store_desired(con: Connection, desired: DesiredValue) -> None:
    """Writes what a key is to be, in place of what it was to be before."""
    delete_desired(con, desired.charger_id, desired.key)
    insert_rows(con, DESIRED_CONFIGURATION.name, [_row(DESIRED_CONFIGURATION.name, desired)])


def delete_desired(con: Connection, charger_id: int, key: str | None = None) -> bool:
    """Forgets what a key, or with None every key of a charger, is to be; False if there was nothing."""
    deleted = con.execute(
        'DELETE FROM "desiredConfiguration" WHERE "chargerId" = ? AND lower("key") = lower(coalesce(?, "key")) '
        "RETURNING 1",
        [charger_id, key],
    ).fetchall()
    return bool(deleted)


def select_desired_secrets(con: Connection, charger_id: int) -> dict[str, str]:
    """Reads the desired values that are secrets, by key in lower case; in the secrets database."""
    rows = con.execute(f'SELECT lower("key"), value FROM "{_SECRETS}" WHERE "chargerId" = ?', [charger_id]).fetchall()
    return dict(rows)


def store_desired_secret(con: Connection, charger_id: int, key: str, value: str) -> None:
    """Keeps a desired value that is a secret; in the secrets database."""
    delete_desired_secret(con, charger_id, key)
    insert_rows(con, _SECRETS, [{"chargerId": charger_id, "key": key, "value": value}])


def delete_desired_secret(con: Connection, charger_id: int, key: str | None = None) -> None:
    """Forgets the secret of a key, or with None of every key of a charger; in the secrets database."""
    where = '"chargerId" = ? AND lower("key") = lower(coalesce(?, "key"))'
    con.execute(f'DELETE FROM "{_SECRETS}" WHERE {where}', [charger_id, key])


# -- rows ------------------------------------------------------------------------------------------------


def _row(table: str, row: msgspec.Struct, columns: Sequence[str] | None = None) -> dict[str, Value]:
    values = zip(_COLUMNS[table], msgspec.structs.astuple(row), strict=True)
    return {name: value for name, value in values if columns is None or name in columns}


def _select(con: Connection, kind: type[T], table: str, where: str, parameters: Sequence[object]) -> list[T]:
    rows = con.execute(f'SELECT {quoted(_COLUMNS[table])} FROM "{table}" {where}', parameters).fetchall()
    return [
        msgspec.convert(
            {
                name: value.astimezone(UTC) if isinstance(value, datetime) else value
                for name, value in zip(kind.__struct_fields__, row, strict=True)
            },
            kind,
        )
        for row in rows
    ]
