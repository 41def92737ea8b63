"""Whether a store is sound: findings as data, for whoever shows them.

Every rule here is one that the code keeps by construction, so an error means a defect or a damaged
file, and a warning something an operator should look at.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Literal, NamedTuple

import msgspec

from solarocpp.store.clocks import WRONG_CLOCKS
from solarocpp.store.database import Connection
from solarocpp.store.migrations import MIGRATIONS, schema_version
from solarocpp.store.schema import DATABASE, SECRETS, VIEWS


class Finding(msgspec.Struct, frozen=True):
    """One thing that was looked at, and how it is."""

    check: str
    result: Literal["ok", "warning", "error"]
    detail: str


class _Rule(NamedTuple):
    """SQL that counts what must not be there; 0 is well."""

    check: str
    result: Literal["warning", "error"]
    sql: str
    text: str


# A log beyond this was not moved into the file although it should have been (checkpoint_threshold).
_LOG_BYTES = 600_000_000

_RULES = (
    _Rule("ledger_tail", "warning", "SELECT count(*) FROM journal", "commits are in the ledger and not in the tables"),
    _Rule(
        "ledger_gaps",
        "error",
        "SELECT coalesce(max(seq) - min(seq) + 1 - count(*), 0) FROM ledger",
        "numbers are missing from the ledger",
    ),
    _Rule(
        "ledger_beyond_watermark",
        "error",
        "SELECT count(*) FROM ledger WHERE seq > (SELECT watermark FROM meta)",
        "ledger rows are beyond the watermark",
    ),
    _Rule(
        "repeated_sessions",
        "error",
        'SELECT count(*) - count(DISTINCT "sessionId") FROM "chargeSession"',
        "sessions are there more than once",
    ),
    _Rule(
        "repeated_transactions",
        "error",
        'SELECT count(*) - count(DISTINCT "transactionId") FROM "chargeSession"',
        "transactionIds were given more than once",
    ),
    _Rule(
        "reused_transactions",
        "error",
        'SELECT count(*) FROM "chargeSession" WHERE "transactionId" >= (SELECT "nextTransactionId" FROM meta)',
        "transactionIds would be given again",
    ),
    _Rule(
        "orphaned_datums",
        "error",
        'SELECT count(*) FROM datum ANTI JOIN "chargeSession" USING ("sessionId") WHERE datum."sessionId" IS NOT NULL',
        "datums belong to a session that is not there",
    ),
    _Rule(
        # All of 10M rows would take seconds; a defect would show in new rows too.
        "repeated_datums",
        "error",
        'SELECT count(*) - count(DISTINCT (created, "nodeId", "sourceId")) FROM datum '
        "WHERE created > (SELECT max(created) FROM datum) - INTERVAL 7 DAY",
        "datums of the newest seven days are there more than once",
    ),
    _Rule(
        "missing_totals",
        "error",
        'SELECT count(*) FROM "chargeSession" ANTI JOIN "sessionTotal" USING ("sessionId") '
        "WHERE ended IS NOT NULL AND \"endReason\" IS DISTINCT FROM 'Refused'",
        "ended sessions have no totals",
    ),
    _Rule(
        "repeated_totals",
        "error",
        'SELECT count(*) - count(DISTINCT "sessionId") FROM "sessionTotal"',
        "sessions have more than one row of totals",
    ),
    _Rule(
        "reversed_sessions",
        "warning",
        'SELECT count(*) FROM "chargeSession" WHERE ended < started',
        "sessions end before they start: look at the clock of their charger",
    ),
    _Rule(
        "wrong_clocks",
        "warning",
        WRONG_CLOCKS,
        "chargers have a clock that is off by more than a minute: FROM clock tells which, and by how much",
    ),
    _Rule(
        "suspect_sessions",
        "warning",
        "SELECT count(*) FROM \"sessionTotal\" WHERE quality = 'suspect'",
        "sessions have an energy that contradicts itself: `doubt` in session says why",
    ),
    _Rule(
        "future_datums",
        "warning",
        "SELECT count(*) FROM datum WHERE created > received + INTERVAL 1 DAY",
        "datums are dated a day or more after we got them: look at the clock of their charger",
    ),
)


def inspect_store(con: Connection, directory: Path) -> list[Finding]:
    """Looks at schema, ledger, tables and files of a store; takes about a second for 10M datums."""
    return [*_schema(con), *_counts(con), *_broken_rules(con), *_files(directory)]


def _schema(con: Connection) -> Iterator[Finding]:
    version = schema_version(con)
    newest = len(MIGRATIONS)
    yield Finding("schema", "ok" if version == newest else "error", f"version {version}, this solarocpp has {newest}")
    for view in VIEWS:
        # Its SQL names columns; one that is gone would make it refuse to answer.
        con.execute(f'SELECT * FROM "{view.name}" LIMIT 0')
        yield Finding(f"view_{view.name}", "ok", "answers")


def _counts(con: Connection) -> Iterator[Finding]:
    for table, time in (
        ("ledger", "received"),
        ("datum", "created"),
        ("chargeSession", "started"),
        ("event", "created"),
    ):
        row = con.execute(f"SELECT count(*), strftime(max({time}), '%Y-%m-%dT%H:%M:%SZ') FROM \"{table}\"").fetchone()
        count, newest = row or (0, None)
        yield Finding(table, "ok", f"{count} rows, newest {newest}" if newest else "empty")


def _broken_rules(con: Connection) -> Iterator[Finding]:
    for rule in _RULES:
        row = con.execute(rule.sql).fetchone()
        found = int(row[0] or 0) if row else 0
        yield Finding(rule.check, rule.result if found else "ok", f"{found} {rule.text}" if found else "none")


def _files(directory: Path) -> Iterator[Finding]:
    for name in (DATABASE, f"{DATABASE}.wal", SECRETS):
        path = directory / name
        size = path.stat().st_size if path.exists() else 0
        large = name.endswith(".wal") and size > _LOG_BYTES
        yield Finding(name, "warning" if large else "ok", f"{size / 1e6:.1f} MB")
