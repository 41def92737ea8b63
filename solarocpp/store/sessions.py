"""Charge sessions as the store keeps them: rows, their identity, and their totals (which `totals` spells)."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import UTC, datetime
from uuid import UUID

import msgspec

from solarocpp.store.database import Connection
from solarocpp.store.effects import SessionEnded, SessionRefused, SessionStarted
from solarocpp.store.rows import Value, as_json, insert_rows, quoted, unfolded
from solarocpp.store.schema import CHARGE_SESSION, SESSION_KEY, TOTAL_COLUMNS
from solarocpp.store.totals import totals_sql

REFUSED = "Refused"
"""`endReason` of a start we did not accept; such rows are not in the `session` view."""


# Of missing totals: some 100 datums each, so a batch fits into memory many times over.
_AT_ONCE = 10_000


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


def session_id_for(store_id: UUID, transaction_id: int) -> UUID:
    """Makes the sessionId of a transaction: always the same one for the same transaction of a store.

    A UUIDv8 (RFC 9562) whose upper half is the store's and whose lower half counts with the
    transactionId, which a store never gives twice. So ids of sessions near in time are near each other,
    which DuckDB packs into some 1.5 bytes a datum, where random ones cost 16.
    """
    high = (store_id.int >> 64) & ~0xF000 | 0x8000
    return UUID(int=high << 64 | 0b10 << 62 | (transaction_id & 0xFFFF_FFFF))


def select_snapshot(con: Connection, recent: int) -> TransactionsSnapshot:
    """Reads what the memory of transactions starts from; `recent` is a number for each charger."""
    running = select_sessions(con, 'WHERE ended IS NULL ORDER BY "transactionId"')
    past = select_sessions(
        con,
        'WHERE ended IS NOT NULL QUALIFY row_number() OVER (PARTITION BY "chargerId" ORDER BY "transactionId" DESC) '
        '<= ? ORDER BY "transactionId"',
        [recent],
    )
    number = con.execute('SELECT "nextTransactionId" FROM meta').fetchone()
    return TransactionsSnapshot(running, past, int(number[0]) if number else 1)


def select_sessions(con: Connection, clauses: str, parameters: Sequence[object] = ()) -> list[SessionRecord]:
    """Reads rows of `chargeSession`; `clauses` is the SQL after its name."""
    columns = quoted(column.name for column in CHARGE_SESSION.columns)
    rows = con.execute(f'SELECT {columns} FROM "chargeSession" {clauses}', parameters).fetchall()
    return [_record(row) for row in rows]


def insert_sessions(con: Connection, sessions: Sequence[SessionRecord]) -> None:
    """Writes sessions as they are."""
    names = [column.name for column in CHARGE_SESSION.columns]
    rows = [dict(zip(names, msgspec.structs.astuple(session), strict=True)) for session in sessions]
    insert_rows(con, "chargeSession", rows)


def apply_session_effects(con: Connection, effects: Sequence[SessionStarted | SessionRefused | SessionEnded]) -> None:
    """Writes starts, refusals and ends, in their order."""
    made: dict[UUID, dict[str, Value]] = {}
    ended: dict[UUID, dict[str, Value]] = {}
    for effect in effects:
        match effect:
            case SessionStarted():
                made[effect.session_id] = _started(effect)
            case SessionRefused(start=start):
                made[start.session_id] = {**_started(start), "ended": start.started, "endReason": REFUSED}
            case SessionEnded():
                target = made.get(effect.session_id)
                if target is None:
                    target = ended.setdefault(effect.session_id, {"sessionId": effect.session_id})
                target |= {
                    "ended": effect.ended,
                    "endReason": effect.end_reason,
                    "endToken": effect.end_token,
                    "meterStop": effect.meter_stop_wh,
                }
    insert_rows(con, "chargeSession", list(made.values()))
    if ended:
        names = ["sessionId", "ended", "endReason", "endToken", "meterStop"]
        changes = ", ".join(f'"{name}" = n."{name}"' for name in names[1:])
        con.execute(
            f'UPDATE "chargeSession" SET {changes} FROM {unfolded("chargeSession", names)} n '
            'WHERE "chargeSession"."sessionId" = n."sessionId"',
            [as_json(list(ended.values()))],
        )
    if made:
        highest = max(int(str(row["transactionId"])) for row in made.values())
        con.execute('UPDATE meta SET "nextTransactionId" = greatest("nextTransactionId", ?)', [highest + 1])


def store_totals(con: Connection, session_ids: Collection[UUID], datum_columns: Collection[str]) -> None:
    """Computes the totals of those of `session_ids` that have ended, replacing what is stored of them.

    Not of sessions that began before `meta.datumsFrom`: their totals are of datums that may be gone.
    """
    if not session_ids:
        return
    ids = as_json([{"sessionId": session_id} for session_id in session_ids])
    among = f'"sessionId" IN (SELECT "sessionId" FROM {unfolded("chargeSession", ["sessionId"])})'
    con.execute(
        f'DELETE FROM "sessionTotal" WHERE {among} AND "sessionId" NOT IN '
        '(SELECT "sessionId" FROM "chargeSession" WHERE started < (SELECT "datumsFrom" FROM meta))',
        [ids],
    )
    among += ' AND "sessionId" NOT IN (SELECT "sessionId" FROM "sessionTotal")'
    con.execute(_inserting_totals(among, datum_columns), [ids])


def store_missing_totals(con: Connection, datum_columns: Collection[str]) -> int:
    """Computes totals of ended sessions that have none, a few at a time; returns of how many it did.

    An upgrade that changes what totals say deletes them, and the first start brings them back.
    """
    done = 0
    con.execute(
        'SELECT "transactionId" FROM "chargeSession" ANTI JOIN "sessionTotal" USING ("sessionId") '
        f"WHERE ended IS NOT NULL AND \"endReason\" <> '{REFUSED}' ORDER BY 1"
    )
    missing = [int(number) for (number,) in con.fetchall()]
    for first in range(0, len(missing), _AT_ONCE):
        chosen = missing[first : first + _AT_ONCE]
        # A range, so that DuckDB skips the row groups of all other sessions' datums.
        among = '"transactionId" BETWEEN ? AND ? AND "sessionId" NOT IN (SELECT "sessionId" FROM "sessionTotal")'
        con.execute(_inserting_totals(among, datum_columns), [chosen[0], chosen[-1]])
        done += len(chosen)
    return done


def _inserting_totals(among: str, datum_columns: Collection[str]) -> str:
    chosen = f'SELECT * FROM "chargeSession" WHERE ended IS NOT NULL AND "endReason" <> \'{REFUSED}\' AND {among}'
    names = quoted(column.name for column in (SESSION_KEY, *TOTAL_COLUMNS))
    return f'INSERT INTO "sessionTotal" ({names}) {totals_sql(chosen, datum_columns)}'


def create_session_view(con: Connection, datum_columns: Collection[str]) -> None:
    """Makes the `session` view for the property columns that exist now."""
    running = totals_sql('SELECT * FROM "chargeSession" WHERE ended IS NULL', datum_columns)
    own = quoted((column.name for column in CHARGE_SESSION.columns), "s.")
    totals = quoted((column.name for column in TOTAL_COLUMNS), "t.")
    con.execute(
        f'CREATE OR REPLACE VIEW session AS SELECT {own}, {totals} FROM "chargeSession" s '
        f'LEFT JOIN (FROM "sessionTotal" UNION ALL BY NAME ({running})) t USING ("sessionId") '
        f"WHERE s.\"endReason\" IS DISTINCT FROM '{REFUSED}'"
    )


def _started(effect: SessionStarted) -> dict[str, Value]:
    return {
        "sessionId": effect.session_id,
        "nodeId": effect.node_id,
        "sourceId": effect.source_id,
        "chargerId": effect.charger_id,
        "connectorId": effect.connector_id,
        "transactionId": effect.transaction_id,
        "token": effect.token,
        "started": effect.started,
        "meterStart": effect.meter_start_wh,
    }


def _record(row: Sequence[object]) -> SessionRecord:
    values = [value.astimezone(UTC) if isinstance(value, datetime) else value for value in row]
    return msgspec.convert(dict(zip(SessionRecord.__struct_fields__, values, strict=True)), SessionRecord)
