"""Answers in pieces: neither side runs away from the other, and each hears of the other's end."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import duckdb
import pytest
import trio

from solarocpp.errors import QueryInterrupted, StoreError
from solarocpp.store import Store, open_store
from solarocpp.store.streaming import read_stream

NOW = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture
def reading(tmp_path: Path) -> Iterator[Store]:
    """A store that only answers; nothing is written here."""
    with closing(open_store(tmp_path, now=NOW)) as store:
        yield store


class Question:
    """Gives numbers one by one, and knows how many, and whether it was closed."""

    def __init__(self, last: int) -> None:
        self.last, self.given, self.closed = last, 0, False

    def __call__(self, _: duckdb.DuckDBPyConnection) -> Iterator[int]:
        try:
            for number in range(self.last):
                self.given += 1
                yield number
        finally:
            self.closed = True


async def test_the_question_is_one_piece_ahead_of_who_takes_them(reading: Store) -> None:
    question = Question(100)
    ahead: list[int] = []
    taken: list[int] = []

    async def take(number: int) -> None:
        taken.append(number)
        await trio.lowlevel.checkpoint()
        ahead.append(question.given - len(taken))

    await read_stream(reading.read, question, take, limit_s=30)
    assert taken == list(range(100))
    assert max(ahead) <= 1
    assert question.closed


async def test_who_refuses_a_piece_ends_the_question(reading: Store) -> None:
    question = Question(10**9)

    async def take(number: int) -> None:
        if number == 3:
            raise KeyError(number)

    with pytest.raises(KeyError):
        await read_stream(reading.read, question, take, limit_s=30)
    assert (question.given, question.closed) == (5, True)


async def test_an_answer_that_has_begun_is_not_begun_again(reading: Store) -> None:
    """DuckDB may call a statement interrupted that nobody interrupted: before the first piece it is asked again."""
    taken: list[int] = []
    asked: list[str] = []

    def question(_: duckdb.DuckDBPyConnection) -> Iterator[int]:
        asked.append("")
        if len(asked) == 1:
            raise duckdb.InterruptException("INTERRUPT Error: Interrupted!")
        yield 1
        raise duckdb.InterruptException("INTERRUPT Error: Interrupted!")

    async def take(number: int) -> None:
        taken.append(number)

    with pytest.raises(StoreError, match="The answer ended in the middle"):
        await read_stream(reading.read, question, take, limit_s=30)
    assert (taken, len(asked)) == ([1], 2)


async def test_what_the_question_raises_comes_after_its_pieces(reading: Store) -> None:
    taken: list[int] = []

    def question(con: duckdb.DuckDBPyConnection) -> Iterator[int]:
        yield 1
        con.execute("FROM nothing")

    async def take(number: int) -> None:
        taken.append(number)

    with pytest.raises(StoreError, match="nothing does not exist"):
        await read_stream(reading.read, question, take, limit_s=30)
    assert taken == [1]


async def test_the_limit_counts_while_nobody_takes(reading: Store) -> None:
    """The thread waits for the taker then, and no interrupt of DuckDB's would reach it."""
    question = Question(10**9)

    async def take(_: int) -> None:
        await trio.sleep_forever()

    with pytest.raises(QueryInterrupted, match=r"stopped after 0\.05 s"):
        await read_stream(reading.read, question, take, limit_s=0.05)
    assert question.closed


async def test_a_caller_who_is_cancelled_waits_for_the_thread_only(reading: Store) -> None:
    question = Question(10**9)

    async def take(_: int) -> None:
        scope.cancel()

    with trio.CancelScope() as scope:
        await read_stream(reading.read, question, take, limit_s=30)
    assert scope.cancelled_caught
    assert question.closed
