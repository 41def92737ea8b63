"""Retention: what is old goes in small steps, and nothing else; with the time handed in."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from uuid import UUID

import trio
from stored import CP001, OUTLET, SESSION, T, at, ended, exchange, observed, record_all, rows, running, started

import solarocpp.query as q
from solarocpp.central_system.instructions import Instruction, State
from solarocpp.metering.datums import Datum, SessionProperties
from solarocpp.ocpp.datatypes import SourceId
from solarocpp.store import Exchange, Store
from solarocpp.store.effects import (
    ConfigurationKeyTold,
    ConfigurationTold,
    DatumObserved,
    Effect,
    EventHappened,
    SessionStarted,
    SignedReadingKept,
)
from solarocpp.store.health import inspect_store
from solarocpp.store.instructions import insert_instructions
from solarocpp.store.reservations import Reservation, insert_reservation
from solarocpp.store.retention import RULES, Keep, apply_retention, plan, remove, run_retention

DAY_S = 86_400
OTHER = UUID("00000000-0000-8000-8000-000000000041")


def said(number: int, received: datetime) -> Exchange:
    """Message `number`, received then."""
    message = exchange(number)
    return Exchange(received, CP001, "in", message.action, message.request, message.answer)


async def fill(store: Store, records: Sequence[tuple[Exchange | None, Sequence[Effect]]]) -> None:
    for message, effects in records:
        if message is None:
            store.record(None, effects)
        else:
            assert await record_all(store, [(message, effects)]) == [True]
    await store.settle()


def column(store: Store, sql: str) -> list[object]:
    return [value for (value,) in rows(store, sql)]


async def test_ledger_loses_its_beginning_only(tmp_path: Path) -> None:
    """A clock that was set back leaves old rows among young ones: taking them would leave a gap in the numbers."""
    days = (0, 1, 5, 2, 6)
    async with running(tmp_path) as store:
        await fill(store, [(said(n, at(day * DAY_S)), ()) for n, day in enumerate(days, 1)])
        assert await apply_retention(store, Keep(ledger=timedelta(days=3)), at(7 * DAY_S)) == {"ledger": 2}
        assert column(store, "SELECT seq FROM ledger ORDER BY seq") == [3, 4, 5]
        # All of it: what comes next goes on counting.
        assert await apply_retention(store, Keep(ledger=timedelta(days=3)), at(70 * DAY_S)) == {"ledger": 3}
        await fill(store, [(said(6, at(70 * DAY_S)), ())])
        assert column(store, "SELECT seq FROM ledger") == [6]
        findings = await store.read(lambda con: inspect_store(con, tmp_path))
    assert [found for found in findings if found.result != "ok"] == []
    async with running(tmp_path) as store:
        await fill(store, [(said(7, at(71 * DAY_S)), ())])
        assert column(store, "SELECT seq FROM ledger ORDER BY seq") == [6, 7]


async def test_what_is_not_projected_stays(tmp_path: Path) -> None:
    """It is in the journal, which retention does not know; then it is in the ledger, for the next time."""
    async with running(tmp_path) as store:
        await store.write(lambda con: con.execute("INSERT INTO ledger (seq, received) VALUES (0, '2026-01-01')"))
        with trio.CancelScope() as scope:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(apply_retention, store, Keep(ledger=timedelta(days=1)), at(9 * DAY_S))
                assert await record_all(store, [(said(1, T), [observed(0, watts=1.0)])]) == [True]
        assert not scope.cancelled_caught
        await store.settle()
        kept = column(store, 'SELECT seq FROM ledger UNION ALL SELECT "last" FROM journal')
        assert kept == [1]
        assert column(store, "SELECT watts FROM datum") == [1.0]


async def test_datums_go_by_whole_days(tmp_path: Path) -> None:
    async with running(tmp_path) as store:
        await fill(store, [(None, [observed(hours * 3600, watts=float(hours)) for hours in (0, 13, 14, 30, 60)])])
        # T is 10 o'clock, so hour 14 is midnight; three days before the 5th at 9 is the 2nd, whole.
        assert await apply_retention(store, Keep(datum=timedelta(days=3)), at(95 * 3600)) == {"datum": 2}
        assert column(store, "SELECT watts FROM datum ORDER BY created") == [14.0, 30.0, 60.0]
        assert [str(day) for day in column(store, 'SELECT "datumsFrom" FROM meta')] == ["2026-03-02 00:00:00+00:00"]
        assert await apply_retention(store, Keep(datum=timedelta(days=3)), at(95 * 3600)) == {}
        # A shorter time for a while must not claim that what went before is there again.
        assert await apply_retention(store, Keep(datum=timedelta(days=30)), at(95 * 3600)) == {}
        assert [str(day) for day in column(store, 'SELECT "datumsFrom" FROM meta')] == ["2026-03-02 00:00:00+00:00"]


async def test_running_session_keeps_its_datums_until_it_ended(tmp_path: Path) -> None:
    signed = SignedReadingKept(1, "/CP001/1", T, T, SESSION, "Energy.Active.Import.Register", "Transaction.Begin", "x")
    readings = [observed(n * 60, session=True, contexts={"wattHours": 6}, wattHours=n * 100.0) for n in range(5)]
    async with running(tmp_path) as store:
        await fill(store, [(None, [started(0.0), signed, *readings, observed(1, source="/CP002/1", watts=1.0)])])
        keep, later = Keep(datum=timedelta(days=2)), at(9 * DAY_S)
        assert await apply_retention(store, keep, later) == {"datum": 1}
        assert rows(store, "SELECT energy, readings FROM session") == [(400.0, 5)]
        assert column(store, 'SELECT count(*) FROM "signedReading"') == [1]
        await fill(store, [(None, [ended(300, 400.0)])])
        assert await apply_retention(store, keep, later) == {"datum": 5}
        totals = rows(store, 'SELECT energy, readings, duration, "endReason" FROM session')
        assert totals == [(400.0, 5, 300, "Local")]
        assert column(store, 'SELECT count(*) FROM "signedReading"') == [0]
        assert column(store, 'SELECT count(*) FROM "datumContext"') == [0]
        # A charger that was offline brings one more reading: of one reading no total can be made.
        await fill(store, [(None, [observed(30, session=True, wattHours=50.0)])])
        assert rows(store, 'SELECT energy, readings, duration, "endReason" FROM session') == totals
        findings = await store.read(lambda con: inspect_store(con, tmp_path))
    assert [found for found in findings if found.result != "ok"] == []


async def test_totals_of_younger_sessions_are_made_again(tmp_path: Path) -> None:
    """A backlog that comes late changes the totals of a session whose datums are all there."""
    begun = SessionStarted(OTHER, 1, OUTLET, 1, 1, 2, "TAG", at(3 * DAY_S), 0.0)
    async with running(tmp_path) as store:
        await fill(store, [(None, [observed(0, watts=1.0), begun, reading(0), ended(3 * DAY_S + 90, None, OTHER)])])
        assert await apply_retention(store, Keep(datum=timedelta(days=2)), at(3 * DAY_S)) == {"datum": 1}
        assert rows(store, "SELECT energy, readings FROM session") == [(0.0, 1)]
        await fill(store, [(None, [reading(60)])])
        assert rows(store, "SELECT energy, readings FROM session") == [(60.0, 2)]


def reading(seconds: int) -> DatumObserved:
    """A register reading of the other session, so many seconds after its start."""
    own = SessionProperties(OTHER, 2, "TAG", seconds)
    datum = Datum(1, SourceId(OUTLET), at(3 * DAY_S + seconds), {"wattHours": float(seconds)}, None, own)
    return DatumObserved(datum, at(4 * DAY_S))


async def test_events_go_and_are_kept(tmp_path: Path) -> None:
    events = [EventHappened(at(day * DAY_S), "link_closed", "CP001", f"day {day}", {}) for day in range(4)]
    async with running(tmp_path) as store:
        await fill(store, [(None, events)])
        assert await apply_retention(store, Keep(), at(999 * DAY_S)) == {}
        assert await apply_retention(store, Keep(event=timedelta(days=2)), at(4 * DAY_S)) == {"event": 2}
        assert column(store, "SELECT message FROM event ORDER BY created") == ["day 2", "day 3"]


async def test_steps_are_small(tmp_path: Path) -> None:
    """One long transaction of the projector would hold up every registration of a charger."""
    rule, before = RULES["datum"], at(DAY_S)
    async with running(tmp_path) as store:
        await fill(store, [(None, [observed(n, watts=float(n)) for n in range(35)])])
        ends = await store.read(partial(plan, rule=rule, before=before, step_rows=10))
        assert [await store.write(partial(remove, rule=rule, before=before, last=end)) for end in ends] == [
            10,
            10,
            10,
            5,
        ]


async def test_space_is_used_again(tmp_path: Path) -> None:
    """What DuckDB calls free blocks, after the checkpoint of the next quiet moment."""
    many = """
    INSERT INTO datum (created, "nodeId", "sourceId", received, watts)
    SELECT t, 1, '/CP001/1', t, random()
    FROM (SELECT TIMESTAMPTZ '2026-03-01' + i * INTERVAL 1 SECOND AS t FROM range(400000) n(i))
    """
    async with running(tmp_path) as store:
        await store.write(lambda con: con.execute(many))
        store._projector.checkpoint(always=True)
        [(used,)] = rows(store, "SELECT used_blocks FROM pragma_database_size() WHERE database_name = 'solarocpp'")
        assert await apply_retention(store, Keep(datum=timedelta(days=1)), at(99 * DAY_S)) == {"datum": 400_000}
        assert store._projector.reclaim
    with q.open(tmp_path) as con:
        [(left,)] = con.execute(
            "SELECT used_blocks FROM pragma_database_size() WHERE database_name = 'solarocpp'"
        ).fetchall()
    assert left < used / 2


async def test_a_server_applies_it_again_and_again(tmp_path: Path) -> None:
    now = at(2 * DAY_S)
    rounds = [trio.Event() for _ in range(4)]
    begun = iter(rounds)

    def clock() -> datetime:
        next(begun, rounds[-1]).set()
        return now

    async with running(tmp_path) as store:
        await fill(store, [(None, [EventHappened(at(h * 3600), "link_closed", "CP001", "", {}) for h in range(3)])])
        async with trio.open_nursery() as nursery:
            nursery.start_soon(run_retention, store, Keep(event=timedelta(days=2)), clock, 0.001)
            await rounds[1].wait()  # so the first is over
            assert column(store, "SELECT count(*) FROM event") == [3]
            now = at(2 * DAY_S + 3601)
            await rounds[3].wait()  # the third had the new time
            assert column(store, "SELECT count(*) FROM event") == [1]
            nursery.cancel_scope.cancel()


async def test_instructions_go_from_their_end_and_what_has_not_ended_stays(tmp_path: Path) -> None:
    """The state dates of a table that is not in their order: what ended late stays, be it ordered early."""

    def told(number: int, state: State, day: int) -> Instruction:
        return Instruction(
            instruction_id=number,
            account_id=1,
            node_id=1,
            charger_id=1,
            identifier="CP001",
            action="ClearCache",
            payload="{}",
            state=state,
            created=T,
            expires=at(30 * DAY_S),
            status_date=at(day * DAY_S),
            requested_by="a test",
        )

    instructions = [told(1, "completed", 6), told(2, "declined", 1), told(3, "waiting", 0), told(4, "expired", 2)]
    async with running(tmp_path) as store:
        await store.write(lambda con: insert_instructions(con, instructions))
        keep = Keep(instruction=timedelta(days=3))
        assert await apply_retention(store, keep, at(7 * DAY_S)) == {"instruction": 2}
        assert column(store, 'SELECT "instructionId" FROM instruction ORDER BY 1') == [1, 3]


async def test_past_values_of_keys_go_and_what_is_now_stays(tmp_path: Path) -> None:
    """A key that ticks leaves a row each time it is read; one that never changed is old, and no past."""
    told = [
        ConfigurationTold(1, 1, "CP001", at(day * DAY_S), (ConfigurationKeyTold(key, value),))
        for day, key, value in [(0, "Signal", "a"), (1, "Signal", "b"), (0, "Colour", "red"), (6, "Signal", "c")]
    ]
    async with running(tmp_path) as store:
        await fill(store, [(None, told)])
        keep = Keep(configuration=timedelta(days=3))
        assert await apply_retention(store, keep, at(7 * DAY_S)) == {"configuration": 1}
        assert column(store, "SELECT value FROM configuration ORDER BY value") == ["b", "c", "red"]


async def test_reservations_go_from_the_time_they_were_made_for(tmp_path: Path) -> None:
    """One that was cancelled or never ended goes no sooner and no later; numbers are not given again."""

    def ordered(day: int, status: str) -> Reservation:
        return Reservation(
            reservation_id=0,
            account_id=1,
            charger_id=1,
            identifier="CP001",
            connector_id=1,
            token="TAG",
            created=T,
            expires=at(day * DAY_S),
            status=status,
            status_date=T,
            requested_by="a test",
        )

    async with running(tmp_path) as store:
        for day, status in [(1, "used"), (9, "cancelled"), (2, "active"), (3, "requested"), (4, "expired")]:
            await store.write(partial(insert_reservation, reservation=ordered(day, status)))
        assert await apply_retention(store, Keep(), at(999 * DAY_S)) == {}
        keep = Keep(reservation=timedelta(days=3))
        assert await apply_retention(store, keep, at(7 * DAY_S)) == {"reservation": 3}
        assert column(store, 'SELECT "reservationId" FROM reservation ORDER BY 1') == [2, 5]
        assert await apply_retention(store, keep, at(99 * DAY_S)) == {"reservation": 2}
        made = await store.write(partial(insert_reservation, reservation=ordered(100, "requested")))
        assert made.reservation_id == 6
