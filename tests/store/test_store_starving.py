"""Analysts who take all memory, while chargers write: the chargers come first."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import trio
from stored import T, exchange, observed, record_all, rows

from solarocpp.errors import QueryInterrupted, StoreError
from solarocpp.store import Store, open_store
from solarocpp.store.priority import NICENESS, giving_way

pytestmark = pytest.mark.slow  # until memory is full takes a second or two

# Each takes more than there is: a sort, a table of groups, a list that cannot be parted.
GREEDY = (
    "SELECT count(*) FROM (SELECT row_number() OVER (ORDER BY hash(i)) AS n FROM range(100_000_000) t(i)) WHERE n > 5",
    "SELECT count(*) FROM (SELECT hash(i) AS g, list(i) FROM range(100_000_000) t(i) GROUP BY ALL)",
    "SELECT len(list(i)) FROM range(50_000_000) t(i)",
)


@pytest.fixture
async def small(tmp_path: Path) -> AsyncIterator[Store]:
    """A running store that may take 150 MB."""
    store = open_store(tmp_path, now=T, memory_limit="150MB")
    async with trio.open_nursery() as nursery:
        await nursery.start(store.run)
        yield store
        nursery.cancel_scope.cancel()
    store.close()


async def greedy(store: Store, statement: str, reasons: list[str]) -> None:
    """Asks again and again, and books why it got no answer."""
    while True:
        try:
            await store.read(lambda con: con.execute(statement).fetchall(), limit_s=20)
        except (StoreError, QueryInterrupted) as exc:
            reasons.append(str(exc))


async def test_no_message_is_refused_while_questions_take_all_memory(small: Store) -> None:
    reasons: list[str] = []
    async with trio.open_nursery() as nursery:
        for statement in GREEDY:
            nursery.start_soon(greedy, small, statement, reasons)
        number = 0
        # So long that questions have failed for want of memory, and messages have met them.
        while len(reasons) < 6 or number < 300:
            number += 1
            # 100 KB each: the journal needs memory, too.
            assert await record_all(small, [(exchange(number, size=100_000), [observed(number, watts=1.0)])]) == [True]
        nursery.cancel_scope.cancel()
    await small.settle()
    assert small.statistics().refused == small.statistics().left_out == 0
    assert rows(small, "SELECT count(*), count(DISTINCT seq) FROM ledger") == [(number, number)]
    assert rows(small, "SELECT count(*) FROM datum") == [(number,)]
    assert all(
        "Out of Memory" in reason or "left no memory" in reason or "stopped after" in reason for reason in reasons
    )


@pytest.mark.skipif(sys.platform != "linux", reason="threads have no priority of their own elsewhere")
def test_threads_that_give_way_pass_it_on_and_nobody_else_does() -> None:
    def priorities() -> tuple[int, int]:
        inner: list[int] = []
        thread = threading.Thread(
            target=lambda: inner.append(os.getpriority(os.PRIO_PROCESS, threading.get_native_id()))
        )
        thread.start()
        thread.join()
        return os.getpriority(os.PRIO_PROCESS, threading.get_native_id()), inner[0]

    usual = os.getpriority(os.PRIO_PROCESS, 0)
    assert giving_way(priorities) == (NICENESS, NICENESS)
    assert priorities() == (usual, usual)
