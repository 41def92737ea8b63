"""Two chargers, some id tags, and a central system in memory: what the tests of handlers talk to.

Everything said is remembered, so that any test can ask for the same story as a replay of its ledger.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import TypeVar
from uuid import UUID

import msgspec

from solarocpp.central_system import Answer, CentralSystem, Transactions
from solarocpp.metering.datums import Datum
from solarocpp.ocpp.datatypes import ChargePointId, MeterValue, SampledValue
from solarocpp.ocpp.messages import (
    MeterValuesRequest,
    OcppMessage,
    StartTransactionConfirmation,
    StartTransactionRequest,
    StatusNotificationRequest,
    StopTransactionRequest,
)
from solarocpp.registry.entities import Authorization, Charger, Settings
from solarocpp.registry.memory import RegistryMemory
from solarocpp.store.effects import DatumObserved, Effect, EventHappened
from solarocpp.store.ledger import ChargerFacts
from solarocpp.store.sessions import SessionRecord, TransactionsSnapshot

T = datetime(2020, 4, 1, 12, tzinfo=UTC)
STORE_ID = UUID("5eed0000-0000-4000-8000-000000000000")
SESSION_ID = UUID("17a8cc98-43fa-4233-ac1e-037f6667c163")
OUTLET = "/ocpp/cp/CP001/1/Outlet"

TAG = "tester"

E = TypeVar("E", bound=msgspec.Struct)


def after(seconds: float) -> datetime:
    return T + timedelta(seconds=seconds)


STOPPED, STOP_RECEIVED, READ = after(60), after(61), after(100)


def reading(value: str | float, measurand: str | None = None, **fields: str) -> SampledValue:
    return SampledValue(value=value, measurand=measurand, **fields)


def at(timestamp: datetime | None, *samples: SampledValue) -> MeterValue:
    return MeterValue(timestamp, samples)


class Exchanged(msgspec.Struct, frozen=True):
    """What a ledger row says."""

    charger: ChargerFacts
    request: OcppMessage
    confirmation: OcppMessage
    received: datetime
    effects: tuple[Effect, ...]


def make_registry(*, max_active: int | None = None) -> RegistryMemory:
    registry = RegistryMemory()
    for charger_id, identifier, account_id in ((7, "CP001", 1), (8, "CP002", 1), (9, "CP003", 2)):
        registry._put_charger(Charger(charger_id, account_id, account_id, ChargePointId(identifier), T))
    rows = (
        Authorization(1, 1, "tester", T, max_active=max_active),
        Authorization(2, 1, "expiring", T, expires=T + timedelta(days=1), parent="P"),
        Authorization(3, 1, "expired", T, expires=T - timedelta(days=1), parent="P"),
        Authorization(4, 1, "blocked", T, enabled=False, expires=T + timedelta(days=1), parent="P"),
        Authorization(5, 2, "tester", T),
    )
    for row in rows:
        registry._put_authorization(row)
    return registry


def session_record(**changes: object) -> SessionRecord:
    """The session of the vectors in spec 13: connector 1, transaction 123, begun at T."""
    record = SessionRecord(
        session_id=SESSION_ID,
        node_id=1,
        source_id=OUTLET,
        charger_id=7,
        connector_id=1,
        transaction_id=123,
        token="tester",
        started=T,
        ended=None,
        end_reason=None,
        end_token=None,
        meter_start_wh=1234.0,
        meter_stop_wh=None,
    )
    return msgspec.structs.replace(record, **changes)


class Site:
    """A central system with `CP001` (charger 7), `CP002` (8) and, of another account, `CP003` (9)."""

    def __init__(
        self,
        *,
        open_sessions: Sequence[SessionRecord] = (),
        recent: Sequence[SessionRecord] = (),
        max_active: int | None = None,
    ) -> None:
        self.registry = make_registry(max_active=max_active)
        highest = max((row.transaction_id for row in [*open_sessions, *recent]), default=0)
        snapshot = TransactionsSnapshot(list(open_sessions), list(recent), highest + 1)
        self.transactions = Transactions(snapshot, STORE_ID)
        self.central = CentralSystem(self.registry, self.transactions)
        self.ledger: list[Exchanged] = []

    def settings(self, **settings: object) -> None:
        for charger in self.registry.chargers():
            self.registry._put_charger(msgspec.structs.replace(charger, settings=Settings(**settings)))  # type: ignore[arg-type]

    def say(self, request: OcppMessage, *, received: datetime = T, charger: int = 7) -> Answer:
        facts = self.registry.facts(self.registry.charger(charger))
        answer = self.central.answer(facts, request, received)
        self.ledger.append(Exchanged(facts, request, answer.confirmation, received, answer.effects))
        return answer

    def start(
        self,
        *,
        connector: int = 1,
        token: str = TAG,
        meter: int = 1234,
        timestamp: datetime | None = T,
        received: datetime = T,
        charger: int = 7,
    ) -> tuple[StartTransactionConfirmation, Answer]:
        answer = self.say(
            StartTransactionRequest(connector, token, meter, timestamp), received=received, charger=charger
        )
        assert isinstance(answer.confirmation, StartTransactionConfirmation)
        return answer.confirmation, answer

    def stop(
        self,
        transaction: int = 123,
        *,
        meter: int = 54321,
        timestamp: datetime | None = STOPPED,
        token: str | None = TAG,
        reason: str | None = "Local",
        data: Sequence[MeterValue] = (),
        received: datetime = STOP_RECEIVED,
        charger: int = 7,
    ) -> Answer:
        request = StopTransactionRequest(meter, timestamp, transaction, token, reason, tuple(data))  # type: ignore[arg-type]
        return self.say(request, received=received, charger=charger)

    def read(
        self,
        *meter_values: MeterValue,
        transaction: int | None = None,
        connector: int = 1,
        received: datetime = READ,
        charger: int = 7,
    ) -> Answer:
        return self.say(
            MeterValuesRequest(connector, tuple(meter_values), transaction), received=received, charger=charger
        )

    def status(
        self,
        status: str = "Charging",
        *,
        connector: int = 1,
        error_code: str = "NoError",
        timestamp: datetime | None = T,
        received: datetime = T,
        **fields: str,
    ) -> Answer:
        request = StatusNotificationRequest(connector, error_code, status, timestamp=timestamp, **fields)  # type: ignore[arg-type]
        return self.say(request, received=received)


def of(answer: Answer, kind: type[E]) -> list[E]:
    return [effect for effect in answer.effects if isinstance(effect, kind)]


def one(answer: Answer, kind: type[E]) -> E:
    (effect,) = of(answer, kind)
    return effect


def datums(answer: Answer) -> list[Datum]:
    return [effect.datum for effect in of(answer, DatumObserved)]


def datum(answer: Answer) -> Datum:
    (found,) = datums(answer)
    return found


def events(answer: Answer) -> list[str]:
    return [event.name for event in of(answer, EventHappened)]
