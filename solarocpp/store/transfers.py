"""Files on their way to and from chargers: rows of `fileTransfer`, and the hashes of their one-time URLs.

A row says what is to come or to go, and how far it is. The secret part of its URL is kept as a hash, and in
`secrets.duckdb`: who could read it could send us a file in a charger's name.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import UTC, datetime
from typing import Final, Literal

import msgspec

from solarocpp.store.database import Connection
from solarocpp.store.rows import insert_rows, quoted
from solarocpp.store.schema import FILE_TRANSFER, FILE_TRANSFER_SECRET

Purpose = Literal["diagnostics", "log", "securityLog", "firmware"]
TransferState = Literal["waiting", "moving", "done", "failed", "cancelled", "expired"]

_COLUMNS: Final = quoted(column.name for column in FILE_TRANSFER.columns)


class FileTransfer(msgspec.Struct, frozen=True):
    """One row of `fileTransfer`; its fields are the columns, in their order."""

    transfer_id: int
    account_id: int
    charger_id: int
    identifier: str
    purpose: Purpose
    state: TransferState
    created: datetime
    expires: datetime
    """Its URL is good until then."""
    file: str | None = None
    """Below the data directory, like `uploads/CP001/20260301T120000Z-1-diag.zip`; None: nothing has come yet."""
    bytes: int = 0
    """How many have moved."""
    size: int | None = None
    """How many there are; None: not known."""
    sha256: str | None = None
    finished: datetime | None = None
    remark: str | None = None
    """Why it was cancelled, or what the charger says went wrong."""


def next_transfer_id(con: Connection) -> int:
    """Draws a number that was never given."""
    row = con.execute("SELECT nextval('fileTransferNumber')").fetchone()
    return int(row[0]) if row else 0


def store_transfer(con: Connection, transfer: FileTransfer) -> None:
    """Writes a row as it now is, whether it was there or not."""
    values = msgspec.structs.astuple(transfer)
    names = (column.name for column in FILE_TRANSFER.columns)
    insert_rows(con, FILE_TRANSFER.name, [dict(zip(names, values, strict=True))], how="INSERT OR REPLACE")


def select_transfers(con: Connection) -> list[FileTransfer]:
    """Lists transfers, newest first."""
    rows = con.execute(f'SELECT {_COLUMNS} FROM "fileTransfer" ORDER BY "transferId" DESC').fetchall()
    return [_transfer(row) for row in rows]


def delete_transfers(con: Connection, transfer_ids: Collection[int]) -> None:
    """Forgets transfers; their files are somebody else's to remove."""
    con.execute('DELETE FROM "fileTransfer" WHERE list_contains(?, "transferId")', [list(transfer_ids)])


def insert_secret(con: Connection, transfer_id: int, digest: str) -> None:
    """Keeps the hash of a URL's secret; in `secrets.duckdb`."""
    insert_rows(con, FILE_TRANSFER_SECRET.name, [{"transferId": transfer_id, "hash": digest}])


def select_secrets(con: Connection) -> dict[str, int]:
    """Gives the number of the transfer by the hash of its URL's secret; from `secrets.duckdb`."""
    return {
        str(digest): int(number)
        for number, digest in con.execute('SELECT "transferId", "hash" FROM "fileTransferSecret"').fetchall()
    }


def delete_secrets(con: Connection, transfer_ids: Collection[int]) -> None:
    """Makes URLs worthless; in `secrets.duckdb`."""
    con.execute('DELETE FROM "fileTransferSecret" WHERE list_contains(?, "transferId")', [list(transfer_ids)])


def _transfer(row: Sequence[object]) -> FileTransfer:
    values = [value.astimezone(UTC) if isinstance(value, datetime) else value for value in row]
    return msgspec.convert(dict(zip(FileTransfer.__struct_fields__, values, strict=True)), FileTransfer)
