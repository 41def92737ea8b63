"""Derives datums and sessions again from the ledger: after a better normalizer, or when tables were damaged.

    begin of the ledger ── starts and stops only ──> some days before the cut ── all rows ──> the cut ── all ──> end
                           who charges then                                     datums that     what is replaced
                                                                                may be merged

The memory of transactions is derived from the first row on. Datums are derived from the first row that may
have contributed to a row of `datum` that is replaced: no charger's time is more than a day ahead of ours
(`metering.datums.plausible_time`), so what was received a day before the oldest of them, or earlier, did not.
That oldest one is only known for certain when all is derived; if the guess was too late, it is done again.

Sessions that people ended are ended again at their place in time; what they wanted is an event.

It needs the store for itself. A running server keeps in memory what the tables said when it started, and a
better normalizer comes with a new version, for which the server is stopped anyway.
"""

from __future__ import annotations

import contextlib
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta

from solarocpp.central_system import CentralSystem, Transactions
from solarocpp.central_system.replay import replayed_effects
from solarocpp.errors import ProtocolViolation, StoreError
from solarocpp.registry.memory import RegistryMemory
from solarocpp.store import Store
from solarocpp.store.database import Connection, in_transaction
from solarocpp.store.effects import DatumObserved, Effect
from solarocpp.store.ledger import LedgerRow
from solarocpp.store.rebuild import (
    BEFORE,
    LEARNING,
    Changes,
    Ending,
    Span,
    Staging,
    attached,
    attempt,
    find_span,
    first_received,
    keep_before,
    kept_file,
    read_endings,
    read_ledger,
    remembered_at,
    swapped,
    undo_swap,
)

Tell = Callable[[str, int, int], None]
"""Hears what is done (`Remembering`, `Deriving`, `Comparing`), and how many ledger rows of how many are behind us;
of 0, where nobody can tell."""

# Readings are seldom older than this when they arrive; an older one costs a second run.
_USUAL_DELAY = timedelta(hours=1)


class Rebuild:
    """A rebuild that is done but not kept: what it changes, and the word that keeps it."""

    def __init__(self, span: Span, changes: Changes, left_out: int, keep: Callable[[], None]) -> None:
        self.since = span.cut
        """When the first of the exchanges was received that were run again."""
        self.exchanges = span.last - span.first + 1
        self.changes = changes
        self.left_out = left_out
        """Effects that DuckDB cannot take."""
        self.keep = keep
        """Has it committed when the block ends; without it everything stays as it was."""


@contextlib.contextmanager
def rebuilt(store: Store, since: datetime, *, now: datetime, tell: Tell) -> Iterator[Rebuild | None]:
    """Derives again what was received since a time, in a transaction that lasts as long as the block.

    Gives None if nothing was received since then. The store must not run, and its tail must be replayed.

    Raises:
        StoreError: the ledger does not go back so far; says from when on it is possible.
    """
    with store.alone() as con:
        span = find_span(con, since)
        if span is None:
            yield None
            return
        with attempt(con, store.directory) as files:
            derivation = _Derivation(con, span, store, tell)
            derivation.run()
            tell("Comparing", 0, 0)
            keep_before(con, span, derivation.first_transaction_id)
            with swapped(con, now) as swap:
                yield Rebuild(span, swap.changes, derivation.left_out, swap.keep)
            files.keep_before = swap.kept


def undo(store: Store, *, now: datetime) -> None:
    """Puts back what the last rebuild replaced, if nothing was written since.

    Raises:
        StoreError: there is nothing to put back, or something was written since; says what to do.
    """
    kept = kept_file(store.directory)
    if not kept.exists():
        raise StoreError(f"There is no rebuild to undo: {kept} is not there.")
    with store.alone() as con:
        with attached(con, kept, BEFORE, read_only=True):
            in_transaction(con, lambda con: undo_swap(con, now))
        kept.unlink()


class _Derivation:
    """Runs the ledger through the handlers, into the staging tables."""

    def __init__(self, con: Connection, span: Span, store: Store, tell: Tell) -> None:
        self._con, self._span, self._store, self._tell = con, span, store, tell
        self._endings = read_endings(con)
        self.first_transaction_id = 0
        """Lowest transactionId that was not given before the cut."""
        self.left_out = 0

    def run(self) -> None:
        """Derives until nothing older than what was begun with turns out to be concerned."""
        with contextlib.closing(Staging(self._con, self._span)) as staging:
            oldest = staging.oldest_replaced(self._span.cut - _USUAL_DELAY)
            while (found := self._derive(staging, oldest)) < oldest:
                oldest = found
            self.left_out = staging.left_out

    def _derive(self, staging: Staging, oldest: datetime) -> datetime:
        """Derives datums from `oldest` on, and tells how old the oldest one concerned is."""
        con, span = self._con, self._span
        staging.begin(oldest)
        transactions = Transactions(remembered_at(con, span), self._store.store_id)
        # The registry is of today; what counts is recorded with each row.
        replay = _Replay(CentralSystem(RegistryMemory(), transactions), self._endings)
        begin = first_received(con, span, oldest - LEARNING)
        for rows in read_ledger(con, span.begin, begin - 1, sessions_only=True):
            replay.run(rows)
            self._tell("Remembering", min(rows[-1].seq if rows else 0, begin - 1), begin - 1)
        total = span.last - begin + 1
        for rows in read_ledger(con, begin, span.first - 1):
            # Sessions of that time are not replaced; only what merges with later datums is wanted.
            staging.project([effect for effect in replay.run(rows) if isinstance(effect, DatumObserved)])
            self._tell("Deriving", rows[-1].seq - begin + 1, total)
        replay.end_sessions(span.cut)
        self.first_transaction_id = transactions.next_transaction_id
        staging.insert_sessions(transactions.all_open())
        for rows in read_ledger(con, span.first, span.last):
            staging.project(replay.run(rows))
            self._tell("Deriving", rows[-1].seq - begin + 1, total)
        staging.project(replay.end_sessions(None))
        return min(oldest, staging.oldest_touched() or oldest)


class _Replay:
    """Runs rows of the ledger, and what people ended between them."""

    def __init__(self, central: CentralSystem, endings: Sequence[Ending]) -> None:
        self._central = central
        self._endings = deque(endings)

    def run(self, rows: Sequence[LedgerRow]) -> list[Effect]:
        """Gives what rows changed, and what was ended before each of them."""
        effects: list[Effect] = []
        for row in rows:
            effects += self.end_sessions(row.exchange.received)
            effects += _effects(row, self._central)
        return effects

    def end_sessions(self, until: datetime | None) -> list[Effect]:
        """Ends what people ended before a time, or all the rest; sessions that are not open then stay as they are."""
        effects: list[Effect] = []
        while self._endings and (until is None or self._endings[0].created < until):
            end = self._endings.popleft().effect
            if self._central.end_session(end):
                effects.append(end)
        return effects


def _effects(row: LedgerRow, central: CentralSystem) -> Sequence[Effect]:
    try:
        return replayed_effects(row, central)
    except ProtocolViolation as violation:  # it was answered then, so a later version must read it too
        raise StoreError(
            f"Exchange {row.seq} of the ledger, {row.exchange.action} of {row.exchange.charger.identifier}, cannot be "
            f"read any more ({violation}). What it made would be lost, so nothing was changed."
        ) from violation
