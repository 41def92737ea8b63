"""StartTransaction: a session begins, or is refused (spec 4.2, architecture section 8 Q1 to Q3)."""

from __future__ import annotations

from collections.abc import Sequence

from solarocpp.central_system.authorization import judge_token
from solarocpp.central_system.context import Context, Handler, Scene
from solarocpp.central_system.meter_values import observed_moment, time_replaced
from solarocpp.central_system.transactions import LAST_TRANSACTION_ID, StartContent, refusal_status, was_refused
from solarocpp.metering.datums import Moment, plausible_time
from solarocpp.metering.measurands import DEFAULT_LOCATION, DEFAULT_MEASURAND, TRANSACTION_BEGIN
from solarocpp.metering.source_ids import source_id
from solarocpp.ocpp.datatypes import AuthorizationStatus, IdTagInfo
from solarocpp.ocpp.messages import StartTransactionConfirmation, StartTransactionRequest
from solarocpp.store.effects import Effect, ReservationUsed, SessionRefused, SessionStarted


def _decide(request: StartTransactionRequest, context: Context) -> StartTransactionConfirmation:
    """Gives a start sent again its first answer (W5), any other one the next transactionId, accepted or not."""
    transactions = context.transactions
    charger_id, meter_start_wh = context.charger.charger_id, _meter_start_wh(request)
    content = StartContent(charger_id, request.connector_id, request.id_tag, request.timestamp, meter_start_wh)
    before = transactions.like_start(content, context.received)
    if before is not None and not was_refused(before):
        return StartTransactionConfirmation(before.transaction_id, IdTagInfo("Accepted"))
    status = (before and refusal_status(before)) or _judge_start(request, context)
    if before is not None and status != "Accepted":
        return StartTransactionConfirmation(before.transaction_id, IdTagInfo(status))
    if transactions.next_transaction_id > LAST_TRANSACTION_ID:
        raise OverflowError("every transactionId was given")
    return StartTransactionConfirmation(transactions.next_transaction_id, IdTagInfo(status))


def _judge_start(request: StartTransactionRequest, context: Context) -> AuthorizationStatus:
    """Judges the id tag, then how many sessions it may have open at once (architecture section 8, Q3)."""
    status = judge_token(request.id_tag, context).status
    row = context.registry.authorization(context.charger.account_id, request.id_tag)
    if status != "Accepted" or row is None or row.max_active is None:
        return status
    return "ConcurrentTx" if _sessions_elsewhere(request, context) >= row.max_active else "Accepted"


def _sessions_elsewhere(request: StartTransactionRequest, context: Context) -> int:
    """Counts open sessions of the id tag in this account, but for this connector: it can only charge one car.

    So a session whose stop was lost does not lock its driver out at the same place (Q70).
    """
    here = (context.charger.charger_id, request.connector_id)
    return sum(
        (session.charger_id, session.connector_id) != here
        and _account_of(session.charger_id, context) == context.charger.account_id
        for session in context.transactions.open_with_token(request.id_tag)
    )


def _account_of(charger_id: int, context: Context) -> int | None:
    try:
        return context.registry.charger(charger_id).account_id
    except KeyError:  # removed while its session was open
        return None


def _observe(
    request: StartTransactionRequest, confirmation: StartTransactionConfirmation, scene: Scene
) -> Sequence[Effect]:
    transaction_id = confirmation.transaction_id
    if transaction_id < scene.transactions.next_transaction_id:
        return ()  # sent again: the id was given before, and nothing changes
    charger = scene.charger
    plausible = plausible_time(request.timestamp, scene.received)
    began = SessionStarted(
        session_id=scene.transactions.session_id(transaction_id),
        node_id=charger.node_id,
        source_id=source_id(
            charger.source_id_template,
            charger.identifier,
            charger.charger_id,
            request.connector_id,
            DEFAULT_LOCATION,
        ),
        charger_id=charger.charger_id,
        connector_id=request.connector_id,
        transaction_id=transaction_id,
        token=request.id_tag,
        started=plausible or scene.received,
        meter_start_wh=_meter_start_wh(request),
        received=scene.received,
    )
    effects: list[Effect] = []
    if plausible is None:
        effects.append(time_replaced(scene, "StartTransaction", request.timestamp))
    if confirmation.id_tag_info.status != "Accepted":
        # Recorded and over: no datum, nothing that stays open (architecture section 8, Q1).
        return [SessionRefused(began, confirmation.id_tag_info.status), *effects]
    if request.reservation_id is not None:
        charger_id = scene.charger.charger_id
        effects.append(ReservationUsed(charger_id, request.reservation_id, began.transaction_id, scene.received))
    return [began, *effects, *_opening_datum(request, began, scene), *_suspects(request, scene)]


def _meter_start_wh(request: StartTransactionRequest) -> float | None:
    return float(request.meter_start) if request.meter_start >= 0 else None


def _opening_datum(request: StartTransactionRequest, began: SessionStarted, scene: Scene) -> Sequence[Effect]:
    if began.meter_start_wh is None:  # -1 for a meter that is not there or not read (Q82)
        unknown = scene.event(
            "meter_start_implausible",
            "a StartTransaction had a negative register",
            transaction_id=began.transaction_id,
            meter_start=request.meter_start,
        )
        return (unknown,)
    moment = Moment(began.started, DEFAULT_LOCATION)
    moment.put(DEFAULT_MEASURAND.property_name, began.meter_start_wh, TRANSACTION_BEGIN)
    return observed_moment(moment, scene, began.connector_id, began)


def _suspects(request: StartTransactionRequest, scene: Scene) -> Sequence[Effect]:
    """Points at sessions still open on the connector: their stop is missing, and may still come (Q60)."""
    return [
        scene.event(
            "session_suspect",
            "another transaction began on its connector",
            transaction_id=session.transaction_id,
            connector_id=session.connector_id,
        )
        for session in scene.transactions.open_sessions(scene.charger.charger_id)
        if session.connector_id == request.connector_id
    ]


START_TRANSACTION = Handler(_decide, _observe)
