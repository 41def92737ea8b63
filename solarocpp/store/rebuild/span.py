"""What of the ledger can be run again, from where, and what chargers were doing when it begins.

A time becomes a place in the ledger: rows from there on are run again, and they are exactly the rows
received from some moment on. So `received`, which the tables keep, tells what those rows made.

A ledger that retention has shortened, or that lost rows in the middle, can be trusted from its last
gap on. What happened before is taken from the tables, where it is still known: which sessions ran.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any, Literal, NamedTuple

import msgspec

from solarocpp.errors import StoreError
from solarocpp.metering.datums import FUTURE_TOLERANCE
from solarocpp.ocpp.datatypes import ChargePointId
from solarocpp.store.database import Connection
from solarocpp.store.ledger import ChargerFacts, Exchange, LedgerRow
from solarocpp.store.sessions import REFUSED, SessionRecord, TransactionsSnapshot, select_sessions

# A row is 1 KB: some 10 MB in memory at a time, and as many effects in one statement as are quick to insert.
PAGE_ROWS = 5_000

# Starts and stops are one row in fifty.
_SPARSE_PAGE_ROWS = 100_000

# As many as the memory of transactions keeps of each charger (central_system.transactions).
_RECENT = 16

# A start that is repeated comes within a day (app.REPEAT_WINDOW); and no datum is dated more than this after it was
# received. So after a day nothing depends any more on what was cut off, but for sessions that still run.
LEARNING = FUTURE_TOLERANCE


class Span(NamedTuple):
    """Which rows of the ledger are run again."""

    begin: int
    """First row of the ledger without a gap behind it."""
    began: datetime
    """When that row was received."""
    first: int
    """First row that is run again for what it made."""
    cut: datetime
    """What was received from here on was made by `first` and later rows, and by no other."""
    last: int

    @property
    def complete(self) -> bool:
        """Whether the ledger goes back to the first message of the store."""
        return self.begin == 1

    @property
    def derivable(self) -> datetime:
        """Datums from here on are made by rows of this ledger alone; earlier ones perhaps by rows that are gone."""
        return datetime.min.replace(tzinfo=UTC) if self.complete else self.began + LEARNING


_WHOLE_FROM = """
SELECT max(seq), arg_max(received, seq), (SELECT max(seq) FROM ledger), (SELECT watermark FROM meta)
FROM (SELECT seq, received, lag(seq) OVER (ORDER BY seq) AS before FROM ledger)
WHERE before IS NULL OR before <> seq - 1
"""


def find_span(con: Connection, since: datetime) -> Span | None:
    """Finds what is run again for a rebuild since a time; None if nothing was received from then on.

    Raises:
        StoreError: the ledger does not go back so far; says from when on it is possible.
    """
    begin, began, newest, watermark = _one(con, _WHOLE_FROM)
    if (newest or 0) < watermark:
        raise StoreError(
            f"The newest exchanges are missing from the ledger (it ends at {newest or 0}, the tables show "
            f"{watermark}): what they made cannot be derived again, so nothing is."
        )
    if begin is None:
        return None
    began = began.astimezone(UTC)
    found = _cut(con, since)
    span = None if found is None else Span(begin, began, *found, newest)
    if begin > 1 and (since if span is None else min(since, span.cut)) < began + LEARNING:
        raise StoreError(
            f"The ledger is whole only from {_text(began)} on, and its first day is needed to learn which sessions "
            f"ran. The earliest possible is --since {_text(began + LEARNING)}."
        )
    return span


def _cut(con: Connection, since: datetime) -> tuple[int, datetime] | None:
    """Finds where order of arrival and time of reception agree: a clock of ours that was set back crosses them."""
    cut = since
    while True:
        (first,) = _one(con, "SELECT min(seq) FROM ledger WHERE received >= ?", [cut])
        if first is None:
            return None
        (earliest,) = _one(con, "SELECT min(received) FROM ledger WHERE seq >= ?", [first])
        if earliest >= cut:
            return first, earliest.astimezone(UTC)
        cut = earliest


def first_received(con: Connection, span: Span, time: datetime) -> int:
    """Finds the first row that was received at `time` or later, at the earliest the first there is."""
    (first,) = _one(con, "SELECT min(seq) FROM ledger WHERE received >= ? AND seq >= ?", [time, span.begin])
    return span.first if first is None else min(first, span.first)


class _Row(NamedTuple):
    seq: int
    received: datetime
    charger_id: int
    identifier: str
    account_id: int
    node_id: int
    source_id_template: str
    publish: bool
    direction: Literal["in", "out"]
    action: str
    request: str
    answer: str


_PAGE = """
SELECT seq, received, "chargerId", identifier, "accountId", "nodeId", "sourceIdTemplate", publish, direction, action,
    request, answer
FROM ledger WHERE seq BETWEEN ? AND ? {only} ORDER BY seq"""
_STARTS_AND_STOPS = "AND action IN ('StartTransaction', 'StopTransaction')"


def read_ledger(con: Connection, first: int, last: int, *, sessions_only: bool = False) -> Iterator[list[LedgerRow]]:
    """Yields the rows from `first` to `last`, a page at a time; with `sessions_only` those that start or stop one."""
    sql = _PAGE.format(only=_STARTS_AND_STOPS if sessions_only else "")
    size = _SPARSE_PAGE_ROWS if sessions_only else PAGE_ROWS
    for start in range(first, last + 1, size):
        yield [_ledger_row(_Row(*row)) for row in con.execute(sql, [start, min(start + size - 1, last)]).fetchall()]


def _ledger_row(row: _Row) -> LedgerRow:
    charger = ChargerFacts(
        row.charger_id,
        ChargePointId(row.identifier),
        row.account_id,
        row.node_id,
        row.source_id_template,
        row.publish,
    )
    received = row.received.astimezone(UTC)
    return LedgerRow(row.seq, Exchange(received, charger, row.direction, row.action, row.request, row.answer))


# One that gives another register or time came second, and the session had ended before (Q65); one without number, of
# a charger that started offline (Q64), is recognized by its register.
_STOPPED_IN_LEDGER = """"transactionId" IN (
    WITH stop AS MATERIALIZED (
        SELECT "chargerId", try_cast(request->3->>'transactionId' AS BIGINT) AS id,
            try_cast(request->3->>'meterStop' AS DOUBLE) AS register,
            try_cast(request->3->>'timestamp' AS TIMESTAMPTZ) AS stopped, received
        FROM ledger WHERE action = 'StopTransaction' AND json_valid(request)
    ),
    matched AS (
        SELECT "transactionId", ended, started, stopped, received FROM "chargeSession" s
        JOIN stop ON stop."chargerId" = s."chargerId" AND id = "transactionId"
        WHERE coalesce(register = "meterStop", true)
        UNION ALL
        SELECT "transactionId", ended, started, stopped, received FROM "chargeSession" s
        JOIN stop ON stop."chargerId" = s."chargerId" AND register = "meterStop" AND id <= 0
    )
    SELECT "transactionId" FROM matched WHERE coalesce(ended IN (stopped, received, started), true))"""


def remembered_at(con: Connection, span: Span) -> TransactionsSnapshot:
    """Tells what the memory of transactions held when the ledger begins: nothing, if it was never shortened.

    Else the tables know: sessions whose start is not in the ledger, or in its first day (it may be one that
    is repeated). Those whose stop is in the ledger were still open.
    """
    if span.complete:
        return TransactionsSnapshot([], [], 1)
    number = _next_number(con, span)
    open_then = f"\"endReason\" IS DISTINCT FROM '{REFUSED}' AND (ended IS NULL OR {_STOPPED_IN_LEDGER})"
    running = select_sessions(con, f'WHERE "transactionId" < ? AND {open_then} ORDER BY "transactionId"', [number])
    recent = select_sessions(
        con,
        f'WHERE "transactionId" < ? AND NOT ({open_then}) '
        'QUALIFY row_number() OVER (PARTITION BY "chargerId" ORDER BY "transactionId" DESC) <= ? '
        'ORDER BY "transactionId"',
        [number, _RECENT],
    )
    return TransactionsSnapshot([_reopened(session) for session in running], recent, number)


def _next_number(con: Connection, span: Span) -> int:
    """Finds the lowest transactionId that was given after the first day of the ledger."""
    given = (
        "SELECT try_cast(answer->2->>'transactionId' AS BIGINT) FROM ledger "
        "WHERE action = 'StartTransaction' AND received {when} ?"
    )
    learned = span.began + LEARNING
    (earlier,) = _one(
        con,
        f'SELECT greatest((SELECT max("transactionId") FROM "chargeSession" WHERE "transactionId" NOT IN '
        f"(SELECT id FROM ({given.format(when='>=')}) AS t(id) WHERE id IS NOT NULL)), ({_highest(given)}))",
        [learned, learned],
    )
    return int(earlier or 0) + 1


def _highest(given: str) -> str:
    return f"SELECT max(id) FROM ({given.format(when='<')}) AS t(id)"


def _reopened(session: SessionRecord) -> SessionRecord:
    return msgspec.structs.replace(session, ended=None, end_reason=None, end_token=None, meter_stop_wh=None)


def _one(con: Connection, sql: str, parameters: Sequence[object] = ()) -> tuple[Any, ...]:
    row: tuple[Any, ...] | None = con.execute(sql, parameters).fetchone()
    if row is None:
        raise StoreError(f"A question about the ledger has no answer: {sql}")
    return row


def _text(time: datetime) -> str:
    """Writes a time as `--since` takes it, not before it."""
    return f"{time:%Y-%m-%dT%H:%M:%S.%fZ}"
