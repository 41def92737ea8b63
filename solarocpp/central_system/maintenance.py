"""FirmwareStatusNotification and DiagnosticsStatusNotification: a status stream of the whole charger each.

The status is OCPP's spelling, `Uploaded` and not `UPLOADED` (architecture section 8, Q25); the
messages have no time of their own, so it is the time of reception (spec 5.2).
"""

from __future__ import annotations

from collections.abc import Sequence

from solarocpp.central_system.context import Context, Handler, Scene
from solarocpp.metering.datums import Datum, StatusProperties
from solarocpp.metering.source_ids import DIAGNOSTICS_STATUS, FIRMWARE_STATUS, source_id
from solarocpp.ocpp.messages import (
    DiagnosticsStatusNotificationConfirmation,
    DiagnosticsStatusNotificationRequest,
    FirmwareStatusNotificationConfirmation,
    FirmwareStatusNotificationRequest,
)
from solarocpp.store.effects import DatumObserved, Effect


def _status_effects(status: str, suffix: str, scene: Scene) -> Sequence[Effect]:
    charger = scene.charger
    if not charger.publish:
        return ()
    stream = source_id(charger.source_id_template, charger.identifier, charger.charger_id, None, None, suffix)
    datum = Datum(charger.node_id, stream, scene.received, {}, status=StatusProperties(status))
    return (DatumObserved(datum, scene.received),)


def _decide_diagnostics(
    _request: DiagnosticsStatusNotificationRequest, _context: Context
) -> DiagnosticsStatusNotificationConfirmation:
    return DiagnosticsStatusNotificationConfirmation()


def _observe_diagnostics(
    request: DiagnosticsStatusNotificationRequest,
    _confirmation: DiagnosticsStatusNotificationConfirmation,
    scene: Scene,
) -> Sequence[Effect]:
    return _status_effects(request.status, DIAGNOSTICS_STATUS, scene)


def _decide_firmware(
    _request: FirmwareStatusNotificationRequest, _context: Context
) -> FirmwareStatusNotificationConfirmation:
    return FirmwareStatusNotificationConfirmation()


def _observe_firmware(
    request: FirmwareStatusNotificationRequest, _confirmation: FirmwareStatusNotificationConfirmation, scene: Scene
) -> Sequence[Effect]:
    return _status_effects(request.status, FIRMWARE_STATUS, scene)


DIAGNOSTICS_STATUS_NOTIFICATION = Handler(_decide_diagnostics, _observe_diagnostics)
FIRMWARE_STATUS_NOTIFICATION = Handler(_decide_firmware, _observe_firmware)
