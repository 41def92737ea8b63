"""StopTransaction: a session ends, once, and only by the charger that has it (spec 4.4, Q64 to Q71, Q82).

Whatever is wrong with a stop, it is confirmed and its readings are stored: a charger that gets an
error sends the same message for ever, and an ended session cannot be asked for again.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Literal, NamedTuple

from solarocpp.central_system.context import Context, Handler, Scene
from solarocpp.central_system.meter_values import in_session, observed_moment, reading_effects, time_replaced
from solarocpp.central_system.transactions import was_refused
from solarocpp.metering.datums import Moment, Readings, may_stand_for, plausible_time, read_meter_values
from solarocpp.metering.measurands import DEFAULT_LOCATION, DEFAULT_MEASURAND, TRANSACTION_END
from solarocpp.ocpp.datatypes import IdTagInfo
from solarocpp.ocpp.messages import StopTransactionConfirmation, StopTransactionRequest
from solarocpp.store.effects import Effect, SessionEnded
from solarocpp.store.sessions import SessionRecord


class _Verdict(NamedTuple):
    """What a stop is to us."""

    kind: Literal["ends", "repeats", "contradicts", "refused", "foreign", "unknown"]
    session: SessionRecord | None = None


_RECORDED = frozenset({"ends", "repeats", "contradicts"})


def _decide(request: StopTransactionRequest, context: Context) -> StopTransactionConfirmation:
    # The id tag of a stop is not judged: the car is unplugged or the driver wants it to be (spec 4.1).
    known = _judge_stop(request, context).kind in _RECORDED
    return StopTransactionConfirmation(IdTagInfo("Accepted") if known else None)


def _judge_stop(request: StopTransactionRequest, scene: Scene) -> _Verdict:
    transactions, charger_id = scene.transactions, scene.charger.charger_id
    if request.transaction_id <= 0:
        return _judge_unnumbered(request, scene)
    session = transactions.find(charger_id, request.transaction_id)
    if session is None:
        owner = transactions.owner(request.transaction_id)
        return _Verdict("unknown" if owner is None else "foreign")
    if was_refused(session):
        return _Verdict("refused", session)
    if session.ended is None:
        return _Verdict("ends", session)
    return _Verdict("repeats" if _says_the_same(request, session, scene) else "contradicts", session)


def _judge_unnumbered(request: StopTransactionRequest, scene: Scene) -> _Verdict:
    """Finds the transaction of a charger that never learned its number: started offline (Q64, spec Q30).

    A stop has no connector, so only what fits alone is taken: begun before the stop, the same id tag
    if one is given, a register that did not run backwards.
    """
    charger_id = scene.charger.charger_id
    for ended in scene.transactions.ended_sessions(charger_id):
        if _says_the_same(request, ended, scene):
            return _Verdict("repeats", ended)
    stopped = _stop_time(request, scene)
    fitting = [
        session
        for session in scene.transactions.open_sessions(charger_id)
        if session.started <= stopped
        and (request.id_tag is None or request.id_tag.casefold() == session.token.casefold())
        and (request.meter_stop < 0 or request.meter_stop >= (session.meter_start_wh or 0))
    ]
    return _Verdict("ends", fitting[0]) if len(fitting) == 1 else _Verdict("unknown")


def _says_the_same(request: StopTransactionRequest, session: SessionRecord, scene: Scene) -> bool:
    """Tells whether the stop that ended a session said what this one says (Q65); a wrong clock says nothing."""
    if session.ended is None or not (
        may_stand_for(session.ended, request.timestamp, scene.received) or _is_before(request.timestamp, session)
    ):
        return False
    end = (session.end_reason, session.end_token, session.meter_stop_wh)
    return end == (_reason(request), request.id_tag, _meter_stop_wh(request, session))


def _is_before(timestamp: datetime | None, session: SessionRecord) -> bool:
    return timestamp is not None and timestamp < session.started


def _observe(
    request: StopTransactionRequest, _confirmation: StopTransactionConfirmation, scene: Scene
) -> Sequence[Effect]:
    verdict = _judge_stop(request, scene)
    readings = read_meter_values(request.transaction_data, scene.received)
    session = verdict.session
    if verdict.kind == "repeats":
        return ()
    if session is not None and verdict.kind == "ends":
        return _end(request, session, readings, scene)
    if session is not None and verdict.kind == "contradicts":
        # The first stop stands (Q65); readings it did not have are late ones.
        late = reading_effects(readings, scene, session.connector_id, in_session(session))
        return [_evidence(request, verdict, scene), *late]
    return [_evidence(request, verdict, scene), *_readings_without_session(request, verdict, readings, scene)]


def _end(request: StopTransactionRequest, session: SessionRecord, readings: Readings, scene: Scene) -> Sequence[Effect]:
    """Ends a session: only the closing datum carries the end (architecture section 8, Q9)."""
    ended = _stop_time(request, scene, session)
    end = SessionEnded(session.session_id, ended, _reason(request), request.id_tag, _meter_stop_wh(request, session))
    closing = _closing_moment(request, ended, readings)
    effects: list[Effect] = [
        end,
        *reading_effects(readings, scene, session.connector_id, in_session(session)),
        *observed_moment(closing, scene, session.connector_id, session, end),
    ]
    if request.timestamp != ended:
        effects.append(time_replaced(scene, "StopTransaction", request.timestamp))
    if end.meter_stop_wh is None:
        effects.append(
            scene.event(
                "meter_stop_implausible",
                "a StopTransaction had a negative register, or one below its start",
                transaction_id=session.transaction_id,
                meter_start_wh=session.meter_start_wh,
                meter_stop=request.meter_stop,
            )
        )
    return effects


def _stop_time(request: StopTransactionRequest, scene: Scene, session: SessionRecord | None = None) -> datetime:
    """Gives the charger's time if it can be right, else ours.

    A clock that was set back during the session (Q50) would end it before it began: then the time of
    reception is nearer to the truth, and the start the least it can be.
    """
    stopped = plausible_time(request.timestamp, scene.received) or scene.received
    if session is not None and stopped < session.started:
        return max(scene.received, session.started)
    return stopped


def _reason(request: StopTransactionRequest) -> str:
    return request.reason or "Local"  # OCPP 1.6 §6.47: left out when the driver stopped it at the charger


def _meter_stop_wh(request: StopTransactionRequest, session: SessionRecord) -> float | None:
    """Gives the closing register, None if it says nothing about the session's energy (Q82)."""
    lowest = session.meter_start_wh or 0.0
    return float(request.meter_stop) if request.meter_stop >= lowest else None


def _closing_moment(request: StopTransactionRequest, stopped: datetime, readings: Readings) -> Moment:
    """Puts the closing register where it belongs: into the moment of the end, which may have readings already.

    A register below its start is a reading all the same: the meter may have been reset (Q83).
    """
    for moment in readings.moments:
        if moment.created == stopped and moment.location == DEFAULT_LOCATION:
            readings.moments.remove(moment)
            break
    else:
        moment = Moment(stopped, DEFAULT_LOCATION)
    if request.meter_stop >= 0:
        moment.put(DEFAULT_MEASURAND.property_name, float(request.meter_stop), TRANSACTION_END)
    return moment


def _readings_without_session(
    request: StopTransactionRequest, verdict: _Verdict, readings: Readings, scene: Scene
) -> Sequence[Effect]:
    """Stores the readings of a stop that ends nothing (spec Q30), on connector 0 if we cannot know better."""
    connector_id = verdict.session.connector_id if verdict.session else 0
    closing = _closing_moment(request, _stop_time(request, scene), readings)
    effects = reading_effects(readings, scene, connector_id, in_session(None))
    if closing.properties:
        effects += observed_moment(closing, scene, connector_id, None)
    return effects


_EVIDENCE = {
    "contradicts": ("stop_contradicted", "a second, different StopTransaction; the first one stands"),
    "foreign": ("stop_foreign", "a StopTransaction for another charger's transaction; nothing was stopped"),
    "refused": ("stop_unmatched", "a StopTransaction for a start that was refused"),
    "unknown": ("stop_unmatched", "a StopTransaction for a transaction that is not known"),
}


def _evidence(request: StopTransactionRequest, verdict: _Verdict, scene: Scene) -> Effect:
    name, message = _EVIDENCE[verdict.kind]
    return scene.event(
        name,
        message,
        transaction_id=request.transaction_id,
        timestamp=None if request.timestamp is None else request.timestamp.isoformat(),
        meter_stop=request.meter_stop,
        reason=_reason(request),
    )


STOP_TRANSACTION = Handler(_decide, _observe)
