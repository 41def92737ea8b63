"""Rows of `instruction`, and of the secrets some of them hold until they have ended.

What an instruction is belongs to `central_system.instructions`; here is how a frozen struct with these fields
becomes a row. Payload and result are JSON columns, and JSON text in the struct.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime
from typing import Final, TypeVar

import msgspec

from solarocpp.store.database import Connection
from solarocpp.store.rows import Value, as_json, insert_rows, quoted, unfolded
from solarocpp.store.schema import INSTRUCTION

T = TypeVar("T", bound=msgspec.Struct)

_COLUMNS: Final = tuple(column.name for column in INSTRUCTION.columns)
_JSON: Final = frozenset(column.name for column in INSTRUCTION.columns if column.type == "JSON")
_KEY: Final = "instructionId"
_CHANGING: Final = ("state", "statusDate", "result", "error", "effect")


def next_instruction_id(con: Connection) -> int:
    """Gives a number that no instruction ever had."""
    row = con.execute("SELECT nextval('instructionNumber')").fetchone()
    assert row is not None  # noqa: S101 a SELECT without FROM has one row
    return int(row[0])


def insert_instructions(con: Connection, instructions: Sequence[msgspec.Struct]) -> None:
    """Inserts instructions that are not there yet."""
    insert_rows(con, INSTRUCTION.name, [_row(instruction) for instruction in instructions])


def update_instructions(con: Connection, instructions: Sequence[msgspec.Struct]) -> None:
    """Writes what changes of instructions that are there; of each its newest state only.

    An upsert of whole rows took seven times as long (35 ms of CPU a statement, this 5, for one row as for 50).
    """
    if instructions:
        changes = ", ".join(f'"{name}" = n."{name}"' for name in _CHANGING)
        con.execute(
            f"UPDATE instruction SET {changes} FROM {unfolded(INSTRUCTION.name, [_KEY, *_CHANGING])} AS n "
            f'WHERE instruction."{_KEY}" = n."{_KEY}"',
            [as_json([_row(instruction, (_KEY, *_CHANGING)) for instruction in instructions])],
        )


def select_instructions(  # noqa: PLR0913 one argument a filter
    con: Connection,
    kind: type[T],
    *,
    states: Collection[str] = (),
    account_id: int | None = None,
    charger: str | None = None,
    number: int | None = None,
    numbers: Collection[int] | None = None,
    nodes: Collection[int] | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
    limit: int | None = None,
) -> list[T]:
    """Reads instructions as `kind`, by number; of more than `limit` the newest."""
    filters: list[tuple[str, object]] = [
        (f'"{_KEY}" = ?', number),
        ('"accountId" = ?', account_id),
        ("identifier = ?", charger),
        ("created >= ?", since),
        ("created < ?", until),
        ("list_contains(?, state)", list(states) or None),
        (f'list_contains(?::BIGINT[], "{_KEY}")', None if numbers is None else list(numbers)),
        ('list_contains(?::BIGINT[], "nodeId")', None if nodes is None else list(nodes)),
    ]
    asked = [(condition, value) for condition, value in filters if value is not None]
    where = " AND ".join(["true", *(condition for condition, _ in asked)])
    newest = f'ORDER BY "{_KEY}" DESC' + ("" if limit is None else f" LIMIT {int(limit)}")
    found = con.execute(
        f"SELECT {quoted(_COLUMNS)} FROM instruction WHERE {where} {newest}", [value for _, value in asked]
    ).fetchall()
    return [_read(row, kind) for row in reversed(found)]


def select_unwatched(con: Connection, kind: type[T], actions: Collection[str], since: datetime) -> list[T]:
    """Reads what was accepted after `since` and has no effect noted, neither way."""
    found = con.execute(
        f"SELECT {quoted(_COLUMNS)} FROM instruction WHERE state = 'completed' AND effect IS NULL "
        "AND list_contains(?, action) AND (result ->> '$.status') = 'Accepted' AND \"statusDate\" >= ? "
        f'ORDER BY "{_KEY}"',
        [list(actions), since],
    ).fetchall()
    return [_read(row, kind) for row in found]


def select_began_since(con: Connection, number: int) -> bool:
    """Tells whether a session began where and after an instruction to start one was given."""
    row = con.execute(
        'SELECT count(*) FROM instruction i JOIN "chargeSession" s ON s."chargerId" = i."chargerId" '
        f'WHERE i."{_KEY}" = ? AND s.started >= i.created '
        'AND coalesce(CAST(i.payload ->> \'$.connectorId\' AS INTEGER), s."connectorId") = s."connectorId"',
        [number],
    ).fetchone()
    return row is not None and row[0] > 0


def insert_instruction_secret(con: Connection, number: int, payload: str) -> None:
    """Keeps a request that holds a secret; in the secrets database."""
    insert_rows(con, "instructionSecret", [{_KEY: number, "payload": payload}])


def delete_instruction_secrets(con: Connection, numbers: Collection[int]) -> None:
    """Forgets requests whose instructions have ended."""
    con.execute(f'DELETE FROM "instructionSecret" WHERE list_contains(?, "{_KEY}")', [list(numbers)])


def select_instruction_secrets(con: Connection) -> dict[int, str]:
    """Reads the requests that hold secrets, by the number of their instruction."""
    return dict(con.execute(f'SELECT "{_KEY}", payload FROM "instructionSecret"').fetchall())


def _row(instruction: msgspec.Struct, columns: Collection[str] = _COLUMNS) -> Mapping[str, Value]:
    values = zip(_COLUMNS, msgspec.structs.astuple(instruction), strict=True)
    return {
        name: msgspec.Raw(value.encode()) if name in _JSON and isinstance(value, str) else value
        for name, value in values
        if name in columns
    }


def _read(row: Sequence[object], kind: type[T]) -> T:
    values = [value.astimezone(UTC) if isinstance(value, datetime) else value for value in row]
    return msgspec.convert(dict(zip(kind.__struct_fields__, values, strict=True)), kind)
