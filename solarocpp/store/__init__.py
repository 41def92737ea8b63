"""The store: the only writer of SQL. Ledger first, tables a moment later, all in one DuckDB file.

(Signatures are settled; the body is being written.)
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import TypeVar
from uuid import UUID

import duckdb
import msgspec
import trio

from solarocpp.store.effects import Effect
from solarocpp.store.ledger import ChargerFacts, Exchange, LedgerRow
from solarocpp.store.sessions import SessionRecord, TransactionsSnapshot, session_id_for

__all__ = [
    "ChargerFacts",
    "Exchange",
    "LedgerRow",
    "SessionRecord",
    "Store",
    "StoreStatistics",
    "TransactionsSnapshot",
    "open_store",
    "session_id_for",
]

T = TypeVar("T")


class StoreStatistics(msgspec.Struct, frozen=True):
    """How the store is doing, since it was opened."""

    exchanges: int
    """Ledger rows committed."""
    datums: int
    """Datums written, merged ones counted once each time."""
    waiting: int
    """Records not committed yet."""
    unprojected: int
    """Committed ledger rows that the tables do not show yet."""
    refused: int
    """Records refused because a commit failed or too many waited."""
    commit_ms: float
    """How long the last commit took."""
    failing: str
    """Why the last commit failed; empty while all is well."""


class Store:
    """One open data directory: everything is written through here, by exactly one process.

    `record` and the statistics are for the Trio thread; the others say what they wait for.
    """

    directory: Path
    store_id: UUID

    def record(
        self,
        exchange: Exchange | None,
        effects: Sequence[Effect],
        on_outcome: Callable[[bool], None] | None = None,
    ) -> None:
        """Queues an exchange and what it changes; never blocks. `on_outcome` gets True once it is durable."""
        raise NotImplementedError

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Writes and projects until it is cancelled; then finishes what is queued."""
        raise NotImplementedError

    async def settle(self) -> None:
        """Waits until the tables show everything recorded so far."""
        raise NotImplementedError

    async def write(self, change: Callable[[duckdb.DuckDBPyConnection], T]) -> T:
        """Runs `change` in one transaction, in order with what was recorded before it."""
        raise NotImplementedError

    async def read(self, question: Callable[[duckdb.DuckDBPyConnection], T], *, limit_s: float = 30) -> T:
        """Runs `question` on a cursor of its own in a worker thread, after `settle`."""
        raise NotImplementedError

    def write_now(self, change: Callable[[duckdb.DuckDBPyConnection], T]) -> T:
        """Runs `change` in one transaction right here; only while `run` does not (start, command line)."""
        raise NotImplementedError

    def read_now(self, question: Callable[[duckdb.DuckDBPyConnection], T]) -> T:
        """Runs `question` on a cursor of its own right here; only while `run` does not."""
        raise NotImplementedError

    def transactions(self, recent: int = 16) -> TransactionsSnapshot:
        """Reads open sessions and the newest `recent` others of each charger, as of the watermark."""
        raise NotImplementedError

    def tail(self) -> Iterator[LedgerRow]:
        """Yields the ledger rows the tables do not show yet, oldest first; before `run`."""
        raise NotImplementedError

    def project_tail(self, replayed: Sequence[tuple[int, Sequence[Effect]]]) -> None:
        """Writes the effects of replayed ledger rows to the tables; before `run`."""
        raise NotImplementedError

    def statistics(self) -> StoreStatistics:
        """Says how the store is doing."""
        raise NotImplementedError

    def close(self) -> None:
        """Closes the files; after `run` has ended."""
        raise NotImplementedError


def open_store(directory: Path, *, now: datetime) -> Store:
    """Opens a data directory for writing, making or upgrading it as needed.

    Raises:
        StoreLocked: another process has it.
        SchemaTooNew: a later version wrote it.
    """
    raise NotImplementedError
