"""The writer: durable before the outcome, many in one commit, bounded."""

from __future__ import annotations

import trio
from stored import RECEIVED, exchange, observed, record_all, rows

from solarocpp.store import Store
from solarocpp.store.effects import EventHappened
from solarocpp.store.ledger import append_exchanges


async def test_outcome_comes_after_the_commit(store: Store) -> None:
    """An answer that leaves before its row is durable is the one mistake no repeat repairs."""
    seen: list[object] = []
    done = trio.Event()

    def look(committed: bool) -> None:  # noqa: FBT001 the outcome itself
        ledger = rows(store, "SELECT request FROM ledger UNION ALL SELECT batch FROM journal")
        seen.append((committed, any('"7' in str(text) for (text,) in ledger)))
        done.set()

    store.record(exchange(7), (), look)
    assert seen == []
    await done.wait()
    assert seen == [(True, True)]


async def test_what_waits_shares_one_commit(store: Store) -> None:
    before = store.statistics()
    outcomes = await record_all(store, [(exchange(number), ()) for number in range(300)])
    assert outcomes == [True] * 300
    assert store.statistics().exchanges - before.exchanges == 300
    # The first may have gone alone; the others waited for it.
    assert len(rows(store, "FROM journal")) <= 2 or len(rows(store, "FROM ledger")) == 300


async def test_ledger_keeps_the_order_of_recording(store: Store) -> None:
    await record_all(store, [(exchange(number), ()) for number in range(1200)])
    await store.settle()
    found = rows(store, "SELECT seq, request FROM ledger ORDER BY seq")
    assert [seq for seq, _ in found] == list(range(1, 1201))
    assert found[0][1] == '[2,"0","MeterValues",{"connectorId":1,"meterValue":[]}]'
    assert found[1199][1] == '[2,"1199","MeterValues",{"connectorId":1,"meterValue":[]}]'


async def test_ledger_row_says_everything_about_its_moment(store: Store) -> None:
    await record_all(store, [(exchange(7), ())])
    await store.settle()
    assert rows(store, "FROM ledger") == [
        (
            1,
            RECEIVED,
            1,
            "CP001",
            1,
            1,
            "/ocpp/cp/{chargerIdentifier}/{connectorId}/{location}",
            True,
            "in",
            "MeterValues",
            '[2,"7","MeterValues",{"connectorId":1,"meterValue":[]}]',
            '[3,"7",{}]',
        )
    ]


async def test_effects_without_exchange_are_projected_and_leave_no_ledger_row(store: Store) -> None:
    store.record(None, [EventHappened(RECEIVED, "handshake_refused", "CP9", "no such charger", {"status": 404})])
    await store.settle()
    assert rows(store, "SELECT name, identifier, message, data->>'status' FROM event") == [
        ("handshake_refused", "CP9", "no such charger", "404")
    ]
    assert rows(store, "FROM ledger") == []


async def test_too_much_waiting_is_refused_at_once(resting: Store) -> None:
    """A queue without limit would turn a dead disk into a dead server."""
    drained = trio.Event()
    resting.record(exchange(1), ())
    for _ in range(99_998):
        resting.record(None, (), lambda _: None)
    resting.record(None, (), lambda _: drained.set())
    outcomes: list[bool] = []
    resting.record(exchange(2), (), outcomes.append)
    assert outcomes == []  # never within the call
    await trio.testing.wait_all_tasks_blocked()
    assert outcomes == [False]
    assert resting.statistics().refused == 1
    async with trio.open_nursery() as nursery:
        await nursery.start(resting.run)
        await drained.wait()
        assert await record_all(resting, [(exchange(3), ())]) == [True]
        nursery.cancel_scope.cancel()
    assert [request for (request,) in rows(resting, "SELECT request[5:5] FROM ledger ORDER BY seq")] == ["1", "3"]


async def test_text_that_cannot_be_written_costs_only_itself(store: Store) -> None:
    """Half a surrogate pair is a text in Python and none in JSON; the others in its commit must not suffer."""
    broken = exchange(2)
    broken = type(broken)(RECEIVED, broken.charger, "in", "MeterValues", '[2,"\ud800"]', "[3]")
    assert sorted(await record_all(store, [(exchange(1), ()), (broken, ()), (exchange(3), ())])) == [False, True, True]
    await store.settle()
    assert [request for (request,) in rows(store, "SELECT request[5:5] FROM ledger ORDER BY seq")] == ["1", "3"]


async def test_outcome_that_raises_keeps_nobody_elses(store: Store) -> None:
    """The outcomes of a commit belong to many links; a defect in one must not silence the others."""

    def fail(committed: bool) -> None:  # noqa: FBT001 the outcome itself
        raise RuntimeError(committed)

    store.record(exchange(1), (), fail)
    assert await record_all(store, [(exchange(2), ())]) == [True]


async def test_effect_that_cannot_be_written_holds_nothing_up(store: Store) -> None:
    """The table would stand still for ever behind one impossible column name."""
    bad = observed(60, **{"no such column!": 1.0})
    records = [(exchange(1), [observed(0, watts=1.0)]), (exchange(2), [bad]), (exchange(3), [observed(120, watts=3.0)])]
    assert await record_all(store, records) == [True, True, True]
    await store.settle()
    assert rows(store, "SELECT watts FROM datum ORDER BY created") == [(1.0,), (3.0,)]
    assert len(rows(store, "FROM ledger")) == 3
    assert store.statistics().left_out == 1


async def test_what_a_failed_commit_left_is_deleted_before_the_next(store: Store) -> None:
    """Refused means the charger sends it again: a row of the refused one must not be there beside it.

    DuckDB takes back what it cannot write whole, so the leftover is put there by hand.
    """
    assert await record_all(store, [(exchange(1), ())]) == [True]
    store.write_now(lambda con: append_exchanges(con, 2, [exchange(666), exchange(667)]))
    store._writer._doubtful = True
    assert await record_all(store, [(exchange(2), ())]) == [True]
    assert await record_all(store, [(exchange(3), ())]) == [True]
    await store.settle()
    found = rows(store, "SELECT seq, (request->>1)::INT FROM ledger ORDER BY seq")
    assert found == [(1, 1), (2, 2), (3, 3)]
