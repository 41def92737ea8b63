"""StatusNotification: the connector's row, and a datum of its history (spec 5.1)."""

from __future__ import annotations

from collections.abc import Sequence

from solarocpp.central_system.context import Context, Handler, Scene
from solarocpp.central_system.meter_values import time_replaced
from solarocpp.metering.datums import Datum, StatusProperties, plausible_time
from solarocpp.metering.source_ids import STATUS, source_id
from solarocpp.ocpp.messages import StatusNotificationConfirmation, StatusNotificationRequest
from solarocpp.store.effects import ConnectorStatusChanged, DatumObserved, Effect


def _decide(_request: StatusNotificationRequest, _context: Context) -> StatusNotificationConfirmation:
    return StatusNotificationConfirmation()


def _observe(
    request: StatusNotificationRequest, _confirmation: StatusNotificationConfirmation, scene: Scene
) -> Sequence[Effect]:
    """Keeps device time and ours: the row shows what arrived last, so a future time blocks nothing (Q50, Q54)."""
    charger = scene.charger
    created = plausible_time(request.timestamp, scene.received) or scene.received
    session = scene.transactions.open_at(charger.charger_id, request.connector_id, created)
    effects: list[Effect] = [
        ConnectorStatusChanged(
            charger_id=charger.charger_id,
            connector_id=request.connector_id,
            timestamp=created,
            received=scene.received,
            status=request.status,
            error_code=request.error_code,
            info=request.info,
            vendor_id=request.vendor_id,
            vendor_error_code=request.vendor_error_code,
        )
    ]
    if charger.publish:
        status = StatusProperties(
            status=request.status,
            error_code=None if request.error_code == "NoError" else request.error_code,
            info=request.info,
            vendor_error_code=request.vendor_error_code,
            vendor_id=request.vendor_id,
            session_id=session.session_id if session else None,
            transaction_id=session.transaction_id if session else None,
        )
        stream = source_id(
            charger.source_id_template, charger.identifier, charger.charger_id, request.connector_id, None, STATUS
        )
        effects.append(DatumObserved(Datum(charger.node_id, stream, created, {}, status=status), scene.received))
    if request.timestamp is not None and request.timestamp != created:
        effects.append(time_replaced(scene, "StatusNotification", request.timestamp))
    if session is not None and request.status == "Available":
        # A stop is missing; it may still come, from a queue (Q60, Q101).
        effects.append(
            scene.event(
                "session_suspect",
                "its connector is Available",
                transaction_id=session.transaction_id,
                connector_id=session.connector_id,
            )
        )
    return effects


STATUS_NOTIFICATION = Handler(_decide, _observe)
