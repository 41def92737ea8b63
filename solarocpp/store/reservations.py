"""Reservations as rows: ordered here, and followed by what chargers say of them (`accepted`)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final

import msgspec

from solarocpp.store.database import Connection
from solarocpp.store.registry import EntityTable, insert_entities, next_id

_RESERVATION: Final = EntityTable("reservation", ("reservation_id",))
OPEN_STATUSES: Final = frozenset({"requested", "active"})


class Reservation(msgspec.Struct, frozen=True, kw_only=True):
    """A row of `reservation`."""

    reservation_id: int
    account_id: int
    charger_id: int
    identifier: str
    connector_id: int
    token: str
    parent: str | None = None
    created: datetime
    expires: datetime
    status: str = "requested"
    status_date: datetime
    reason: str | None = None
    transaction_id: int | None = None
    seen: datetime | None = None
    requested_by: str

    def at(self, now: datetime) -> Reservation:
        """Gives it as it is at `now`: nobody need say that its time is over."""
        if self.status in OPEN_STATUSES and self.expires <= now:
            return msgspec.structs.replace(self, status="expired", status_date=self.expires)
        return self


def insert_reservation(con: Connection, reservation: Reservation) -> Reservation:
    """Enters a reservation and gives it its number."""
    made = msgspec.structs.replace(reservation, reservation_id=next_id(con, _RESERVATION))
    insert_entities(con, _RESERVATION, [made])
    return made


def select_reservations(con: Connection, account_id: int | None, number: int | None = None) -> list[Reservation]:
    """Lists the reservations of an account, or of all, by number; or the one of a number."""
    rows = con.execute(
        f'SELECT {_COLUMNS} FROM reservation WHERE ("accountId" = $account OR $account IS NULL) '
        'AND ("reservationId" = $number OR $number IS NULL) ORDER BY "reservationId"',
        {"account": account_id, "number": number},
    ).fetchall()
    return [_reservation(row) for row in rows]


def refuse_reservation(con: Connection, number: int, reason: str, now: datetime) -> None:
    """Writes down that the charger could not be told of it."""
    con.execute(
        "UPDATE reservation SET status = 'refused', reason = ?, \"statusDate\" = ? "
        "WHERE \"reservationId\" = ? AND status = 'requested'",
        [reason, now, number],
    )


_COLUMNS: Final = (
    '"reservationId", "accountId", "chargerId", identifier, "connectorId", token, parent, created, expires, status, '
    '"statusDate", reason, "transactionId", seen, "requestedBy"'
)


def _reservation(row: Sequence[object]) -> Reservation:
    values = [value.astimezone(UTC) if isinstance(value, datetime) else value for value in row]
    return msgspec.convert(dict(zip(Reservation.__struct_fields__, values, strict=True)), Reservation)
