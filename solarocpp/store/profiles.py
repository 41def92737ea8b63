"""Charging profiles as rows: those an operator keeps under a name, and those that chargers have."""

from __future__ import annotations

from collections.abc import Collection
from datetime import UTC, datetime
from typing import Final

import msgspec

from solarocpp.store.database import Connection
from solarocpp.store.registry import EntityTable, next_id
from solarocpp.store.rows import insert_rows, quoted
from solarocpp.store.schema.accepted import CHARGING_PROFILE, INSTALLED_PROFILE

_NAMED: Final = EntityTable(CHARGING_PROFILE.name, ("profile_id",))
_INSTALLED_COLUMNS: Final = quoted(column.name for column in INSTALLED_PROFILE.columns)


class NamedProfile(msgspec.Struct, frozen=True):
    """A row of `chargingProfile`."""

    profile_id: int
    account_id: int
    name: str
    profile: str
    """JSON text."""
    created: datetime


class InstalledRow(msgspec.Struct, frozen=True):
    """A row of `installedProfile`."""

    charger_id: int
    connector_id: int
    charging_profile_id: int
    purpose: str
    stack_level: int
    transaction_id: int | None
    profile: str
    """JSON text."""
    installed: datetime


class OpenTransaction(msgspec.Struct, frozen=True):
    """What limits need to know of a session that runs."""

    transaction_id: int
    started: datetime


def select_named_profiles(con: Connection, account_id: int) -> list[NamedProfile]:
    """Lists the named profiles of an account, by name."""
    rows = con.execute(
        'SELECT "profileId", "accountId", name, profile, created FROM "chargingProfile" '
        'WHERE "accountId" = ? ORDER BY lower(name)',
        [account_id],
    ).fetchall()
    return [NamedProfile(number, owner, name, text, _utc(created)) for number, owner, name, text, created in rows]


def insert_named_profile(con: Connection, profile: NamedProfile) -> NamedProfile:
    """Enters a profile and gives it its number."""
    made = msgspec.structs.replace(profile, profile_id=next_id(con, _NAMED))
    insert_rows(
        con,
        CHARGING_PROFILE.name,
        [
            {
                "profileId": made.profile_id,
                "accountId": made.account_id,
                "name": made.name,
                "profile": msgspec.Raw(made.profile.encode()),
                "created": made.created,
            }
        ],
    )
    return made


def delete_named_profile(con: Connection, profile_id: int) -> None:
    """Removes a named profile; chargers keep theirs."""
    con.execute('DELETE FROM "chargingProfile" WHERE "profileId" = ?', [profile_id])


def select_installed_profiles(con: Connection, charger_ids: Collection[int]) -> list[InstalledRow]:
    """Lists what chargers have, by charger, connector, purpose and level."""
    rows = con.execute(
        f'SELECT {_INSTALLED_COLUMNS} FROM "installedProfile" WHERE list_contains(?::BIGINT[], "chargerId") '
        'ORDER BY "chargerId", "connectorId", purpose, "stackLevel"',
        [list(charger_ids)],
    ).fetchall()
    values = [dict(zip(InstalledRow.__struct_fields__, row, strict=True)) for row in rows]
    return [msgspec.convert({**row, "installed": _utc(row["installed"])}, InstalledRow) for row in values]


def select_open_transaction(con: Connection, charger_id: int, connector_id: int) -> OpenTransaction | None:
    """Finds the newest session that runs at a connector."""
    row = con.execute(
        'SELECT "transactionId", started FROM "chargeSession" WHERE "chargerId" = ? AND "connectorId" = ? '
        "AND ended IS NULL ORDER BY started DESC LIMIT 1",
        [charger_id, connector_id],
    ).fetchone()
    return None if row is None else OpenTransaction(row[0], _utc(row[1]))


def _utc(moment: datetime) -> datetime:
    return moment.astimezone(UTC)
