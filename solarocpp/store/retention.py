"""Retention: rows that are older than they are kept go, a few at a time, in the projector's thread.

    plan   (a reader)            where the steps end, so that none removes more than `STEP_ROWS`
    step   (the projector)       removes up to there, in a transaction of its own, between the projections
    pause                        as long as the step took: what chargers say has at least half of that thread

What is not in the tables yet is in no table and cannot go. Of the ledger only the beginning goes, so its
numbers have no gaps. A running session keeps its datums; what ended keeps its totals, which are not made again
once their datums may be gone. Datums go by whole UTC days; `meta.datumsFrom` says from when on all are there,
for exports, which keep what went.

DuckDB uses the space of what went for new rows after the next checkpoint. The file does not get smaller
(1.5M of 2M datums removed: 116 of its 194 blocks free for new rows, size as before); a restored copy made with
COPY FROM DATABASE would be.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

import msgspec
import structlog
import trio

from solarocpp.errors import QueryInterrupted, StoreError
from solarocpp.store.database import Connection

if TYPE_CHECKING:
    from solarocpp.store import Store

# 2 us of CPU a row (DELETE by time, 2M datums): 20 ms in which no batch is projected, and commits go on.
STEP_ROWS = 10_000

# Often, so that each time there is little to do: an hour's rows, not a day's.
RETENTION_EVERY_S = 3600.0

# Ten million rows are sorted by time in some seconds; a run that finds so many is the first on an old store.
_PLAN_LIMIT_S = 300.0

log = structlog.get_logger()


class Keep(msgspec.Struct, frozen=True):
    """How long rows are kept; None: for ever."""

    ledger: timedelta | None = None
    datum: timedelta | None = None
    event: timedelta | None = None
    instruction: timedelta | None = None
    configuration: timedelta | None = None
    """Past values of configuration keys, from their end; what is now stays."""
    reservation: timedelta | None = None
    """From the time until when they were made."""


class _Rule(NamedTuple):
    """What goes of one table: rows for which `old` and `free` hold, in the order of `by`."""

    table: str
    by: str
    old: str
    """SQL with one parameter, the time before which rows are old."""
    free: str = "true"
    """SQL of what must hold at the very moment a row goes."""
    also: Mapping[str, str] = {}
    """Further tables with the same column `by`, of which the same goes, each with its own `free`."""


_NOT_RUNNING = (
    '("sessionId" IS NULL OR "sessionId" NOT IN (SELECT "sessionId" FROM "chargeSession" WHERE ended IS NULL))'
)

RULES: Mapping[str, _Rule] = {
    # Up to the first row that is young enough: a clock that was set back must not tear a hole into the numbers.
    "ledger": _Rule(
        "ledger", "seq", "seq < (SELECT coalesce(min(seq), 9223372036854775807) FROM ledger WHERE received >= ?)"
    ),
    "datum": _Rule(
        "datum",
        "created",
        "created < ?",
        free=_NOT_RUNNING,
        # Contexts only decide between two messages about the same moment; none of so long ago is to be expected.
        also={"signedReading": _NOT_RUNNING, "datumContext": "true"},
    ),
    "event": _Rule("event", "created", "created < ?"),
    # Some chargers have keys that tick, like the strength of their signal: a row for each reading.
    "configuration": _Rule("configuration", "until", '"until" < ?'),
    # What has not ended is somebody's order still, however old; it ends by its own expiry.
    "instruction": _Rule(
        "instruction", "statusDate", '"statusDate" < ?', free="state IN ('completed', 'declined', 'expired')"
    ),
    # None outlives its time, whatever its status says; and none is made for longer than a month.
    "reservation": _Rule("reservation", "expires", "expires < ?"),
}
"""By the name of the setting."""


def plan(con: Connection, rule: _Rule, before: datetime, step_rows: int = STEP_ROWS) -> list[object]:
    """Finds where steps of `step_rows` end: each value of `by` is the last of one."""
    rows = con.execute(
        f'SELECT max("{rule.by}") FROM (SELECT "{rule.by}", (row_number() OVER (ORDER BY "{rule.by}") - 1) '
        f'// {step_rows} AS step FROM "{rule.table}" WHERE {rule.old} AND {rule.free}) GROUP BY step ORDER BY step',
        [before],
    ).fetchall()
    return [last for (last,) in rows]


def remove(con: Connection, rule: _Rule, before: datetime, last: object) -> int:
    """Removes the old rows up to `last`; returns how many of the rule's own table."""
    if rule.table == "datum":
        con.execute('UPDATE meta SET "datumsFrom" = ? WHERE "datumsFrom" IS NULL OR "datumsFrom" < ?', [before, before])
    counts = [
        con.execute(f'DELETE FROM "{table}" WHERE "{rule.by}" <= ? AND {free}', [last]).fetchone() or (0,)
        for table, free in {rule.table: rule.free, **rule.also}.items()
    ]
    return int(counts[0][0])


async def apply_retention(store: Store, keep: Keep, now: datetime) -> dict[str, int]:
    """Removes what is too old; returns how many rows of which table.

    Raises:
        StoreError: the store cannot do it now; what went is gone, the rest is for the next time.
    """
    counts: dict[str, int] = {}
    for name, rule in RULES.items():
        age: timedelta | None = getattr(keep, name)
        if age is None:
            continue
        before = now - age
        if rule.table == "datum":
            before = before.replace(hour=0, minute=0, second=0, microsecond=0)
        for last in await store.read(partial(plan, rule=rule, before=before), limit_s=_PLAN_LIMIT_S, settle=False):
            began = trio.current_time()
            removed = await store.write(partial(remove, rule=rule, before=before, last=last))
            counts[name] = counts.get(name, 0) + removed
            await trio.sleep(trio.current_time() - began)
    if counts:
        store.reclaim_space()
    return counts


async def run_retention(
    store: Store, keep: Keep, clock: Callable[[], datetime], every_s: float = RETENTION_EVERY_S
) -> None:
    """Applies retention now and every so often, for as long as the server runs."""
    while True:
        try:
            counts = await apply_retention(store, keep, clock())
        except (StoreError, QueryInterrupted) as exc:
            log.warning("retention_failed", reason=str(exc))
        else:
            if counts:
                log.info("retention_applied", removed=counts)
        await trio.sleep(every_s)
