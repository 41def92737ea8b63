"""Charge sessions as the store keeps them: rows, their identity, and their totals.

Totals are written once, as SQL, and used twice: stored when a session ends (and again when late
datums of it arrive), and computed by the `session` view while it runs.
"""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

import msgspec


class SessionRecord(msgspec.Struct, frozen=True):
    """One row of `chargeSession`; `ended` is None while it runs, `end_reason` `Refused` if it never did."""

    session_id: UUID
    node_id: int
    source_id: str
    charger_id: int
    connector_id: int
    transaction_id: int
    token: str
    started: datetime
    ended: datetime | None
    end_reason: str | None
    end_token: str | None
    meter_start_wh: float | None
    meter_stop_wh: float | None


class TransactionsSnapshot(msgspec.Struct, frozen=True):
    """What the memory of transactions starts from: everything up to the watermark."""

    open: list[SessionRecord]
    """Sessions without end, oldest first."""
    recent: list[SessionRecord]
    """The newest ended or refused ones of each charger, oldest first: for repeats and late readings."""
    next_transaction_id: int
    """Lowest transactionId this store has never given."""


def session_id_for(store_id: UUID, charger_id: int, transaction_id: int, started: datetime) -> UUID:
    """Makes the sessionId of a transaction: always the same one for the same transaction of a store.

    A UUIDv8 (RFC 9562) whose upper half is the store's and whose lower half counts with the
    transactionId. So ids of sessions near in time are near each other, which DuckDB packs into some
    3 bytes a datum, where random ones cost 16.
    """
    high = (store_id.int >> 64) & ~0xF000 | 0x8000
    # Six bits of the start tell apart sessions of a store that was set back to an older copy.
    mark = (charger_id * 31 + int(started.timestamp())) & 0x3F
    return UUID(int=high << 64 | 0b10 << 62 | (transaction_id & 0xFFFF_FFFF) << 6 | mark)
