"""MeterValues, and what every message with readings shares: datums, their session, what could not be read."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Protocol
from uuid import UUID

from solarocpp.central_system.context import Context, Handler, Scene
from solarocpp.central_system.transactions import was_refused
from solarocpp.metering.datums import Moment, Readings, SessionProperties, read_meter_values
from solarocpp.metering.source_ids import source_id
from solarocpp.ocpp.datatypes import SourceId
from solarocpp.ocpp.messages import MeterValuesConfirmation, MeterValuesRequest
from solarocpp.store.effects import DatumObserved, Effect, EventHappened, SessionEnded, SignedReadingKept
from solarocpp.store.sessions import SessionRecord

_SECOND = timedelta(seconds=1)

# Ids that mean "no transaction" in the field (Q79, Q80); -1 and less are told apart by their sign.
_NO_TRANSACTION = 2**63 - 1

# The event is for a person; the ledger has the sample whole, however long.
_SHOWN_OF_A_SAMPLE = 2000


class Session(Protocol):
    """What a datum needs to know of its session: a record of the memory, or one that just began."""

    @property
    def session_id(self) -> UUID: ...  # noqa: D102
    @property
    def transaction_id(self) -> int: ...  # noqa: D102
    @property
    def token(self) -> str: ...  # noqa: D102
    @property
    def started(self) -> datetime: ...  # noqa: D102


SessionAt = Callable[[datetime], SessionRecord | None]
"""Which session readings of a time belong to."""


def _decide(_request: MeterValuesRequest, _context: Context) -> MeterValuesConfirmation:
    return MeterValuesConfirmation()


def _observe(request: MeterValuesRequest, _confirmation: MeterValuesConfirmation, scene: Scene) -> Sequence[Effect]:
    readings = read_meter_values(request.meter_value, scene.received)
    charger_id, connector_id, transaction_id = scene.charger.charger_id, request.connector_id, request.transaction_id
    if transaction_id is None or transaction_id <= 0 or transaction_id == _NO_TRANSACTION:
        # They join the session their connector had at the time (Q79), or stay outside of any (Q81).
        return reading_effects(
            readings, scene, connector_id, partial(scene.transactions.open_at, charger_id, connector_id)
        )
    session = scene.transactions.find(charger_id, transaction_id)
    if session is None:
        return reading_effects(readings, scene, connector_id, in_session(None))
    # With a session the connector is the session's, whatever the message says (spec 4.3).
    return reading_effects(readings, scene, session.connector_id, in_session(session))


def in_session(session: SessionRecord | None) -> SessionAt:
    """Puts readings of any time into one session, or into none; a refused start has no datums.

    The session may have ended: late readings are linked to it, with the duration of their own time and
    without end properties, and never reopen it (W7, Q72; architecture section 8, Q9).
    """
    belongs_to = None if session is None or was_refused(session) else session
    return lambda _created: belongs_to


def reading_effects(readings: Readings, scene: Scene, connector_id: int, session_at: SessionAt) -> list[Effect]:
    """Makes the effects of readings: a datum for each moment, and what became no number."""
    effects: list[Effect] = []
    for moment in readings.moments:
        effects += observed_moment(moment, scene, connector_id, session_at(moment.created))
    if readings.signed or readings.unreadable or readings.odd or readings.replaced_times:
        effects += _other_effects(readings, scene, connector_id, session_at)
    return effects


def observed_moment(
    moment: Moment, scene: Scene, connector_id: int, session: Session | None, end: SessionEnded | None = None
) -> Sequence[Effect]:
    """Makes the datum of one moment; none if the charger's datums are not to be published (vector M9)."""
    if not scene.charger.publish:
        return ()
    stream = _source_id(scene, connector_id, moment.location)
    properties = None if session is None else session_properties(session, moment.created, end)
    return (DatumObserved(moment.datum(scene.charger.node_id, stream, properties), scene.received),)


def session_properties(session: Session, created: datetime, end: SessionEnded | None) -> SessionProperties:
    """Says of a datum which session it belongs to and how old that was (spec 4.5); `end` for the closing one."""
    duration_s = max((created - session.started) // _SECOND, 0)
    if end is None:
        return SessionProperties(session.session_id, session.transaction_id, session.token, duration_s)
    return SessionProperties(
        session.session_id,
        session.transaction_id,
        session.token,
        duration_s,
        end.ended,
        end.end_reason,
        end.end_token,
    )


def _source_id(scene: Scene, connector_id: int, location: str) -> SourceId:
    charger = scene.charger
    return source_id(charger.source_id_template, charger.identifier, charger.charger_id, connector_id, location)


def _other_effects(readings: Readings, scene: Scene, connector_id: int, session_at: SessionAt) -> Sequence[Effect]:
    """Keeps what became no number: signed samples, unreadable ones, words and times we had to replace."""
    effects: list[Effect] = []
    for signed in readings.signed:
        session = session_at(signed.created)
        effects.append(
            SignedReadingKept(
                node_id=scene.charger.node_id,
                source_id=_source_id(scene, connector_id, signed.location),
                created=signed.created,
                received=scene.received,
                session_id=session.session_id if session else None,
                measurand=signed.measurand,
                context=signed.context,
                value=signed.value,
            )
        )
    effects += [
        scene.event(
            "sample_unreadable",
            lost.reason,
            connector_id=connector_id,
            timestamp=lost.created.isoformat(),
            sample=lost.sample[:_SHOWN_OF_A_SAMPLE],
        )
        for lost in readings.unreadable
    ]
    if readings.odd:
        effects.append(scene.event("sample_odd", f"stored all the same: {', '.join(readings.odd)}"))
    if readings.replaced_times:
        effects.append(time_replaced(scene, "MeterValues", readings.replaced_times[0]))
    return effects


def time_replaced(scene: Scene, action: str, timestamp: datetime | None) -> EventHappened:
    """Notes that the time of reception stands in for a time that cannot be (Q51)."""
    sent = None if timestamp is None else timestamp.isoformat()
    return scene.event("time_replaced", f"{action} had no time that can be", action=action, timestamp=sent)


METER_VALUES = Handler(_decide, _observe)
