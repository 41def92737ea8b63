"""What the store's tests record: one charger, moments after T, and the effects of messages, by hand."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

import trio

from solarocpp.metering.datums import Datum, SessionProperties
from solarocpp.ocpp.datatypes import ChargePointId, SourceId
from solarocpp.store import ChargerFacts, Exchange, Store, open_store
from solarocpp.store.effects import DatumObserved, Effect, SessionEnded, SessionStarted

T = datetime(2026, 3, 1, 10, tzinfo=UTC)
RECEIVED = datetime(2026, 3, 2, tzinfo=UTC)
OUTLET = SourceId("/ocpp/cp/CP001/1/Outlet")
SESSION = UUID("00000000-0000-8000-8000-000000000040")
CP001 = ChargerFacts(
    1, ChargePointId("CP001"), 1, 1, "/ocpp/cp/{chargerIdentifier}/{connectorId}/{location}", publish=True
)


def at(seconds: float) -> datetime:
    """The moment `seconds` after T."""
    return T + timedelta(seconds=seconds)


def exchange(number: int, *, size: int = 0) -> Exchange:
    """A message that can be told from others by its unique id; `size` bytes longer than need be."""
    request = f'[2,"{number}","MeterValues",{{"connectorId":1,"meterValue":[]}}]' + " " * size
    return Exchange(RECEIVED, CP001, "in", "MeterValues", request, f'[3,"{number}",{{}}]')


def observed(
    seconds: float,
    *,
    source: str = OUTLET,
    session: bool = False,
    contexts: dict[str, int] | None = None,
    received: datetime = RECEIVED,
    **properties: float,
) -> DatumObserved:
    """A datum `seconds` after T, of session 1 if so."""
    own = SessionProperties(SESSION, 1, "TAG", int(seconds)) if session else None
    return DatumObserved(Datum(1, SourceId(source), at(seconds), properties, contexts, own), received)


def started(meter_start_wh: float = 0.0, session_id: UUID = SESSION, transaction_id: int = 1) -> SessionStarted:
    """The start of a session at T."""
    return SessionStarted(session_id, 1, OUTLET, 1, 1, transaction_id, "TAG", T, meter_start_wh)


def ended(seconds: float, meter_stop_wh: float | None = None, session_id: UUID = SESSION) -> SessionEnded:
    """The end of a session."""
    return SessionEnded(session_id, at(seconds), "Local", None, meter_stop_wh)


@asynccontextmanager
async def running(directory: Path) -> AsyncIterator[Store]:
    """A store that runs; what is recorded within is in the file afterwards."""
    store = open_store(directory, now=T)
    try:
        async with trio.open_nursery() as nursery:
            await nursery.start(store.run)
            yield store
            nursery.cancel_scope.cancel()
    finally:
        store.close()


async def record_all(store: Store, records: Sequence[tuple[Exchange, Sequence[Effect]]]) -> list[bool]:
    """Records everything at once and returns the outcomes, in order, when all are known."""
    outcomes: list[bool] = []
    done = trio.Event()

    def note(committed: bool) -> None:  # noqa: FBT001 the outcome itself
        outcomes.append(committed)
        if len(outcomes) == len(records):
            done.set()

    for message, effects in records:
        store.record(message, effects, note)
    await done.wait()
    return outcomes


def rows(store: Store, sql: str) -> list[tuple[object, ...]]:
    """Asks the store directly."""
    return store.read_now(lambda con: con.execute(sql).fetchall())
