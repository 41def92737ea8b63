"""The tail of the ledger: what is acknowledged and not in the tables goes through once more, and only once."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest
import trio
from stored import RECEIVED, T, at, ended, exchange, observed, record_all, rows, running, started

from solarocpp.errors import StoreError
from solarocpp.store import Exchange, Store, open_store
from solarocpp.store.effects import (
    ChargerDescribed,
    ConnectorsCounted,
    ConnectorStatusChanged,
    Effect,
    EventHappened,
    SignedReadingKept,
)
from solarocpp.store.ledger import append_exchanges

# One of everything: what a session, a boot and a bad sample leave behind.
RECORDS: list[tuple[Exchange, Sequence[Effect]]] = [
    (exchange(1), [ChargerDescribed(1, "ACME", "Super Duper", firmware_version="1.2.3"), ConnectorsCounted(1, 2)]),
    (exchange(2), [ConnectorStatusChanged(1, 1, T, RECEIVED, "Preparing", "NoError")]),
    (exchange(3), [started(1000), observed(0, session=True, wattHours=1000.0, contexts={"wattHours": 5})]),
    (exchange(4), [observed(60, session=True, wattHours=1100.0, current_a=16.0), observed(0, watts=1.0)]),
    (exchange(5), [EventHappened(RECEIVED, "sample_unreadable", "CP001", "abc", {"value": "abc"})]),
    (exchange(6), [SignedReadingKept(1, "/s", T, RECEIVED, None, "Voltage", "Sample.Clock", "blob")]),
    (exchange(7), []),
    (exchange(8), [ended(120, 1200), observed(120, session=True, wattHours=1200.0, contexts={"wattHours": 6})]),
]
TABLES = (
    "ledger",
    "datum",
    "chargeSession",
    "sessionTotal",
    "datumContext",
    "connector",
    "charger",
    "event",
    "signedReading",
    "journal",
)


def contents(store: Store) -> dict[str, list[tuple[object, ...]]]:
    """Every row of every table that follows from the ledger."""
    return {table: sorted(rows(store, f'FROM "{table}"'), key=str) for table in TABLES}


def with_charger(directory: Path) -> Store:
    """A store that knows charger 1."""
    store = open_store(directory, now=T)
    store.write_now(lambda con: con.execute("INSERT INTO charger (\"chargerId\", identifier) VALUES (1, 'CP001')"))
    return store


async def live(directory: Path, *, a_commit_each: bool) -> dict[str, list[tuple[object, ...]]]:
    """What the tables show after the messages came in."""
    with_charger(directory).close()
    async with running(directory) as store:
        if a_commit_each:
            for record in RECORDS:
                await record_all(store, [record])
                await store.settle()
        else:
            await record_all(store, RECORDS)
        await store.settle()
        return contents(store)


def crashed(directory: Path) -> Store:
    """A store that was killed after the commits and before their projection."""
    store = with_charger(directory)
    store.write_now(lambda con: append_exchanges(con, 1, [message for message, _ in RECORDS[:5]]))
    store.write_now(lambda con: append_exchanges(con, 6, [message for message, _ in RECORDS[5:]]))
    store.close()
    return open_store(directory, now=T)


@pytest.mark.parametrize("a_commit_each", [True, False], ids=["a commit each", "one commit"])
async def test_replay_gives_the_rows_that_live_gave(tmp_path: Path, *, a_commit_each: bool) -> None:
    """Tables are a pure function of the ledger, or a crash would show."""
    store = crashed(tmp_path / "crashed")
    try:
        tail = list(store.tail())
        assert [(row.seq, row.exchange) for row in tail] == [
            (number, message) for number, (message, _) in enumerate(RECORDS, start=1)
        ]
        store.project_tail([(row.seq, RECORDS[row.seq - 1][1]) for row in tail])
        assert list(store.tail()) == []
        replayed = contents(store)
    finally:
        store.close()
    assert replayed == await live(tmp_path / "live", a_commit_each=a_commit_each)
    assert len(replayed["datum"]) == 3
    assert len(replayed["ledger"]) == 8


async def test_store_does_not_run_before_its_tail_is_replayed(tmp_path: Path) -> None:
    """Running would move the tail into the ledger, and what it changes would be lost for ever."""
    store = crashed(tmp_path)
    with pytest.raises(StoreError, match="must be replayed"):
        await store.run()
    with pytest.raises(ValueError, match="every row"):
        store.project_tail([(1, RECORDS[0][1])])
    store.close()


async def test_numbers_go_on_after_a_replay(tmp_path: Path) -> None:
    store = crashed(tmp_path)
    store.project_tail([(row.seq, RECORDS[row.seq - 1][1]) for row in store.tail()])
    store.close()
    async with running(tmp_path) as again:
        await record_all(again, [(exchange(9), [])])
        await again.settle()
        assert rows(again, "SELECT max(seq), count(*) FROM ledger") == [(9, 9)]
        assert rows(again, "SELECT watermark FROM meta") == [(9,)]


async def test_watermark_moves_with_the_tables(store: Store) -> None:
    await record_all(store, [(exchange(1), [observed(0, watts=1.0)]), (exchange(2), [])])
    await store.settle()
    assert rows(store, "SELECT watermark FROM meta") == [(2,)]
    assert rows(store, "FROM journal") == []


async def test_stopping_projects_what_is_queued(tmp_path: Path) -> None:
    """A graceful stop leaves no tail: the next start must not need the handlers of this version."""
    async with running(tmp_path) as store:
        store.record(exchange(1), [observed(0, watts=1.0)])
    store = open_store(tmp_path, now=T)
    assert list(store.tail()) == []
    assert rows(store, "SELECT created, watts FROM datum") == [(at(0), 1.0)]
    store.close()


async def test_projection_is_announced(store: Store) -> None:
    """Dashboards and publishers hear of batches, in the Trio thread."""
    heard: list[Effect] = []
    store.on_projected = heard.extend
    effect = observed(0, watts=1.0)
    await record_all(store, [(exchange(1), [effect])])
    await store.settle()
    await trio.testing.wait_all_tasks_blocked()
    assert heard == [effect]
