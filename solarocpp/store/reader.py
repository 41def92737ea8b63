"""Questions: each runs on a cursor of its own in a worker thread, and can be interrupted."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from concurrent.futures import Future
from typing import Generic, TypeVar

import duckdb
import trio

from solarocpp.errors import QueryInterrupted, StoreError
from solarocpp.store.database import Connection, Database

T = TypeVar("T")


class _Question(Generic[T]):
    """One question on its way: asked in a worker thread, interrupted from the Trio thread."""

    def __init__(self, database: Database, question: Callable[[Connection], T]) -> None:
        self._database = database
        self._question = question
        self._asking: Connection | None = None
        self.answer: Future[T] = Future()
        self.late = False

    def ask(self) -> None:
        """Asks; the outcome, good or bad, is in `answer`."""
        try:
            with self._database.reading() as con:
                self._asking = con
                try:
                    result = self._question(con)
                finally:
                    self._asking = None
        except Exception as exc:  # noqa: BLE001 it is raised again where the answer is awaited
            self.answer.set_exception(exc)
        else:
            self.answer.set_result(result)

    async def interrupt_after(self, limit_s: float) -> None:
        """Interrupts after the limit, or as soon as nobody waits for the answer any more."""
        try:
            await trio.sleep(limit_s)
            self.late = True
        finally:
            asking = self._asking
            if asking is not None:
                with contextlib.suppress(duckdb.Error):  # it ended this moment
                    asking.interrupt()


async def ask(database: Database, question: Callable[[Connection], T], limit_s: float) -> T:
    """Runs `question` in a worker thread; its connection is not to be kept.

    Raises:
        QueryInterrupted: it took longer than `limit_s`.
        StoreError: DuckDB could not answer.
    """
    asked = _Question(database, question)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(asked.interrupt_after, limit_s)
        await trio.to_thread.run_sync(asked.ask)
        nursery.cancel_scope.cancel()
    try:
        return asked.answer.result()
    except StoreError as exc:
        if asked.late:
            raise QueryInterrupted(limit_s) from exc
        raise
