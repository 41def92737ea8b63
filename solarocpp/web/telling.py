"""How what happened is told to whoever watches: one struct a kind, camelCase in JSON, times ISO 8601 in UTC.

Units are those of the tables: Wh, W, A, V, Celsius, percent. Messages are the frames as the ledger has them, secrets
blanked; heartbeats pass here too, which the ledger does not keep.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any, Literal, TypeAlias
from uuid import UUID

import msgspec

from solarocpp.store.effects import (
    ConnectorStatusChanged,
    DatumObserved,
    Effect,
    EventHappened,
    SessionEnded,
    SessionRefused,
    SessionStarted,
)
from solarocpp.store.events import EVENT_TAGS, OTHER_TAGS
from solarocpp.store.ledger import Exchange
from solarocpp.store.writer import Record


class Told(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """Base of all that is told; what is not known is left out."""

    charger: str | None = None
    """Identity of the charger it is about."""

    @property
    def text_size(self) -> int:
        """How many characters of other people's text it carries; what else it takes is about the same for all."""
        return 0


class MessageTold(Told, frozen=True, kw_only=True):
    """A CALL and its answer, once it has one."""

    received: datetime
    direction: Literal["in", "out"]
    """in: the charger asked; out: we did."""
    action: str
    request: str
    answer: str

    @property
    def text_size(self) -> int:
        """The frames."""
        return len(self.request) + len(self.answer)


class DatumTold(Told, frozen=True, kw_only=True):
    """A datum as one message gave it; the table merges those of one moment."""

    node_id: int
    source_id: str
    created: datetime
    received: datetime
    properties: Mapping[str, float]
    session_id: UUID | None = None
    status: str | None = None


class StatusTold(Told, frozen=True, kw_only=True):
    """The status of a connector; 0 is the charger itself."""

    connector_id: int
    timestamp: datetime
    received: datetime
    status: str
    error_code: str
    info: str | None = None
    vendor_id: str | None = None
    vendor_error_code: str | None = None


class SessionTold(Told, frozen=True, kw_only=True):
    """A charge session that began, was refused, or ended; what only its beginning knows is not told at its end."""

    session_id: UUID
    change: Literal["started", "refused", "ended"]
    node_id: int | None = None
    source_id: str | None = None
    connector_id: int | None = None
    transaction_id: int | None = None
    token: str | None = None
    started: datetime | None = None
    ended: datetime | None = None
    meter_start: float | None = None
    meter_stop: float | None = None
    end_reason: str | None = None
    end_token: str | None = None
    refused: str | None = None
    """The authorization status that was answered."""


class EventTold(Told, frozen=True, kw_only=True):
    """An event, as the table has it."""

    name: str
    created: datetime
    message: str
    data: Mapping[str, Any]
    tags: tuple[str, ...]
    account_id: int | None = None

    @property
    def text_size(self) -> int:
        """Some carry a frame."""
        return len(self.message) + sum(len(text) for text in self.data.values() if isinstance(text, str))


_RecordKind: TypeAlias = Literal["message", "datum", "status", "session"]
_EventKind: TypeAlias = Literal["link", "event", "instruction"]


def told_of_record(record: Record) -> Iterator[tuple[_RecordKind, Told]]:
    """Tells of an exchange: what was said, then what it changed."""
    exchange = record.exchange
    if exchange is None:
        return
    charger = exchange.charger.identifier
    yield "message", _message(exchange)
    for effect in record.effects:
        match effect:
            case DatumObserved(datum=datum):
                # A charger that does not publish makes none; so whatever is here is in the table, too.
                session_id = None if datum.session is None else datum.session.session_id
                yield (
                    "datum",
                    DatumTold(
                        charger=charger,
                        node_id=datum.node_id,
                        source_id=datum.source_id,
                        created=datum.created,
                        received=effect.received,
                        properties=datum.properties,
                        session_id=session_id,
                        status=None if datum.status is None else datum.status.status,
                    ),
                )
            case ConnectorStatusChanged():
                yield "status", _status(charger, effect)
            case SessionStarted() | SessionRefused() | SessionEnded():
                yield "session", told_of_session(charger, effect)
            case _:
                pass


def told_of_event(effect: Effect) -> tuple[_EventKind, EventTold] | None:
    """Tells of an event; None: it is none."""
    if not isinstance(effect, EventHappened):
        return None
    family = effect.name.partition("_")[0]
    told = EventTold(
        charger=effect.identifier,
        name=effect.name,
        created=effect.created,
        message=effect.message,
        data=effect.data,
        tags=EVENT_TAGS.get(effect.name, OTHER_TAGS),
        account_id=effect.account_id,
    )
    return ("link" if family == "link" else "instruction" if family == "instruction" else "event"), told


def _message(exchange: Exchange) -> MessageTold:
    return MessageTold(
        charger=exchange.charger.identifier,
        received=exchange.received,
        direction=exchange.direction,
        action=exchange.action,
        request=exchange.request,
        answer=exchange.answer,
    )


def _status(charger: str, effect: ConnectorStatusChanged) -> StatusTold:
    return StatusTold(
        charger=charger,
        connector_id=effect.connector_id,
        timestamp=effect.timestamp,
        received=effect.received,
        status=effect.status,
        error_code=effect.error_code,
        info=effect.info,
        vendor_id=effect.vendor_id,
        vendor_error_code=effect.vendor_error_code,
    )


def told_of_session(charger: str | None, effect: SessionStarted | SessionRefused | SessionEnded) -> SessionTold:
    """Tells of a session, be it that its end was no charger's."""
    if isinstance(effect, SessionEnded):
        return SessionTold(
            charger=charger,
            session_id=effect.session_id,
            change="ended",
            ended=effect.ended,
            meter_stop=effect.meter_stop_wh,
            end_reason=effect.end_reason,
            end_token=effect.end_token,
        )
    start = effect.start if isinstance(effect, SessionRefused) else effect
    return SessionTold(
        charger=charger,
        session_id=start.session_id,
        change="refused" if isinstance(effect, SessionRefused) else "started",
        node_id=start.node_id,
        source_id=start.source_id,
        connector_id=start.connector_id,
        transaction_id=start.transaction_id,
        token=start.token,
        started=start.started,
        meter_start=start.meter_start_wh,
        refused=effect.status if isinstance(effect, SessionRefused) else None,
    )
