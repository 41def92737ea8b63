"""Long answers: a question gives its answer in pieces, and waits until each is taken.

The thread that asks runs ahead by one piece, so a slow reader slows the query down, and nothing grows.
Whatever ends the one side ends the other: when nobody takes the pieces any more, the query is
interrupted; and its time limit counts all of it, the taking included, since a transaction that stays
open for a slow reader keeps the log from being shortened.
"""

from __future__ import annotations

import contextlib
from collections.abc import Awaitable, Callable, Iterator
from typing import Protocol, TypeVar

import duckdb
import trio

from solarocpp.errors import QueryInterrupted, StoreError
from solarocpp.store.database import Connection

T = TypeVar("T")


class Read(Protocol):
    """`Store.read`."""

    async def __call__(self, question: Callable[[Connection], None], *, limit_s: float) -> None:
        """Runs the question in a thread."""


async def read_stream(
    read: Read, question: Callable[[Connection], Iterator[T]], take: Callable[[T], Awaitable[None]], *, limit_s: float
) -> None:
    """Runs `question` in a thread by `read`, and awaits `take` with each piece of its answer.

    Raises:
        QueryInterrupted: it took longer than `limit_s` seconds until the last piece was taken.
        StoreError: DuckDB could not answer. What `question` and `take` raise is passed on.
    """
    token = trio.lowlevel.current_trio_token()
    giving, taking = trio.open_memory_channel[T](0)
    failures: list[Exception] = []

    def give(con: Connection) -> None:
        # The question is closed right here: its cursor is lent to this thread, and for this long.
        with contextlib.closing(question(con)) as pieces:  # type: ignore[type-var]  # a generator, all of them
            for piece in _once(pieces):
                trio.from_thread.run(giving.send, piece, trio_token=token)

    async def answer() -> None:
        with giving:
            try:
                await read(give, limit_s=limit_s)
            except Exception as exc:  # noqa: BLE001 it is raised again, outside of the nursery
                failures.append(exc)

    with trio.move_on_after(limit_s) as scope:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(answer)
            with taking:
                try:
                    async for piece in taking:
                        await take(piece)
                except Exception as exc:  # noqa: BLE001 it is raised again, outside of the nursery
                    failures.insert(0, exc)
                    nursery.cancel_scope.cancel()
    if scope.cancelled_caught:
        raise QueryInterrupted(limit_s)
    if failures:
        raise failures[0]


def _once(pieces: Iterator[T]) -> Iterator[T]:
    """Passes pieces on; after the first, an interruption is no reason to ask again: it would begin anew."""
    begun = False
    try:
        for piece in pieces:
            begun = True
            yield piece
    except duckdb.InterruptException as exc:
        if begun:
            raise StoreError(f"The answer ended in the middle: {exc}") from exc
        raise
