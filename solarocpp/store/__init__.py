"""The store: the only writer of SQL. Ledger first, tables a moment later, all in one DuckDB file.

    Store.record  -> writer      exchanges become durable, many in one commit; then their answers leave
                  -> projector   what they change becomes rows, at most a second later, in bulk
    Store.write   -> projector   changes of the registry, in order with the rest
    Store.read                   questions, in worker threads, each with a cursor of its own

It knows rows, not messages: what an exchange changes is told by its effects. Three threads touch the
main database: the writer (table `journal` only), the projector (all other tables), and readers. Times
are handed in; nothing here asks a clock what time it is.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar
from uuid import uuid4

import msgspec
import structlog
import trio

from solarocpp.errors import StoreError, StoreFull
from solarocpp.store.database import Connection, Database, in_transaction
from solarocpp.store.effects import Effect
from solarocpp.store.histogram import Histogram
from solarocpp.store.ledger import ChargerFacts, Exchange, LedgerRow, last_seq, read_tail, watermark
from solarocpp.store.migrations import furnish, migrate, store_id
from solarocpp.store.projector import BULK, Change, Projector
from solarocpp.store.reader import Readers
from solarocpp.store.rebuild.staging import clean_up, staging_folder
from solarocpp.store.schema import DATABASE, SECRETS
from solarocpp.store.secrets import SecretsDatabase
from solarocpp.store.sessions import SessionRecord, TransactionsSnapshot, select_snapshot, session_id_for
from solarocpp.store.tables import Tables
from solarocpp.store.writer import Outcome, Record, Writer

__all__ = [
    "ChargerFacts",
    "Exchange",
    "LedgerRow",
    "SecretsDatabase",
    "SessionRecord",
    "Store",
    "StoreStatistics",
    "TransactionsSnapshot",
    "open_store",
    "session_id_for",
]

T = TypeVar("T")

# How long a question waits for the tables to catch up; with a full disk it then gets what there is.
_SETTLE_S = 2.0

# How long the end may take: a second's worth to write, and a checkpoint. The ledger is safe before.
_FINISH_S = 30.0

log = structlog.get_logger()


class StoreStatistics(msgspec.Struct, frozen=True):
    """How the store is doing, since it was opened."""

    exchanges: int
    """Ledger rows committed."""
    datums: int
    """Datums written, merged ones counted each time."""
    waiting: int
    """Records not committed yet."""
    unprojected: int
    """Effects committed and not in the tables yet."""
    refused: int
    """Records refused because a commit failed or too many waited."""
    left_out: int
    """Effects that DuckDB could not take; the ledger has what they came from."""
    commit_ms: float
    """How long the last commit took."""
    lag_s: float
    """For how long the tables have not shown what is committed."""
    failing: str
    """Why the last commit or projection failed; empty while all is well."""


class Store:
    """One open data directory: everything is written through here, by exactly one process.

    Its methods are for the Trio thread; the `_now` ones, `tail` and `project_tail` for the time before
    `run`, when there is no other thread yet.
    """

    def __init__(self, directory: Path, database: Database, secrets: SecretsDatabase, *, bulk: int = BULK) -> None:
        """Takes over opened databases; use `open_store`."""
        self.directory = directory
        self.secrets = secrets
        self.on_committed: Callable[[Sequence[Record]], None] | None = None
        """Called in the Trio thread with what each commit made durable, if somebody wants it."""
        self.on_projected: Callable[[Sequence[Effect]], None] | None = None
        """Called in the Trio thread with the effects of each projection, if somebody wants them."""
        self.snapshot_turn = trio.Lock()
        """Held by whoever makes a snapshot: one at a time."""
        self._database = database
        self._token: trio.lowlevel.TrioToken | None = None
        self._readers = Readers(database)
        with database.writing("projector") as con:
            self.store_id = store_id(con)
            self._tables = Tables(con)
            self._tail_last = last_seq(con)
            self._watermark = watermark(con)
        self._projector = Projector(database, self._tables, self._announce, bulk=bulk)
        self._writer = Writer(
            database,
            self._tail_last,
            self._projector,
            deliver=self._deliver,
            wake=self._at_end_of_turn,
            announce=self._announce_committed,
        )

    def record(self, exchange: Exchange | None, effects: Sequence[Effect], on_outcome: Outcome | None = None) -> None:
        """Queues an exchange and what it changes; never blocks.

        `on_outcome` is called in the Trio thread, with True once the exchange is durable, with False if
        it was refused: the disk is full, or too much waits already (`statistics().failing` says why).
        Without `exchange` the effects are only projected with the rest, and lost if the process dies
        within that second; outcome True then means no more than queued.
        """
        if not self._writer.put(Record(exchange, effects, on_outcome)) and on_outcome is not None:
            # Later, as any other outcome: the caller is in the middle of its own work.
            trio.lowlevel.current_trio_token().run_sync_soon(_call_outcomes, [on_outcome], False)

    def show_effects(self, effects: Sequence[Effect]) -> None:
        """Shows what somebody wrote with `write` to whoever watches what is recorded."""
        if self.on_projected is not None:
            self.on_projected(effects)

    def show(self, exchange: Exchange) -> None:
        """Shows an exchange that is not recorded, like a heartbeat, to whoever watches what is."""
        if self.on_committed is not None:
            self.on_committed((Record(exchange, (), None),))

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Writes and projects until it is cancelled; then finishes what is queued and checkpoints.

        Raises:
            StoreError: the tail of the ledger was not replayed (`tail`, `project_tail`).
        """
        if self._tail_last > self._watermark:
            raise StoreError("The tail of the ledger must be replayed before the store runs.")
        self._token = trio.lowlevel.current_trio_token()
        # Never cancelled from outside: what is queued is still written. The deadline comes with the end.
        scopes = [trio.CancelScope(shield=True) for _ in range(2)]
        try:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._in_thread, scopes[0], self._writer.work, self._projector.stop)
                nursery.start_soon(self._in_thread, scopes[1], self._projector.work, self._writer.stop)
                task_status.started()
                try:
                    await trio.sleep_forever()
                finally:
                    for scope in scopes:
                        scope.deadline = trio.current_time() + _FINISH_S
                    self._writer.stop()
        finally:
            self._token = None

    async def settle(self) -> None:
        """Waits until the tables show everything recorded so far.

        Raises:
            StoreFull: the disk refuses it at the moment.
        """
        await self._in_order(None)

    async def write(self, change: Callable[[Connection], T]) -> T:
        """Runs `change` in one transaction, in order with what was recorded before it; durable when it returns.

        Raises:
            StoreFull: the disk refused; nothing of it was kept.
            StoreError: DuckDB refused it, or the store does not run. What `change` raises is passed on.
        """
        result: T = await self._in_order(change)
        return result

    async def read(self, question: Callable[[Connection], T], *, limit_s: float = 30, settle: bool = True) -> T:
        """Runs `question` in a worker thread, on a cursor of its own, after `settle` (the method) if so.

        Raises:
            QueryInterrupted: it took longer than `limit_s` seconds.
            StoreError: DuckDB could not answer. What `question` raises is passed on.
        """
        if settle:
            await self.settle_soon()
        return await self._readers.ask(question, limit_s)

    async def settle_soon(self) -> None:
        """Settles as a question does: not for long, and with a full disk not at all."""
        if self._token is not None:
            with trio.move_on_after(_SETTLE_S), contextlib.suppress(StoreFull):
                await self.settle()

    def reclaim_space(self) -> None:
        """Has the next quiet moment used for a checkpoint, so that the space of removed rows is used again."""
        self._projector.reclaim = True

    def write_now(self, change: Callable[[Connection], T]) -> T:
        """Runs `change` in one transaction right here; before `run` only."""
        with self._database.writing("projector") as con:
            return in_transaction(con, change)

    def read_now(self, question: Callable[[Connection], T]) -> T:
        """Runs `question` on a cursor of its own right here; it blocks the caller."""
        with self._database.reading() as con:
            return question(con)

    @contextlib.contextmanager
    def alone(self) -> Iterator[Connection]:
        """Lends the connection that writes the tables, for transactions of the caller's own; before `run` only."""
        with self._database.writing("projector") as con:
            yield con

    def transactions(self, recent: int = 16) -> TransactionsSnapshot:
        """Reads open sessions and the newest `recent` others of each charger, as of the watermark."""
        return self.read_now(lambda con: select_snapshot(con, recent))

    def tail(self) -> Iterator[LedgerRow]:
        """Yields the ledger rows that the tables do not show yet, oldest first; before `run`."""
        with self._database.reading() as con:
            yield from read_tail(con)

    def project_tail(self, replayed: Sequence[tuple[int, Sequence[Effect]]]) -> None:
        """Writes the effects of the whole tail, row by row as `tail` gave it; before `run`.

        Number 0 stands for effects that come from no exchange.

        Raises:
            ValueError: a row of the tail is missing.
            StoreFull: the disk refused; nothing was written.
        """
        if [seq for seq, _ in replayed if seq] != list(range(self._watermark + 1, self._tail_last + 1)):
            raise ValueError("project_tail wants the effects of every row of the tail, in order")
        self._projector.project_now([effect for _, effects in replayed for effect in effects], self._tail_last)
        self._watermark = self._tail_last

    def statistics(self) -> StoreStatistics:
        """Says how the store is doing."""
        writer, projector = self._writer, self._projector
        return StoreStatistics(
            exchanges=writer.committed,
            datums=projector.datums,
            waiting=writer.waiting,
            unprojected=projector.waiting,
            refused=writer.refused,
            left_out=projector.left_out,
            commit_ms=writer.commit_ms,
            lag_s=projector.lag_s,
            failing=writer.failing or projector.failing,
        )

    @property
    def commits(self) -> Histogram:
        """How long commits have taken."""
        return self._writer.commits

    @property
    def acknowledged(self) -> int:
        """Number of the newest exchange that is durable."""
        return self._writer.last

    def close(self) -> None:
        """Closes the files; after `run` has ended."""
        self._database.close()
        self._readers.close()
        self.secrets.close()

    async def _in_thread(self, scope: trio.CancelScope, work: Callable[[], None], then: Callable[[], None]) -> None:
        try:
            with scope:
                await trio.to_thread.run_sync(work, abandon_on_cancel=True)
        finally:
            then()

    async def _in_order(self, change: Callable[[Connection], T] | None) -> Any:
        token = self._token
        if token is None:
            raise StoreError("The store does not run.")
        finished = trio.Event()
        answer: Future[T | None] = Future()

        def done(result: T | None, error: BaseException | None) -> None:
            if error is None:
                answer.set_result(result)
            else:
                answer.set_exception(error)
            with contextlib.suppress(trio.RunFinishedError):
                token.run_sync_soon(finished.set)

        if not self._writer.put(Change(change, done)):
            raise StoreFull(str(self._database.path), "too much waits to be written")
        await finished.wait()
        return answer.result()

    def _at_end_of_turn(self, call: Callable[[], None]) -> None:
        if self._token is None:
            call()
        else:
            self._token.run_sync_soon(call, idempotent=True)

    def _deliver(self, outcomes: Sequence[Outcome], committed: bool) -> None:  # noqa: FBT001 the outcome itself
        if self._token is not None:
            with contextlib.suppress(trio.RunFinishedError):
                self._token.run_sync_soon(_call_outcomes, outcomes, committed)

    def _announce_committed(self, records: Sequence[Record]) -> None:
        if self._token is not None and self.on_committed is not None:
            with contextlib.suppress(trio.RunFinishedError):
                self._token.run_sync_soon(self.on_committed, records)

    def _announce(self, effects: Sequence[Effect]) -> None:
        if self._token is not None and self.on_projected is not None:
            with contextlib.suppress(trio.RunFinishedError):
                self._token.run_sync_soon(self.on_projected, effects)


def open_store(
    directory: Path,
    *,
    now: datetime,
    prepare: Callable[[Connection], None] | None = None,
    memory_limit: str = "",
    bulk: int = BULK,
) -> Store:
    """Opens a data directory for writing, making or upgrading it as needed.

    A fresh one gets an id of its own, account 1 and node 1. `prepare` is called with each instance of
    DuckDB that is opened on it, before its configuration is locked. `memory_limit` is what DuckDB may take, like `2GB`;
    empty: half of the machine's memory. A larger `bulk` makes the tables cheaper
    and later: for whoever writes much and is asked nothing meanwhile.

    Raises:
        StoreLocked: another process has it; says which, and where it answers.
        SchemaTooNew: a later version wrote it.
        StoreError: it cannot be opened.
    """
    folders = (directory / "exports", directory / "snapshots")
    try:
        for folder in folders:
            folder.mkdir(parents=True, exist_ok=True)
    except OSError as exc:
        text = f"The data directory {str(directory)!r} cannot be written ({exc.strerror}). Name another: --data DIR"
        raise StoreError(text) from exc
    allowed = (*folders, staging_folder(directory))
    database = Database(
        directory / DATABASE,
        directories=tuple(folder.resolve() for folder in allowed),
        prepare=prepare,
        memory_limit=memory_limit,
    )
    database.open()
    try:
        clean_up(directory)
        with database.writing("projector") as con:
            migrate(con, database.path, now)
            furnish(con, uuid4(), now)
        secrets = SecretsDatabase(directory / SECRETS, now)
        try:
            return Store(directory, database, secrets, bulk=bulk)
        except BaseException:
            secrets.close()
            raise
    except BaseException:
        database.close()
        raise


def _call_outcomes(outcomes: Sequence[Outcome], committed: bool) -> None:  # noqa: FBT001 the outcome itself
    for call in outcomes:
        try:
            call(committed)
        except Exception:  # a defect of one link must not keep the others' answers from them
            log.exception("outcome_failed", committed=committed)
