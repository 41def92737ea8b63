"""Questions: each runs on a cursor of its own in a thread of low priority, and can be interrupted.

Analysts share the processors and the memory of the instance with the chargers. So there are few of their
threads, they give way to whoever writes (`priority`), and so do the instance's own workers, which help them.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Generic, TypeVar

import duckdb
import trio

from solarocpp.errors import QueryInterrupted, StoreError
from solarocpp.store.database import Connection, Database
from solarocpp.store.priority import give_way

T = TypeVar("T")

READERS = 4
"""Questions at once; the next ones wait. More would only take turns on the two cores of a small box."""

_INTERRUPT_EVERY_S = 0.05

# Where a statement fails in two of its threads at once, DuckDB now and then says that it was interrupted, which only
# stopped the second one. Seen for one of 60 such statements; asked again, it says what is wrong.
_TRIES = 3


class Readers:
    """The threads that questions run in."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._turns = trio.CapacityLimiter(READERS)
        self._threads = ThreadPoolExecutor(READERS, "reader", give_way)

    async def ask(self, question: Callable[[Connection], T], limit_s: float) -> T:
        """Runs `question`; its connection is not to be kept.

        Raises:
            QueryInterrupted: it took longer than `limit_s`, from its turn on.
            StoreError: DuckDB could not answer.
        """
        async with self._turns:
            asked = _Question(self._database, question)
            async with trio.open_nursery() as nursery:
                nursery.start_soon(asked.interrupt_after, limit_s)
                await self._run(asked.ask)
                nursery.cancel_scope.cancel()
        try:
            return asked.answer.result()
        except StoreError as exc:
            if asked.late:
                raise QueryInterrupted(limit_s) from exc
            raise

    def close(self) -> None:
        """Lets the threads go; after the last question."""
        self._threads.shutdown(wait=False)

    async def _run(self, work: Callable[[], None]) -> None:
        """Waits until `work` has ended in one of our threads; it cannot be abandoned, for it uses the database."""
        token, ended = trio.lowlevel.current_trio_token(), trio.Event()

        def tell(_future: Future[None]) -> None:
            with contextlib.suppress(trio.RunFinishedError):
                token.run_sync_soon(ended.set)

        self._threads.submit(work).add_done_callback(tell)
        with trio.CancelScope(shield=True):
            await ended.wait()


class _Question(Generic[T]):
    """One question on its way: asked in a reader's thread, interrupted from the Trio thread."""

    def __init__(self, database: Database, question: Callable[[Connection], T]) -> None:
        self._database = database
        self._question = question
        self._asking: Connection | None = None
        self._interrupts = False
        self.answer: Future[T] = Future()
        self.late = False

    def ask(self) -> None:
        """Asks; the outcome, good or bad, is in `answer`."""
        try:
            with self._database.reading() as con:
                self._asking = con
                try:
                    result = self._ask(con)
                finally:
                    self._asking = None
        except Exception as exc:  # noqa: BLE001 it is raised again where the answer is awaited
            self.answer.set_exception(exc)
        else:
            self.answer.set_result(result)

    def _ask(self, con: Connection) -> T:
        for _ in range(_TRIES - 1):
            try:
                return self._question(con)
            except duckdb.InterruptException:
                if self._interrupts or self._database.interrupts(con):
                    raise
        return self._question(con)

    async def interrupt_after(self, limit_s: float) -> None:
        """Interrupts after the limit, or as soon as nobody waits for the answer any more."""
        try:
            await trio.sleep(limit_s)
            self.late = True
        finally:
            # Again and again: DuckDB forgets an interruption that comes just before a statement begins.
            self._interrupts = True
            with trio.CancelScope(shield=True):
                while not self.answer.done():
                    asking = self._asking
                    if asking is not None:
                        with contextlib.suppress(duckdb.Error):  # it ended this moment
                            asking.interrupt()
                    await trio.sleep(_INTERRUPT_EVERY_S)
